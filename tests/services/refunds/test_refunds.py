"""Money that goes back: two people, one movement, and an outcome that is always found out."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from lib.domain.actors import Actor, Role
from lib.domain.incidents import UNEXPECTED_REFUND
from lib.domain.mirror import Refund
from lib.domain.refunds import RefundOrder, RefundState
from lib.domain.resolutions import LookResult
from lib.errors import (
    InvalidInput,
    Misconfigured,
    NotPermitted,
    NotSignedIn,
    OnfileError,
    StaleState,
)
from lib.money import Money
from lib.services.refunds.send import RefundSender
from lib.services.staff.users import PRACTICE_PASSWORD
from tests.beginnings import made_once
from tests.charge_runs import audited, uow
from tests.forked_executors import DIED, Executors
from tests.world import ADA, ALICE, BOB, VERA, World, new_world

REFUND_PENDS, REFUND_FAILS, IS_DISPUTED = "4000000000007726", "4000000000005126", "4000000000000259"
IS_INQUIRED = "4000000000001976"
DAY = 86_400


@pytest.fixture
@made_once
def paid(world: World) -> str:
    """A charge of $12.34."""
    return charged(world)


def charged(world: World, number: str = "4242424242424242", reference: str = "INV-1") -> str:
    world.services.users.add_practice_users()
    customer = world.customer()
    world.save_card(customer, number)
    return world.charge(customer, reference=reference).charge.id


def dispute_of(world: World) -> str:
    """The id of the only dispute there is at Stripe."""
    row = world.stripe.database.connection().execute(
        "SELECT id FROM objects WHERE kind = 'dispute'"
    )
    return str(row.fetchone()["id"])


def ask(world: World, charge_id: str, amount: int = 1_234, *, by: Actor = ALICE) -> RefundOrder:
    return world.services.refunds.request(
        charge_id,
        money=Money(amount, "usd"),
        reason="requested_by_customer",
        note="Wrong invoice",
        by=by,
    )


def approve(world: World, order: RefundOrder, *, by: Actor = BOB) -> RefundOrder:
    return world.services.refunds.approve(order.id, by=by, password=PRACTICE_PASSWORD)


def state(world: World, order: RefundOrder) -> RefundState:
    (found,) = [o for o in world.services.refunds.of_charge(order.charge_id) if o.id == order.id]
    return found.state


def returned(world: World) -> list[int]:
    """Minor units that practice Stripe gave back, each time."""
    return [m.amount for m in world.stripe.money_moved() if m.kind == "refund"]


def fault(world: World, kind: str, **more: object) -> None:
    world.stripe.faults.add("POST", "/v1/refunds", kind=kind, **more)  # type: ignore[arg-type]


def in_the_dashboard(world: World, order_or_charge: str, amount: int) -> None:
    intent = world.services.refunds.refundable(order_or_charge).payment_intent
    world.services.gateway.create_refund(
        {"payment_intent": intent, "amount": amount}, idempotency_key=f"elsewhere-{amount}"
    )


def sender(world: World) -> RefundSender:
    return world.services.refunds.sender


def look(world: World, **later: float) -> int:
    world.clock.advance(**(later or {"seconds": 61}))
    return world.services.refund_resolver.resolve_due()


class TestTwoPeople:
    def test_one_asks_another_approves_and_the_money_goes_back(self, world, paid) -> None:
        order = ask(world, paid)
        assert order.state is RefundState.REQUESTED
        assert not returned(world), "nothing moves before somebody else approves"
        assert approve(world, order).state is RefundState.SUCCEEDED
        assert returned(world) == [1_234]
        assert [a for a in audited(world) if a.startswith("refund.")] == [
            "refund.requested",
            "refund.approved",
            "refund.succeeded",
        ]
        kinds = [e.kind for e in world.services.reports.charges.timeline(paid)]
        assert kinds[-3:] == ["refund_requested", "refund_approved", "refund_succeeded"]
        with uow(world).read() as stores:
            assert stores.charges.find(paid).state.value == "succeeded"

    def test_nobody_approves_their_own(self, world, paid) -> None:
        order = ask(world, paid, by=ADA)
        with pytest.raises(NotPermitted):
            approve(world, order, by=ADA)
        assert audited(world)[-1] == "refund.approve_refused"
        assert state(world, order) is RefundState.REQUESTED
        assert not returned(world)

    @pytest.mark.parametrize("person", [ALICE, VERA], ids=lambda actor: actor.username)
    def test_an_approver_is_needed(self, world, paid, person) -> None:
        order = ask(world, paid, by=ADA)
        with pytest.raises(NotPermitted):
            approve(world, order, by=person)
        assert not returned(world)

    def test_roles_are_those_of_this_moment(self, world, paid) -> None:
        order = ask(world, paid)
        world.services.users.set_roles("bob", frozenset({Role.OPERATOR}), by=ADA)
        with pytest.raises(NotPermitted):
            approve(world, order)
        assert not returned(world)

    def test_the_password_is_asked_again(self, world, paid) -> None:
        order = ask(world, paid)
        with pytest.raises(NotSignedIn):
            world.services.refunds.approve(order.id, by=BOB, password="wrong")
        assert state(world, order) is RefundState.REQUESTED

    def test_rejecting_needs_a_reason_and_ends_it(self, world, paid) -> None:
        order = ask(world, paid)
        reject = world.services.refunds.reject
        with pytest.raises(InvalidInput):
            reject(order.id, by=BOB, password=PRACTICE_PASSWORD, note=" ")
        reject(order.id, by=BOB, password=PRACTICE_PASSWORD, note="Was right")
        assert state(world, order) is RefundState.REJECTED
        with pytest.raises(StaleState):
            approve(world, order, by=ADA)
        assert not returned(world)
        assert ask(world, paid).state is RefundState.REQUESTED

    def test_who_asked_may_take_it_back(self, world, paid) -> None:
        order = ask(world, paid)
        world.services.refunds.withdraw(order.id, by=ALICE)
        with pytest.raises(StaleState):
            approve(world, order)
        with pytest.raises(StaleState):
            world.services.refunds.withdraw(order.id, by=ALICE)
        assert not returned(world)

    def test_two_approvers_at_once_send_it_once(self, world, paid) -> None:
        order = ask(world, paid)

        def agree(by: Actor) -> bool:
            with suppress(StaleState):
                approve(world, order, by=by)
                return True
            return False

        with ThreadPoolExecutor(4) as pool:
            agreed = list(pool.map(agree, [BOB, ADA, BOB, ADA]))
        assert sum(agreed) == 1
        assert returned(world) == [1_234]


class TestHowMuch:
    def test_parts_add_up_to_what_was_paid(self, world, paid) -> None:
        approve(world, ask(world, paid, 1_000))
        assert world.services.refunds.refundable(paid).left == 234
        with pytest.raises(InvalidInput):
            ask(world, paid, 235)
        approve(world, ask(world, paid, 234))
        with pytest.raises(StaleState):
            ask(world, paid, 1)
        assert returned(world) == [1_000, 234]

    def test_only_one_at_a_time(self, world, paid) -> None:
        ask(world, paid, 100)
        with pytest.raises(StaleState):
            ask(world, paid, 100)

    @pytest.mark.parametrize(
        ("amount", "says"), [(0, "more than nothing"), (-1, "without a sign"), (1_235, "At most ")]
    )
    def test_neither_nothing_nor_too_much(self, world, paid, amount, says) -> None:
        with pytest.raises(InvalidInput, match=says):
            ask(world, paid, amount)

    def test_another_currency_is_no_part_of_it(self, world, paid) -> None:
        with pytest.raises(InvalidInput):
            world.services.refunds.request(
                paid, money=Money(100, "eur"), reason="duplicate", note="x", by=ALICE
            )

    def test_what_was_not_paid_cannot_go_back(self, world) -> None:
        declined = charged(world, "4000000000000341")
        with pytest.raises(StaleState):
            ask(world, declined)

    def test_given_back_in_the_dashboard_between_asking_and_approving(self, world, paid) -> None:
        order = ask(world, paid, 500)
        in_the_dashboard(world, paid, 500)
        with pytest.raises(StaleState):
            approve(world, order)
        assert returned(world) == [500], "a part is not given back twice"

    @pytest.mark.parametrize("status", ["needs_response", "under_review", "lost"])
    def test_disputed_money_is_decided_at_the_bank(self, world, status) -> None:
        disputed = charged(world, IS_DISPUTED)
        world.stripe.alter(dispute_of(world), {"status": status})
        with pytest.raises(StaleState, match="the bank took the money"):
            ask(world, disputed)

    def test_a_won_dispute_leaves_a_charge_like_any_other(self, world) -> None:
        """Recorded: Stripe refunds it, though `is_charge_refundable` is false and it is `disputed`."""
        won = charged(world, IS_DISPUTED)
        world.stripe.close_dispute(dispute_of(world), won=True)
        assert approve(world, ask(world, won)).state is RefundState.SUCCEEDED
        [known] = world.services.refunds.disputes(won)
        assert (known.status, known.allows_refund) == ("won", True)

    @pytest.mark.parametrize("status", ["warning_needs_response", "warning_under_review"])
    def test_an_inquiry_is_refunded_at_once(self, world, status) -> None:
        asked_about = charged(world, IS_INQUIRED)
        world.stripe.alter(dispute_of(world), {"status": status})
        assert approve(world, ask(world, asked_about)).state is RefundState.SUCCEEDED
        world.services.sync.run()
        [known] = world.services.refunds.disputes(asked_about)
        assert known.status == "warning_closed"

    def test_what_becomes_a_chargeback_before_the_approval_is_not_sent(self, world) -> None:
        asked_about = charged(world, IS_INQUIRED)
        order = ask(world, asked_about)
        world.stripe.escalate_inquiry(dispute_of(world))
        with pytest.raises(StaleState, match="the bank took the money"):
            approve(world, order)
        assert returned(world) == []


class TestOutcomes:
    @pytest.mark.parametrize(
        "kind",
        ["lost_reply", "truncated_json", "lost_request", "conflict_409", "error_500_unsaved"],
    )
    def test_a_lost_answer_is_found_out_by_the_same_key(self, world, paid, kind) -> None:
        order = ask(world, paid)
        fault(world, kind)
        assert approve(world, order).state is RefundState.UNKNOWN
        with pytest.raises(StaleState):
            ask(world, paid)
        look(world)
        assert state(world, order) is RefundState.SUCCEEDED
        assert returned(world) == [1_234]

    def test_a_saved_500_is_no_failure(self, world, paid) -> None:
        """Stripe repeats it under this key for a day; whether money moved, only the list says."""
        order = ask(world, paid)
        fault(world, "error_500_saved")
        assert approve(world, order).state is RefundState.UNKNOWN
        look(world)
        assert state(world, order) is RefundState.UNKNOWN
        look(world, days=1)
        assert state(world, order) is RefundState.NOT_EXECUTED
        assert not returned(world)
        approve(world, ask(world, paid))
        assert returned(world) == [1_234]

    def test_an_old_key_is_never_used_again(self, world, paid) -> None:
        """Stripe forgot it, and would execute the request once more; the list knows."""
        order = ask(world, paid, 100)
        fault(world, "lost_reply")
        approve(world, order)
        look(world, seconds=DAY + 3_600)
        assert state(world, order) is RefundState.SUCCEEDED
        assert returned(world) == [100]

    def test_reading_stripe_alone_settles_it(self, world, paid) -> None:
        world.services.sync.run()
        order = ask(world, paid)
        fault(world, "lost_reply")
        approve(world, order)
        world.services.sync.run()
        assert state(world, order) is RefundState.SUCCEEDED

    def test_a_key_without_the_permission_moves_nothing(self, world, paid) -> None:
        order = ask(world, paid)
        fault(world, "missing_permission")
        assert approve(world, order).state is RefundState.NOT_EXECUTED
        assert not returned(world)

    def test_stripe_refuses(self, world, paid) -> None:
        """Given back elsewhere at the very moment."""
        order = ask(world, paid)
        gateway = world.services.gateway
        send, params = gateway.create_refund, {"payment_intent": order.payment_intent}

        def late(given: object, *, idempotency_key: str, **more: Any) -> object:
            send(params, idempotency_key="elsewhere")
            return send(given, idempotency_key=idempotency_key)

        gateway.create_refund = late
        refused = approve(world, order)
        assert refused.state is RefundState.REFUSED
        assert refused.code == "charge_already_refunded"
        assert returned(world) == [1_234]

    def test_a_refund_that_takes_its_time(self, world) -> None:
        order = ask(world, charged(world, REFUND_PENDS))
        assert approve(world, order).state is RefundState.PENDING
        look(world, hours=7)
        assert state(world, order) is RefundState.SUCCEEDED

    def test_a_refund_that_the_bank_gives_back(self, world) -> None:
        """It counted as done; the news comes later, by Stripe's events."""
        world.services.sync.run()
        charge_id = charged(world, REFUND_FAILS)
        order = ask(world, charge_id)
        assert approve(world, order).state is RefundState.SUCCEEDED
        world.clock.advance(minutes=5)
        world.stripe.money_moved()
        world.services.sync.run()
        assert state(world, order) is RefundState.FAILED
        assert ask(world, charge_id).state is RefundState.REQUESTED

    def test_what_cannot_be_written_down_is_settled_later(self, world, paid, monkeypatch) -> None:
        order = ask(world, paid)
        service = sender(world)

        def broken(*_: object, **__: object) -> None:
            raise sqlite3.OperationalError("database or disk is full")

        with monkeypatch.context() as patch:
            patch.setattr(service, "record", broken)
            with pytest.raises(OnfileError, match="could not be written down"):
                approve(world, order)
        assert state(world, order) is RefundState.SENDING
        look(world)
        assert state(world, order) is RefundState.SUCCEEDED
        assert returned(world) == [1_234]

    def test_a_busy_database_after_the_request_is_waited_for(
        self, world, paid, monkeypatch
    ) -> None:
        service = sender(world)
        record, create = service.record, world.services.gateway.create_refund
        times, keys = iter(range(2)), []

        def busy(*args: object, **more: object) -> None:
            if next(times, None) is not None:
                raise sqlite3.OperationalError("database is locked")
            record(*args, **more)

        def counted(*args: object, idempotency_key: str, **more: object) -> Refund:
            keys.append(idempotency_key)
            return create(*args, idempotency_key=idempotency_key, **more)

        monkeypatch.setattr(service, "record", busy)
        monkeypatch.setattr(world.services.gateway, "create_refund", counted)
        assert approve(world, ask(world, paid)).state is RefundState.SUCCEEDED
        assert len(keys) == 1, "only the recording is repeated"

    def test_copied_metadata_settles_nothing(self, world, paid) -> None:
        order = ask(world, paid, 700)
        fault(world, "lost_request", times=1)
        approve(world, order)
        world.services.gateway.create_refund(
            {
                "payment_intent": order.payment_intent,
                "amount": 100,
                "metadata": {"onfile_refund_id": order.id},
            },
            idempotency_key="copied",
        )
        world.services.sync.run()
        assert state(world, order) is RefundState.UNKNOWN

    def test_when_stripe_cannot_be_asked_nothing_is_decided(self, world) -> None:
        order = ask(world, charged(world))
        world.stripe.faults.add("GET", "/v1/payment_intents", kind="missing_permission")
        with pytest.raises(Misconfigured):
            approve(world, order)
        assert state(world, order) is RefundState.REQUESTED


@pytest.fixture
def house(tmp_path: Path) -> Iterator[tuple[World, Executors]]:
    with new_world(tmp_path) as world:
        executors = Executors(world)
        yield world, executors
        executors.close()


class TestCrashes:
    def test_dying_anywhere_gives_back_once(self, house) -> None:
        """At every commit and every call of an approval; then another process finds out."""
        world, executors = house
        points = 0
        for die_at in range(1, 60):
            order = ask(world, charged(world, reference=f"DIE-{die_at}"), 100 + die_at)
            (ended,) = executors.run({"refund": order.id, "die_at": die_at})
            if ended.exit == 0:
                break
            assert ended.exit == DIED
            points += 1
            look(world)
            if state(world, order) is RefundState.REQUESTED:
                assert 100 + die_at not in returned(world)
                approve(world, order)
            assert state(world, order) is RefundState.SUCCEEDED
            assert returned(world).count(100 + die_at) == 1
        assert points >= 8


class TestSchema:
    """To somebody with a SQLite shell."""

    @pytest.mark.parametrize(
        "change",
        [
            "UPDATE refunds SET decided_by = requested_by, decided_at = 1, state = 'rejected'",
            "UPDATE refunds SET amount = 5",
            "UPDATE refunds SET state = 'succeeded'",
            "UPDATE refunds SET state = 'sending'",
            "UPDATE refunds SET requested_by = 'bob'",
            "DELETE FROM refunds",
        ],
    )
    def test_a_request_stays_what_it_is(self, world, paid, change) -> None:
        ask(world, paid)
        with (
            sqlite3.connect(world.settings.database) as shell,
            pytest.raises(sqlite3.IntegrityError),
        ):
            shell.execute(change)

    @pytest.mark.parametrize(
        "change",
        [
            "UPDATE refunds SET idempotency_key = 'other'",
            "UPDATE refunds SET params = '{}'",
            "UPDATE refunds SET refund = 're_other'",
            "UPDATE refunds SET decided_by = 'ada'",
            "UPDATE refunds SET state = 'unknown'",
            "UPDATE refunds SET state = 'requested', idempotency_key = NULL, params = NULL,"
            " decided_by = NULL, decided_at = NULL",
        ],
    )
    def test_what_was_sent_stays_what_it_is(self, world, paid, change) -> None:
        approve(world, ask(world, paid))
        with (
            sqlite3.connect(world.settings.database) as shell,
            pytest.raises(sqlite3.IntegrityError),
        ):
            shell.execute(change)

    @pytest.mark.parametrize(
        "changes",
        [
            {"amount": 1_235},
            {"refunded_before": 1_200},
            {"currency": "eur"},
            {"payment_intent": "pi_other"},
            {"state": "sending"},
            {"note": " "},
            {"reason": "because"},
        ],
        ids=json.dumps,
    )
    def test_more_than_was_paid_cannot_be_asked_for(self, world, paid, changes) -> None:
        order = ask(world, paid, 100)
        world.services.refunds.withdraw(order.id, by=ALICE)
        with sqlite3.connect(world.settings.database) as shell:
            shell.row_factory = sqlite3.Row
            row = dict(shell.execute("SELECT * FROM refunds").fetchone()) | {"position": None}
            copy = row | {"id": "rfd_2", "state": "requested"} | changes
            insert = (
                f"INSERT INTO refunds ({', '.join(copy)}) VALUES ({', '.join('?' * len(copy))})"
            )
            with pytest.raises(sqlite3.IntegrityError):
                shell.execute(insert, list(copy.values()))
            shell.execute(insert, [*(copy | row | {"id": "rfd_3", "state": "requested"}).values()])

    def test_one_open_refund_a_charge(self, world, paid) -> None:
        ask(world, paid, 100)
        with sqlite3.connect(world.settings.database) as shell:
            shell.row_factory = sqlite3.Row
            row = dict(shell.execute("SELECT * FROM refunds").fetchone()) | {"id": "rfd_2"}
            with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
                shell.execute(
                    f"INSERT INTO refunds ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})",
                    list(row.values()),
                )


class TestNoDeadEnds:
    def killed(self, world: World, order: RefundOrder, monkeypatch: pytest.MonkeyPatch) -> None:
        """The process dies while its request is out, and Stripe never hears of it."""

        def dies(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(world.services.gateway, "create_refund", dies)
            with pytest.raises(KeyboardInterrupt):
                approve(world, order)
        assert state(world, order) is RefundState.SENDING

    def look_now(self, world: World, order: RefundOrder) -> LookResult:
        return world.services.refund_resolver.resolve(order.id, by=ALICE)

    def test_a_look_while_the_request_is_out_says_that_nothing_was_asked(
        self, world, paid, monkeypatch
    ) -> None:
        order = ask(world, paid)
        self.killed(world, order, monkeypatch)
        asked = world.services.gateway.requests
        with pytest.raises(StaleState, match="Nothing was asked"):
            self.look_now(world, order)
        assert world.services.gateway.requests == asked
        world.clock.advance(seconds=61)
        assert self.look_now(world, order) is LookResult.FINAL
        assert returned(world) == [1_234]

    @pytest.mark.parametrize("hours", [2, 7_200])
    def test_a_process_that_died_under_a_fast_clock_leaves_nothing_for_that_date(
        self, world, paid, monkeypatch, hours
    ) -> None:
        order = ask(world, paid)
        stripes = world.clock
        world.clock = lambda: stripes() + timedelta(hours=hours)  # type: ignore[assignment]
        world.rebuild()
        self.killed(world, order, monkeypatch)
        world.clock = stripes
        world.rebuild()
        assert world.services.refund_resolver.resolve_due() == 1
        assert state(world, order) is RefundState.SUCCEEDED

    def test_under_a_fast_clock_what_never_arrived_ends_a_day_later(self, world, paid) -> None:
        order = ask(world, paid)
        world.clock.advance(days=300)
        fault(world, "error_500_saved")
        assert approve(world, order).state is RefundState.UNKNOWN
        world.clock.advance(days=-300)
        look(world)
        assert state(world, order) is RefundState.UNKNOWN
        look(world, hours=25)
        assert state(world, order) is RefundState.NOT_EXECUTED

    def test_a_replayed_refusal_is_the_answer_to_the_lost_one(
        self, world, paid, monkeypatch
    ) -> None:
        order = ask(world, paid)
        send = world.services.gateway.create_refund

        def late(given: object, *, idempotency_key: str, **more: Any) -> object:
            """All is given back elsewhere at the very moment, and the refusal gets lost."""
            monkeypatch.undo()
            send({"payment_intent": order.payment_intent}, idempotency_key="elsewhere")
            fault(world, "lost_reply")
            return send(given, idempotency_key=idempotency_key, **more)

        monkeypatch.setattr(world.services.gateway, "create_refund", late)
        assert approve(world, order).state is RefundState.UNKNOWN
        world.clock.advance(seconds=11)
        assert self.look_now(world, order) is LookResult.FINAL
        (found,) = world.services.refunds.of_charge(paid)
        assert (found.state, found.code) == (RefundState.REFUSED, "charge_already_refunded")
        assert returned(world) == [1_234]

    def test_a_look_that_could_not_be_made_says_so_and_why(self, world, paid) -> None:
        order = ask(world, paid)
        fault(world, "error_500_saved")
        approve(world, order)
        world.stripe.faults.add("GET", "/v1/refunds", kind="missing_permission")
        assert self.look_now(world, order) is LookResult.NOT_ASKED
        (found,) = world.services.refunds.of_charge(paid)
        assert "permission" in json.loads(found.last_look or "{}")["error"]
        world.clock.advance(seconds=30)
        assert self.look_now(world, order) is LookResult.NO_ANSWER
        (found,) = world.services.refunds.of_charge(paid)
        seen = json.loads(found.last_look or "{}")
        assert (seen["same_key"], seen["refunds"]) == (500, "none")

    def test_a_copied_mark_neither_hides_the_refund_nor_keeps_it_unknown(self, world, paid) -> None:
        order = ask(world, paid, 700)
        fault(world, "lost_reply")
        approve(world, order)
        copied = world.services.gateway.create_refund(
            {
                "payment_intent": order.payment_intent,
                "amount": 100,
                "metadata": {"onfile_refund_id": order.id},
            },
            idempotency_key="copied",
        )
        look(world)
        assert state(world, order) is RefundState.SUCCEEDED
        world.services.sync.run()
        with uow(world).read() as stores:
            (incident,) = stores.incidents.open()
        assert (incident.kind, incident.subject) == (UNEXPECTED_REFUND, copied.id)
        assert incident.details["charge_id"] == paid

    def test_one_that_cannot_be_read_keeps_no_other_from_being_looked_at(
        self, world, paid, monkeypatch
    ) -> None:
        first = ask(world, paid)
        fault(world, "lost_reply", times=2)
        approve(world, first)
        second = ask(world, charged(world, reference="INV-2"), 900)
        approve(world, second)
        listed = world.services.gateway.list_refunds

        def unreadable(payment_intent: str, **more: Any) -> Any:
            if payment_intent == first.payment_intent:
                raise ValueError("no such status")
            return listed(payment_intent, **more)

        with monkeypatch.context() as patch:
            patch.setattr(world.services.gateway, "list_refunds", unreadable)
            assert look(world) == 1
        assert state(world, second) is RefundState.SUCCEEDED
        assert state(world, first) is RefundState.UNKNOWN
        look(world)
        assert state(world, first) is RefundState.SUCCEEDED
