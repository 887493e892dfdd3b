"""One debt has one key and one act, whatever copies of the file there are and whatever else is at Stripe."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lib import bootstrap
from lib.domain.charges import ChargeState
from lib.domain.refunds import RefundState
from lib.domain.runs import RunState
from lib.errors import LedgerBehind
from lib.money import Money
from lib.services.charges.send import ChargeSender
from lib.services.charges.view import ChargeView
from lib.services.refunds.send import RefundSender
from lib.services.staff.users import PRACTICE_PASSWORD
from lib.store.meta import ACCOUNT, BEHIND, DECISIONS_REST, INSTALLATION
from lib.ui.charge_words import look_lines
from tests.charge_runs import approved, counts, payers, started
from tests.lost_files import copied, put_back
from tests.stopped_runs import around_send, one_payer
from tests.stripe_account import post
from tests.world import ADA, ALICE, BOB, World


def copied_before(
    world: World, monkeypatch: pytest.MonkeyPatch, sender: type, name: str, act: Callable[[], Any]
) -> tuple[Any, Path]:
    """What `act` came to, and a copy of the database from when its request was about to leave."""
    send, copies = getattr(sender, name), []

    def copying(self: Any, row: Any, **more: Any) -> Any:
        copies.append(copied(world))
        return send(self, row, **more)

    with monkeypatch.context() as patched:
        patched.setattr(sender, name, copying)
        result = act()
    return result, copies[0]


def worked(world: World) -> None:
    """The worker alone, for a while."""
    for _ in range(4):
        world.worker.run_once()
        world.clock.advance(minutes=5)


def refunds(world: World) -> list[int]:
    return [m.amount for m in world.stripe.money_moved() if m.kind != "charge"]


def paid_elsewhere(world: World, customer: str) -> None:
    """By another program or by hand, with the reference in Onfile's field and no other mark."""
    with world.uow.read() as stores:
        method = stores.mirror.payment_methods_of(customer)[0].id
    post(
        world,
        "/v1/payment_intents",
        amount="1234",
        currency="usd",
        customer=customer,
        payment_method=method,
        off_session="true",
        confirm="true",
        allowed_payment_method_types=["card"],
        metadata={"onfile_reference": "INV-1"},
    )


class TestSentAgainUnderItsKey:
    """Where the first request never arrived, asking again under its key is a charge."""

    def refused_in_a_copy(
        self, world: World, customer: str, monkeypatch: pytest.MonkeyPatch
    ) -> tuple[ChargeView, Path]:
        """Stripe was too busy to take the try that is on its way in the copy."""
        world.fault("rate_limited", times=4)
        view, copy = copied_before(
            world, monkeypatch, ChargeSender, "send", lambda: world.charge(customer)
        )
        assert view.charge.state is ChargeState.PLANNED
        return view, copy

    @pytest.mark.parametrize("has_anchor", [True, False])
    def test_by_an_older_copy_in_which_the_next_try_is_not(
        self, world: World, customer: str, monkeypatch: pytest.MonkeyPatch, has_anchor: bool
    ) -> None:
        view, copy = self.refused_in_a_copy(world, customer, monkeypatch)
        world.charge(customer)
        world.clock.advance(hours=2)
        put_back(world, copy)
        if not has_anchor:
            world.settings.database.with_suffix(".anchor").unlink()
        worked(world)
        assert len(world.moved()) == 1
        # An approver says that all may go on: the payment that was taken over stands in its way.
        world.services.completeness.confirm_decisions(by=BOB)
        worked(world)
        assert len(world.moved()) == 1
        (attempt, *_) = world.services.charges.view(view.charge.id).attempts
        (said,) = [
            one for one in look_lines(json.loads(attempt.last_look or "{}")) if "key" in one
        ][:1]
        assert said.startswith("Not asked again with the same key: ")

    def test_by_an_older_copy_of_what_was_cancelled(
        self, world: World, customer: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        view, copy = self.refused_in_a_copy(world, customer, monkeypatch)
        world.services.charges.cancel(view.charge.id, by=ALICE)
        world.clock.advance(hours=2)
        put_back(world, copy)
        worked(world)
        assert world.moved() == []

    def test_beside_a_payment_that_was_made_elsewhere(self, world: World, customer: str) -> None:
        world.fault("lost_request")
        assert world.charge(customer).charge.state is ChargeState.UNKNOWN
        paid_elsewhere(world, customer)
        worked(world)
        assert len(world.moved()) == 1

    def test_a_refund_by_an_older_copy(
        self, world: World, customer: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        charge = world.charge(customer).charge.id
        asked = {"money": Money(500, "usd"), "reason": "requested_by_customer", "note": "x"}
        order = world.services.refunds.request(charge, **asked, by=ALICE)
        world.stripe.faults.add("POST", "/v1/refunds", kind="rate_limited", times=4)
        done, copy = copied_before(
            world,
            monkeypatch,
            RefundSender,
            "refund",
            lambda: world.services.refunds.approve(order.id, by=BOB, password=PRACTICE_PASSWORD),
        )
        assert done.state is RefundState.NOT_EXECUTED
        again = world.services.refunds.request(charge, **asked, by=ALICE)
        world.services.refunds.approve(again.id, by=BOB, password=PRACTICE_PASSWORD)
        world.clock.advance(hours=1)
        put_back(world, copy)
        worked(world)
        assert refunds(world) == [500]

    def test_a_refund_beside_one_in_the_dashboard(self, world: World, customer: str) -> None:
        view = world.charge(customer)
        asked = {"money": Money(500, "usd"), "reason": "requested_by_customer", "note": "x"}
        order = world.services.refunds.request(view.charge.id, **asked, by=ALICE)
        world.stripe.faults.add("POST", "/v1/refunds", kind="lost_request")
        done = world.services.refunds.approve(order.id, by=BOB, password=PRACTICE_PASSWORD)
        assert done.state is RefundState.UNKNOWN
        intent = str(view.attempts[-1].payment_intent)
        post(world, "/v1/refunds", payment_intent=intent, amount="500")
        worked(world)
        assert refunds(world) == [500]


class TestAnOlderCopyThatGrows:
    def test_past_its_anchor_it_still_proves_older(self, world: World) -> None:
        """Enough entries after it was put back, and the anchor was its own: a cancelled run was executed."""
        run = approved(world, [(*one, 2_000, f"R-{n}") for n, one in enumerate(payers(world, 2))])
        world.services.runs.control.start(run.id, by=ALICE)
        world.services.sync.run_now(by=ALICE)
        copy = copied(world)
        world.services.runs.control.cancel(run.id, by=ALICE)
        put_back(world, copy)
        for _ in range(8):
            world.services.limits.set("usd", per_charge="900", per_run="", per_day="", by=ADA)
        worked(world)
        assert world.moved() == []
        assert world.services.completeness.decisions_rest_since() is not None

    def test_under_a_process_that_has_just_verified_it(self, world: World, customer: str) -> None:
        copy = copied(world)
        world.services.limits.set("usd", per_charge="9", per_run="", per_day="", by=ADA)
        world.services.completeness.verify()
        running = world.services
        put_back(world, copy)
        with pytest.raises(LedgerBehind):
            running.completeness.verify()

    def test_a_refund_that_was_rejected_since_is_not_sent(
        self, world: World, customer: str
    ) -> None:
        charge = world.charge(customer).charge.id
        order = world.services.refunds.request(
            charge, money=Money(500, "usd"), reason="duplicate", note="x", by=ALICE
        )
        copy = copied(world)
        world.services.refunds.reject(order.id, by=BOB, password=PRACTICE_PASSWORD, note="no")
        put_back(world, copy)
        with pytest.raises(LedgerBehind):
            world.services.refunds.approve(order.id, by=BOB, password=PRACTICE_PASSWORD)
        assert refunds(world) == []


class TestFoundOutWhileARunIsExecuted:
    @pytest.mark.parametrize("fact", [BEHIND, DECISIONS_REST])
    def test_it_stops_and_no_row_is_lost(
        self, world: World, monkeypatch: pytest.MonkeyPatch, fact: str
    ) -> None:
        """The worker takes over what was missing at once; what people decided rests all the same."""
        run_id = started(world, one_payer(world, 4))

        def older() -> None:
            with world.uow.write() as stores:
                stores.meta.set(fact, str(world.now))

        def taken_over() -> None:
            with world.uow.write() as stores:
                stores.meta.clear(BEHIND)

        around_send(monkeypatch, older, taken_over)
        world.services.runs.executor.execute(run_id)
        run = world.services.runs.control.find(run_id)
        code = {BEHIND: "ledger_behind", DECISIONS_REST: "decisions_rest"}[fact]
        assert (run.state, run.stop_code) == (RunState.STOPPED, code)
        assert counts(world, run_id) == {"succeeded": 1, "planned": 3}
        assert len(world.moved()) == 1


class TestOneKeyOfOneDebt:
    """Stripe lists what it made a moment later, or nobody asks it again; what is left is the key."""

    @pytest.fixture
    def beside(self, world: World, tmp_path: Path) -> Iterator[Callable[[], World]]:
        """Another process over a copy of this database."""
        made: list[World] = []

        def over_a_copy() -> World:
            folder = tmp_path / "beside"
            folder.mkdir()
            settings = replace(world.settings, data_dir=folder)
            shutil.copy(copied(world), settings.database)
            services = bootstrap.build_services(
                settings, clock=world.clock, api_base=world.server.base_url, bcrypt_rounds=4
            )
            made.append(World(settings, world.clock, world.stripe, world.server, services))
            return made[-1]

        yield over_a_copy
        for one in made:
            one.services.close()

    def test_also_where_only_one_of_two_keys_may_read_the_account(
        self, world: World, customer: str, beside: Callable[[], World]
    ) -> None:
        """Two installations in the same second."""
        second = beside()
        with second.uow.write() as stores:
            stores.meta.set(INSTALLATION, "ins_second")
            stores.meta.set(ACCOUNT, "acct_1OnfilePractice0")
        world.fault("shown_late", detail="10")
        world.charge(customer)
        assert second.charge(customer).charge.state is ChargeState.UNKNOWN
        assert len(world.moved()) == 1

    def test_also_where_stripe_turned_one_of_two_installations_away_before(
        self, world: World, customer: str, beside: Callable[[], World]
    ) -> None:
        second = beside()
        second.change("UPDATE meta SET value = 'ins_second' WHERE name = 'installation'")
        world.fault("rate_limited", times=4)
        world.charge(customer)
        world.fault("shown_late", detail="10")
        world.charge(customer)
        assert second.charge(customer).charge.state is ChargeState.UNKNOWN
        assert len(world.moved()) == 1

    @pytest.mark.parametrize("fault", ["rate_limited", "missing_permission"])
    def test_also_in_an_older_copy_that_does_not_know_who_was_turned_away(
        self, world: World, customer: str, fault: str
    ) -> None:
        """Its anchor is gone, and Stripe does not list the payment yet."""
        copy = copied(world)
        world.fault(fault, times=4 if fault == "rate_limited" else 1)
        assert world.charge(customer).charge.state is ChargeState.PLANNED
        world.fault("shown_late", detail="7200")
        world.charge(customer)
        world.clock.advance(hours=1)
        put_back(world, copy)
        world.settings.database.with_suffix(".anchor").unlink()
        assert world.charge(customer).charge.state is ChargeState.UNKNOWN
        assert len(world.moved()) == 1

    def test_also_where_two_processes_execute_one_run_over_two_copies(
        self, world: World, beside: Callable[[], World]
    ) -> None:
        """Both have verified their copy, and only one was told that it asks too often."""
        run_id = started(world, one_payer(world, 1))
        world.services.sync.run_now(by=ALICE)
        second = beside()
        second.services.completeness.verify_for_run()
        world.fault("rate_limited", times=8)
        world.services.runs.executor.execute(run_id)
        assert counts(world, run_id) == {"succeeded": 1}
        second.services.runs.executor.execute(run_id)
        assert counts(second, run_id) == {"unknown": 1}
        assert len(world.moved()) == 1

    def test_a_key_is_free_only_where_stripe_turned_the_try_away(
        self, world: World, customer: str
    ) -> None:
        charge = world.charge(customer).charge.id
        free = "UPDATE attempts SET idempotency_key = idempotency_key || ':not_executed:' || :id || ':1'"
        with pytest.raises(sqlite3.IntegrityError, match="keeps its key"):
            world.change(free, id=charge)
