"""The do-not-charge switch: nothing is charged while it is on, and no news or older file turns it off."""

from __future__ import annotations

import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lib import bootstrap
from lib.domain.charges import ChargeState, Outcome
from lib.domain.holds import CODE, METADATA_KEY
from lib.domain.runs import RowRequest, RunState
from lib.errors import Blocked, InvalidInput, NotFound, NotPermitted, StaleState
from lib.money import Money
from lib.services.charges.send import ChargeSender
from lib.services.mirror.apply import record_customers
from lib.services.runs.draft import RunSource
from lib.settings import load_settings
from lib.store.meta import INSTALLATION
from tests.charge_runs import (
    approved,
    audited,
    counts,
    executed,
    payers,
    rows_of,
    started,
)
from tests.lost_files import copied, lost, put_back
from tests.stripe_account import events, get, post
from tests.tries import try_again
from tests.webhook_route import deliver
from tests.world import ADA, ALICE, ALWAYS_DECLINES, BOB, VERA, World

WHY = "Sued us on 3 November"


def payer(world: World, email: str | None = None, number: str | None = None) -> str:
    customer = world.customer("Anna Amber", email)
    world.save_card(customer, *([number] if number else []))
    return customer


def held(world: World, customer: str) -> None:
    world.services.holds.set(customer, reason=WHY, by=ALICE)


def lifted(world: World, customer: str) -> None:
    world.services.holds.lift(customer, reason="They paid and settled", by=BOB)


def at_stripe(world: World, customer: str) -> str | None:
    value = get(world, f"/v1/customers/{customer}")["metadata"].get(METADATA_KEY)
    return None if value is None else str(value)


def is_on(world: World, customer: str) -> bool:
    return any(one.is_open for one in world.services.holds.of(customer))


def refused(world: World, customer: str, **order: str) -> None:
    with pytest.raises(Blocked) as refusal:
        world.charge(customer, **order)
    assert refusal.value.code == CODE


class TestNothingIsCharged:
    def test_singly_and_again_once_another_person_lifted_it(self, world: World) -> None:
        customer = payer(world)
        held(world, customer)
        with pytest.raises(Blocked, match=WHY):
            world.charge(customer)
        lifted(world, customer)
        assert world.charge(customer).charge.state is ChargeState.SUCCEEDED

    def test_nobody_opens_it_with_a_reason(self, world: World) -> None:
        customer = payer(world)
        held(world, customer)
        order = world.order(customer)
        with pytest.raises(Blocked) as refusal:
            world.services.charges.charge(
                replace(order, despite={CODE: "The boss said so"}), by=ALICE
            )
        assert refusal.value.code == CODE
        assert world.moved() == []

    def test_after_it_was_reviewed(self, world: World) -> None:
        customer = payer(world)
        order = world.order(customer)
        seen = world.services.charges.review(order, by=ALICE).fingerprint
        held(world, customer)
        with pytest.raises(Blocked):
            world.services.charges.charge(order, by=ALICE, seen=seen)
        assert world.moved() == []

    def test_a_failed_charge_again(self, world: World) -> None:
        customer = payer(world, number=ALWAYS_DECLINES)
        charge = world.charge(customer).charge
        world.save_card(customer)
        held(world, customer)
        world.clock.advance(days=3)
        with pytest.raises(Blocked) as refusal:
            try_again(world.services.charges, charge.id, by=ALICE)
        assert refusal.value.code == CODE
        view = world.services.charges.view(charge.id)
        assert view.refusal is not None
        assert view.refusal.code == CODE
        assert world.told(view) == ""
        assert world.moved() == []

    def test_a_twin(self, world: World) -> None:
        """Whoever has the same address in another writing; the first one may be gone by now."""
        one, other = payer(world, "büro@firma.example"), payer(world, "BU\u0308RO@Firma.example")
        stranger = payer(world, "anna@firma.example")
        held(world, one)
        with pytest.raises(Blocked, match=f"customer {one}, who has the same e-mail address"):
            world.charge(other)
        world.stripe.handle(
            "DELETE", f"/v1/customers/{one}", {}, {"Authorization": "Bearer sk_test_practice"}
        )
        world.services.customers.refresh(one)
        with pytest.raises(Blocked):
            world.charge(other)
        assert world.charge(stranger).charge.state is ChargeState.SUCCEEDED

    def test_rows_of_an_approved_run(self, world: World) -> None:
        people = payers(world, 3)
        run = approved(world, [(*one, 1_000 + n, f"R-{n}") for n, one in enumerate(people)])
        held(world, people[1][0])
        world.services.runs.control.start(run.id, by=ALICE)
        world.worker.do_runs()
        assert counts(world, run.id) == {"succeeded": 2, "blocked": 1}
        row = rows_of(world, run.id)[1]
        assert [finding.code for finding in row.findings] == [CODE]
        assert world.services.runs.control.find(run.id).state is RunState.FINISHED

    def test_rows_of_a_run_that_was_paused(self, world: World) -> None:
        [(customer, method)] = payers(world, 1)
        run = started(world, [(customer, method, 1_000, "R-1"), (customer, method, 1_100, "R-2")])
        world.services.runs.control.pause(run, by=ALICE)
        held(world, customer)
        world.services.runs.control.resume(run, by=ALICE)
        world.worker.do_runs()
        assert counts(world, run) == {"blocked": 2}
        assert world.moved() == []

    def test_rows_of_a_new_file(self, world: World) -> None:
        [(customer, _)] = payers(world, 1)
        held(world, customer)
        request = RowRequest(2, (), customer, Money(1_200, "usd"), "R-1")
        run = world.services.runs.drafts.create(RunSource((), "File"), [request], by=ALICE)
        [row] = rows_of(world, run.id)
        assert [finding.code for finding in row.findings] == [CODE]
        assert row.state.value == "blocked"

    def test_a_new_card_that_was_waited_for(self, world: World) -> None:
        customer = world.customer()
        method = world.save_card(customer, ALWAYS_DECLINES)
        run = executed(world, [(customer, method, 1_000, "R-1")], charge_new_cards=True)
        [row] = rows_of(world, run.id)
        link = world.services.charges.view(row.charge_id).recovery_link
        assert link is not None
        world.clock.advance(minutes=5)
        world.services.links.open_durable(link.token)
        with world.uow.read() as stores:
            session = stores.link_sessions.last_of(link.id)
        assert session is not None
        held(world, customer)
        world.finish(str(session.session_id))
        for _ in range(3):
            world.clock.advance(minutes=10)
            world.worker.do_new_cards()
        assert world.moved() == []
        [waited] = world.rows("SELECT refusal FROM new_card_charges")
        assert WHY in waited["refusal"]

    def test_what_never_arrived_is_not_sent_again(self, world: World) -> None:
        customer = payer(world)
        world.fault("lost_request")
        charge = world.charge(customer).charge
        assert charge.state is ChargeState.UNKNOWN
        held(world, customer)
        for hours in (1, 5, 20):
            world.clock.advance(hours=hours)
            world.worker.do_urgent()
        assert world.moved() == []

    def test_what_was_written_down_a_moment_before_does_not_leave(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        customer = payer(world)
        send = ChargeSender.send

        def meanwhile(self: ChargeSender, row: Any, **more: Any) -> Any:
            held(world, customer)
            return send(self, row, **more)

        monkeypatch.setattr(ChargeSender, "send", meanwhile)
        view = world.charge(customer)
        assert view.charge.state is ChargeState.PLANNED
        assert view.attempts[-1].outcome is Outcome.NOT_EXECUTED
        assert world.moved() == []


class TestTwoPeople:
    def test_whoever_set_it_does_not_lift_it(self, world: World) -> None:
        customer = payer(world)
        held(world, customer)
        with pytest.raises(NotPermitted):
            world.services.holds.lift(customer, reason="Changed my mind", by=ALICE)
        refused(world, customer)

    def test_the_schema_says_so_too(self, world: World) -> None:
        customer = payer(world)
        held(world, customer)
        lift = "UPDATE customer_holds SET lifted_by = 'alice', lifted_at = 1, lift_reason = 'x'"
        with pytest.raises(sqlite3.IntegrityError):
            world.change(lift)

    def test_a_viewer_neither_sets_nor_lifts_it(self, world: World) -> None:
        customer = payer(world)
        with pytest.raises(NotPermitted):
            world.services.holds.set(customer, reason=WHY, by=VERA)
        held(world, customer)
        with pytest.raises(NotPermitted):
            world.services.holds.lift(customer, reason=WHY, by=VERA)

    def test_both_need_a_reason(self, world: World) -> None:
        customer = payer(world)
        with pytest.raises(InvalidInput):
            world.services.holds.set(customer, reason=" ", by=ALICE)
        held(world, customer)
        with pytest.raises(InvalidInput):
            world.services.holds.lift(customer, reason=" ", by=BOB)

    def test_once(self, world: World) -> None:
        customer = payer(world)
        with pytest.raises(StaleState):
            lifted(world, customer)
        held(world, customer)
        with pytest.raises(StaleState):
            held(world, customer)
        with pytest.raises(NotFound):
            held(world, "cus_nobody")

    def test_is_audited(self, world: World) -> None:
        customer = payer(world)
        held(world, customer)
        lifted(world, customer)
        assert [one for one in audited(world) if one.startswith("customer.")] == [
            "customer.create",
            "customer.hold",
            "customer.release",
        ]


class TestTheSchema:
    def attempt(self, world: World, charge_id: str, outcome: str | None) -> None:
        world.change(
            """INSERT INTO attempts (charge_id, number, idempotency_key, params, requested_by,
                   requested_at, outcome, outcome_at, next_look_at)
               VALUES (:charge, 2, 'k2', '{}', 'x', 1, :outcome, iif(:outcome IS NULL, NULL, 1), 1)""",
            charge=charge_id,
            outcome=outcome,
        )

    @pytest.mark.parametrize("whose", ["own", "twin"])
    def test_no_attempt_begins_for_a_customer_on_hold(self, world: World, whose: str) -> None:
        customer = payer(world, "a@firma.example", ALWAYS_DECLINES)
        charge = world.charge(customer).charge
        other = world.customer("Twin", "A@Firma.example")
        held(world, customer if whose == "own" else other)
        with pytest.raises(sqlite3.IntegrityError, match="must not be charged"):
            self.attempt(world, charge.id, None)

    def test_what_happened_at_stripe_is_written_down_all_the_same(self, world: World) -> None:
        customer = payer(world, number=ALWAYS_DECLINES)
        charge = world.charge(customer).charge
        held(world, customer)
        self.attempt(world, charge.id, "declined")

    @pytest.mark.parametrize(
        "statement",
        [
            "DELETE FROM customer_holds",
            "UPDATE customer_holds SET customer = 'cus_other'",
            "UPDATE customer_holds SET lifted_at = NULL, lifted_by = NULL, lift_reason = NULL",
            "UPDATE customer_holds SET reason = 'another'",
        ],
    )
    def test_a_hold_keeps_what_it_was(self, world: World, statement: str) -> None:
        customer = payer(world)
        held(world, customer)
        lifted(world, customer)
        with pytest.raises(sqlite3.IntegrityError):
            world.change(statement)


class TestAtStripe:
    def test_the_customer_says_so(self, world: World) -> None:
        customer = payer(world)
        held(world, customer)
        value = at_stripe(world, customer)
        assert value is not None
        assert value.startswith("on hld_")
        assert value.endswith(f"alice: {WHY}")
        assert world.services.holds.waiting(customer) is None
        lifted(world, customer)
        assert (at_stripe(world, customer) or "").startswith("lifted hld_")

    def test_a_request_that_failed_is_made_again_by_the_worker(self, world: World) -> None:
        customer = payer(world)
        world.stripe.faults.add(
            "POST", f"/v1/customers/{customer}", kind="error_500_saved", times=9
        )
        held(world, customer)
        assert at_stripe(world, customer) is None
        waiting = world.services.holds.waiting(customer)
        assert waiting is not None
        assert waiting.error
        refused(world, customer)
        world.stripe.faults.clear()
        world.clock.advance(minutes=1)
        world.worker.do_urgent()
        assert (at_stripe(world, customer) or "").startswith("on ")
        assert world.services.holds.waiting(customer) is None

    def test_one_that_somebody_else_is_writing_is_left_to_them(self, world: World) -> None:
        customer = payer(world)
        with world.uow.write() as stores:
            stores.holds.want_write(customer, at=world.now)
            assert stores.holds.claim_write(customer, now=world.now) is not None
            assert stores.holds.claim_write(customer, now=world.now) is None
            assert stores.holds.claim_write(customer, now=world.now + 301) is not None

    def test_what_changed_while_it_was_written_is_written_too(self, world: World) -> None:
        customer = payer(world)
        with world.uow.write() as stores:
            stores.holds.want_write(customer, at=world.now)
            write = stores.holds.claim_write(customer, now=world.now)
            assert write is not None
            stores.holds.want_write(customer, at=world.now)
            assert not stores.holds.end_write(write)
            assert stores.holds.due(now=world.now, limit=9) == [customer]

    def test_set_there_it_holds_here_by_webhook(self, world: World) -> None:
        customer = payer(world)
        post(world, f"/v1/customers/{customer}", metadata={METADATA_KEY: WHY})
        [news] = events(world, "customer.updated")
        assert deliver(world, news) == 204
        world.worker.do_urgent()
        [hold] = world.services.holds.of(customer)
        assert (hold.is_from_stripe, hold.reason, hold.is_open) == (True, WHY, True)
        refused(world, customer)
        assert "customer.hold_at_stripe" in audited(world)

    def test_set_there_it_holds_here_by_sync_for_twins_too(self, world: World) -> None:
        one, other = payer(world, "a@firma.example"), payer(world, "A@Firma.example")
        world.services.sync.run(full=True)
        post(world, f"/v1/customers/{one}", metadata={METADATA_KEY: WHY})
        world.services.sync.run()
        assert is_on(world, one)
        refused(world, other)

    def test_set_there_it_holds_a_single_charge_without_any_news(self, world: World) -> None:
        customer = payer(world)
        world.services.completeness.verify()
        post(world, f"/v1/customers/{customer}", metadata={METADATA_KEY: WHY})
        refused(world, customer)

    def test_set_there_while_a_run_waits(self, world: World) -> None:
        people = payers(world, 2)
        run = started(world, [(*one, 1_000 + n, f"R-{n}") for n, one in enumerate(people)])
        post(world, f"/v1/customers/{people[0][0]}", metadata={METADATA_KEY: WHY})
        world.clock.advance(minutes=2)
        world.worker.do_runs()
        assert counts(world, run) == {"succeeded": 1, "blocked": 1}

    def test_where_events_cannot_tell_it_is_searched_for(self, world: World) -> None:
        people = payers(world, 2)
        world.services.sync.run(full=True)
        run = started(world, [(*one, 1_000 + n, f"R-{n}") for n, one in enumerate(people)])
        post(world, f"/v1/customers/{people[0][0]}", metadata={METADATA_KEY: WHY})
        world.stripe.faults.add("GET", "/v1/events", kind="missing_permission", times=99)
        world.clock.advance(minutes=2)
        world.worker.do_runs()
        assert counts(world, run) == {"succeeded": 1, "blocked": 1}

    def test_lifted_there_one_that_was_set_there_is_lifted_here(self, world: World) -> None:
        customer = payer(world)
        mark = "hld_0elsewhere 2026-11-20T10:00:00Z"
        post(world, f"/v1/customers/{customer}", metadata={METADATA_KEY: f"on {mark} carl: {WHY}"})
        refused(world, customer)
        post(world, f"/v1/customers/{customer}", metadata={METADATA_KEY: f"lifted {mark} carl: Me"})
        refused(world, customer)
        post(world, f"/v1/customers/{customer}", metadata={METADATA_KEY: f"lifted {mark} dora: Ok"})
        assert world.charge(customer).charge.state is ChargeState.SUCCEEDED
        [hold] = world.services.holds.of(customer)
        assert (hold.lifted_by, hold.lift_reason) == ("dora", "Ok")

    @pytest.mark.parametrize("value", ["", "lifted", "again"])
    def test_one_that_was_set_here_stays_on(self, world: World, value: str) -> None:
        """Erased, overwritten, or lifted by another installation: when in doubt it is on."""
        customer = payer(world)
        held(world, customer)
        mark = (at_stripe(world, customer) or "").replace("on ", "lifted ").replace("alice", "dora")
        told = {"": "", "lifted": mark, "again": "yes"}[value]
        post(world, f"/v1/customers/{customer}", metadata={METADATA_KEY: told})
        refused(world, customer)
        world.worker.do_urgent()
        written = at_stripe(world, customer)
        assert {"": (written or "").startswith("on hld_"), "lifted": written == mark}.get(
            value, written == "yes"
        )

    def test_old_news_do_not_revive_what_was_lifted(self, world: World) -> None:
        customer = payer(world)
        held(world, customer)
        old = world.services.gateway.retrieve_customer(customer)
        asked_at_ms = world.now * 1000
        world.clock.advance(seconds=30)
        lifted(world, customer)
        with world.uow.write() as stores:
            record_customers(stores, [old], synced_at_ms=asked_at_ms)
        assert not is_on(world, customer)
        world.clock.advance(seconds=30)
        with world.uow.write() as stores:
            record_customers(stores, [old], synced_at_ms=world.now * 1000)
        assert is_on(world, customer), "somebody switched it on again after we had lifted it"


class TestOlderFiles:
    def test_a_copy_from_before_the_switch_learns_of_it(self, world: World) -> None:
        people = payers(world, 2)
        customer = people[0][0]
        world.services.sync.run_now(by=ALICE)
        run = started(world, [(*one, 1_000 + n, f"R-{n}") for n, one in enumerate(people)])
        copy = copied(world)
        held(world, customer)
        world.clock.advance(hours=2)
        put_back(world, copy)
        assert not is_on(world, customer)
        for _ in range(4):
            world.worker.run_once()
            world.clock.advance(minutes=2)
        assert world.moved() == []
        assert is_on(world, customer)
        world.services.completeness.confirm_decisions(by=BOB)
        world.services.runs.control.resume(run, by=ALICE)
        world.worker.run_once()
        assert counts(world, run) == {"succeeded": 1, "blocked": 1}
        with pytest.raises(NotPermitted):
            world.services.holds.lift(customer, reason="It was me", by=ALICE)

    def test_a_copy_without_its_anchor_learns_of_it_before_money_moves(self, world: World) -> None:
        people = payers(world, 2)
        world.services.sync.run_now(by=ALICE)
        run = started(world, [(*one, 1_000 + n, f"R-{n}") for n, one in enumerate(people)])
        copy = copied(world)
        held(world, people[0][0])
        world.clock.advance(hours=2)
        put_back(world, copy)
        world.settings.database.with_suffix(".anchor").unlink()
        world.worker.do_runs()
        assert counts(world, run) == {"succeeded": 1, "blocked": 1}

    def test_a_copy_from_before_it_was_lifted_keeps_it_on(self, world: World) -> None:
        customer = payer(world)
        world.services.sync.run_now(by=ALICE)
        held(world, customer)
        copy = copied(world)
        lifted(world, customer)
        world.clock.advance(hours=2)
        put_back(world, copy)
        world.settings.database.with_suffix(".anchor").unlink()
        world.worker.run_once()
        refused(world, customer)

    def test_no_file_at_all(self, world: World) -> None:
        customer = payer(world)
        world.charge(customer)
        held(world, customer)
        old = lost(world)
        world.services.rebuilds.rebuild(by=ALICE, installation=old)
        assert is_on(world, customer)
        refused(world, customer, reference="INV-2")


class TestASecondInstallation:
    @pytest.fixture
    def second(self, world: World, tmp_path: Path) -> World:
        """Over the same account, with what the first had; both go on by themselves."""
        folder = tmp_path / "second"
        shutil.copytree(world.settings.data_dir, folder / "data")
        settings = load_settings(
            folder,
            {
                "ONFILE_DATA_DIR": str(folder / "data"),
                "ONFILE_MAX_RPS": "0",
                "ONFILE_TIMEZONE": "UTC",
            },
        )
        services = bootstrap.build_services(
            settings, clock=world.clock, api_base=world.server.base_url, bcrypt_rounds=4
        )
        other = World(settings, world.clock, world.stripe, world.server, services)
        with other.uow.write() as stores:
            stores.meta.set(INSTALLATION, "ins_second")
        return other

    def test_obeys_and_is_obeyed(self, world: World, request: pytest.FixtureRequest) -> None:
        customer = payer(world)
        world.services.sync.run(full=True)
        other: World = request.getfixturevalue("second")
        held(world, customer)
        other.services.sync.run()
        refused(other, customer)
        # One of either has to be lifted where it was set, or where it was read.
        lifted(world, customer)
        world.clock.advance(minutes=1)
        other.services.sync.run()
        assert other.charge(customer).charge.state is ChargeState.SUCCEEDED
        other.services.close()

    def test_two_that_were_set_at_once_are_two(
        self, world: World, request: pytest.FixtureRequest
    ) -> None:
        customer = payer(world)
        world.services.sync.run(full=True)
        other: World = request.getfixturevalue("second")
        held(world, customer)
        other.services.holds.set(customer, reason=WHY, by=ADA)
        world.clock.advance(minutes=1)
        for _ in range(3):
            world.worker.run_once()
            other.worker.run_once()
            world.clock.advance(minutes=1)
        lifted(other, customer)
        world.clock.advance(minutes=1)
        for _ in range(3):
            world.worker.run_once()
            other.worker.run_once()
            world.clock.advance(minutes=1)
        refused(world, customer)
        other.services.close()
