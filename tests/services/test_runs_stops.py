"""When a run stops by itself: why it says, that nothing is lost, and that resuming goes on."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

import pytest

from lib.domain.charges import Outcome
from lib.domain.runs import Limits, Run, RunState
from lib.services import ledger
from lib.services.ledger import Result
from lib.services.runs.sending_rows import RowSender
from lib.store import connection
from tests.running import (
    audited,
    counts,
    executed,
    invoices,
    payers,
    resumed,
    rows_of,
    started,
    started_by_two,
    uow,
)
from tests.world import (
    ADA,
    ALWAYS_DECLINES,
    BLOCKED_BY_STRIPE,
    GOOD,
    World,
)


def stopped(run: Run, code: str) -> bool:
    assert (run.state, run.stop_code) == (RunState.STOPPED, code), run.stop_message
    assert run.stop_message
    assert run.lease_owner is None
    return True


def one_payer(world: World, rows: int, number: str = GOOD) -> list[tuple[str, str, int, str]]:
    """Rows of one customer, which are sent one after the other."""
    return invoices(payers(world, 1, number) * rows)


def all_paid(world: World, run: Run, rows: int) -> bool:
    assert run.state is RunState.FINISHED, run.stop_message
    assert counts(world, run.id) == {"succeeded": rows}
    assert sorted(world.moved()) == [(1000 + at, "usd") for at in range(1, rows + 1)]
    return True


class TestCanary:
    def test_after_the_first_rows_it_pauses_and_is_resumed_to_the_end(self, world: World) -> None:
        run = executed(world, invoices(payers(world, 6)), canary=2)
        assert (run.state, run.stop_code) == (RunState.PAUSED, "canary")
        assert run.stop_message is not None
        assert "first 2 rows" in run.stop_message
        assert counts(world, run.id) == {"succeeded": 2, "planned": 4}
        assert all_paid(world, resumed(world, run.id), 6)

    def test_rows_that_were_never_sent_do_not_count(self, world: World) -> None:
        people = payers(world, 5)
        run_id = started(world, invoices(people), canary=2)
        for _, method in people[:2]:
            world.services.payment_methods.detach(method, by=ADA)
        world.services.runs.executor.execute(run_id)
        assert counts(world, run_id) == {"blocked": 2, "succeeded": 2, "planned": 1}

    def test_nor_do_those_that_stripe_did_not_take(self, world: World) -> None:
        run_id = started(world, one_payer(world, 3), canary=1)
        world.fault("rate_limited", times=4)
        world.services.runs.executor.execute(run_id)
        assert counts(world, run_id) == {"succeeded": 1, "planned": 2}

    def test_a_death_between_does_not_make_it_longer(self, world: World) -> None:
        run_id = started(world, one_payer(world, 6), canary=3)
        world.services.runs.executor.execute(run_id, should_stop=after(2, world))
        assert counts(world, run_id) == {"succeeded": 2, "planned": 4}
        world.services.runs.executor.execute(run_id)
        assert counts(world, run_id) == {"succeeded": 3, "planned": 3}


def after(charges: int, world: World) -> Callable[[], bool]:
    return lambda: len(world.moved()) >= charges


class TestBreaker:
    def test_many_declines(self, world: World) -> None:
        people = payers(world, 4, ALWAYS_DECLINES)
        run = executed(world, invoices(people * 7))
        assert stopped(run, "many_declines")
        before = counts(world, run.id)
        assert before["declined"] >= 20
        assert before["planned"] >= 1
        assert resumed(world, run.id).state is RunState.FINISHED
        assert counts(world, run.id) == {"declined": 28}
        assert world.moved() == []

    def test_no_answers(self, world: World) -> None:
        run_id = started(world, one_payer(world, 7))
        world.fault("lost_reply", times=5)
        world.services.runs.executor.execute(run_id)
        assert stopped(world.services.runs.control.find(run_id), "no_answers")
        assert counts(world, run_id) == {"unknown": 5, "planned": 2}
        assert all_paid(world, resumed(world, run_id), 7)

    def test_blocked_by_stripe(self, world: World) -> None:
        run = executed(world, one_payer(world, 7, BLOCKED_BY_STRIPE))
        assert stopped(run, "blocked_by_stripe")
        assert counts(world, run.id) == {"declined": 5, "planned": 2}
        assert resumed(world, run.id).state is RunState.FINISHED

    def test_a_refused_key_stops_at_once_and_nothing_counts_as_sent(self, world: World) -> None:
        run_id = started(world, one_payer(world, 3))
        world.fault("missing_permission")
        world.services.runs.executor.execute(run_id)
        assert stopped(world.services.runs.control.find(run_id), "key_refused")
        assert counts(world, run_id) == {"planned": 3}
        assert all_paid(world, resumed(world, run_id), 3)

    def test_a_key_that_stripe_knows_with_other_parameters(self, world: World) -> None:
        run_id = started(world, one_payer(world, 3))
        first = rows_of(world, run_id)[0]
        world.stripe.handle(
            "POST",
            "/v1/payment_intents",
            {"amount": "77", "currency": "usd"},
            {
                "Authorization": "Bearer sk_test_practice",
                "Idempotency-Key": f"onfile:{first.charge_id}:1",
            },
        )
        world.services.runs.executor.execute(run_id)
        assert stopped(world.services.runs.control.find(run_id), "key_reused")
        assert counts(world, run_id) == {"unknown": 1, "planned": 2}
        run = resumed(world, run_id)
        assert run.state is RunState.FINISHED
        assert counts(world, run_id) == {"unknown": 1, "succeeded": 2}

    def test_not_taken_stops_and_however_often_is_never_counted_as_a_try(
        self, world: World
    ) -> None:
        run_id = started(world, one_payer(world, 2))
        world.fault("rate_limited", times=1_000)
        world.services.runs.executor.execute(run_id)
        for _ in range(2):
            assert stopped(world.services.runs.control.find(run_id), "not_taken")
            assert counts(world, run_id) == {"planned": 2}
            resumed(world, run_id)
        world.stripe.faults.clear()
        assert all_paid(world, resumed(world, run_id), 2)

    def test_what_was_too_busy_once_is_sent_again_later(self, world: World) -> None:
        run_id = started(world, invoices(payers(world, 4)))
        world.fault("rate_limited", times=6)
        world.fault("lock_timeout", times=2)
        world.services.runs.executor.execute(run_id)
        assert all_paid(world, world.services.runs.control.find(run_id), 4)

    def test_the_reason_outlives_a_worker_that_ends_at_the_same_moment(self, world: World) -> None:
        run_id = started(world, one_payer(world, 3))
        world.fault("missing_permission")
        asked = lambda: not world.stripe.faults.waiting()  # noqa: E731
        world.services.runs.executor.execute(run_id, should_stop=asked)
        assert stopped(world.services.runs.control.find(run_id), "key_refused")


class TestLimits:
    def limit(self, world: World, **limits: int) -> None:
        with uow(world).write() as stores:
            stores.limits.set("usd", Limits(**limits), by="ada", at=world.now)

    def test_of_a_day(self, world: World) -> None:
        rows = one_payer(world, 4)
        self.limit(world, per_day=4_500)
        run_id = started(world, rows)
        world.charge(rows[0][0], amount="10.00", reference="by hand")
        world.services.runs.executor.execute(run_id)
        assert stopped(world.services.runs.control.find(run_id), "day_limit")
        assert counts(world, run_id) == {"succeeded": 3, "planned": 1}
        assert stopped(resumed(world, run_id), "day_limit")
        assert len(world.moved()) == 4
        world.clock.advance(days=1)
        assert resumed(world, run_id).state is RunState.FINISHED
        assert counts(world, run_id) == {"succeeded": 4}

    def test_what_was_not_charged_does_not_count(self, world: World) -> None:
        customer = world.customer()
        good, bad = world.save_card(customer), world.save_card(customer, ALWAYS_DECLINES)
        gone = world.save_card(customer)
        self.limit(world, per_day=4_000)
        rows = [
            (customer, method, 1_000, f"INV-{at}")
            for at, method in enumerate([bad, gone, good, good])
        ]
        run_id = started(world, rows)
        world.charge(customer, amount="20.00", reference="by hand", method=good)
        world.services.payment_methods.detach(gone, by=ADA)
        world.services.runs.executor.execute(run_id)
        assert world.services.runs.control.find(run_id).state is RunState.FINISHED
        assert counts(world, run_id) == {"declined": 1, "blocked": 1, "succeeded": 2}

    def test_of_a_day_when_others_charge_meanwhile(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        rows = one_payer(world, 4)
        self.limit(world, per_day=4_500)
        run_id = started(world, rows)
        other = world.customer()
        card = world.save_card(other)

        def by_hand() -> None:
            world.charge(other, amount="10.00", reference="by hand", method=card)

        around_send(monkeypatch, by_hand, lambda: None)
        world.services.runs.executor.execute(run_id)
        assert stopped(world.services.runs.control.find(run_id), "day_limit")
        assert counts(world, run_id) == {"succeeded": 3, "planned": 1}

    def test_two_approvers_may_pass_it(self, world: World) -> None:
        self.limit(world, per_day=1_500)
        run = started_by_two(world, one_payer(world, 2))
        world.services.runs.executor.execute(run)
        assert all_paid(world, world.services.runs.control.find(run), 2)


class Lock:
    """Another program that holds the database's write lock."""

    def __init__(self, world: World) -> None:
        self.connection = sqlite3.connect(
            world.settings.database, isolation_level=None, check_same_thread=False
        )

    def take(self) -> None:
        self.connection.execute("BEGIN IMMEDIATE")

    def give(self) -> None:
        if self.connection.in_transaction:
            self.connection.execute("ROLLBACK")


@pytest.fixture
def lock(world: World, monkeypatch: pytest.MonkeyPatch) -> Lock:
    monkeypatch.setattr(connection, "BUSY_TIMEOUT_SECONDS", 0.02)
    return Lock(world)


@pytest.fixture
def page_limit(monkeypatch: pytest.MonkeyPatch) -> Callable[[int | None], None]:
    """A real SQLITE_FULL: the file may not grow beyond so many pages more than it has."""
    built: list[Any] = []
    connect = connection.connect

    def remembering(*given: Any, **more: Any) -> Any:
        built.append(connect(*given, **more))
        return built[-1]

    def limit(more: int | None) -> None:
        database = built[-1]
        pages = next(database.query("PRAGMA page_count"))["page_count"]
        database.execute(f"PRAGMA max_page_count = {2**30 if more is None else pages + more}")

    monkeypatch.setattr("lib.store.group_commit.connect", remembering)
    return limit


def around_send(
    monkeypatch: pytest.MonkeyPatch, before: Callable[[], None], then: Callable[[], None]
) -> None:
    """Do something before and after the second row that is sent."""
    send = RowSender.send
    rows: list[int] = []

    def wrapped(self: RowSender, run: Any, row: Any, lease: Any, commits: Any) -> Any:
        rows.append(row.number)
        if len(rows) != 2:
            return send(self, run, row, lease, commits)
        before()
        try:
            return send(self, run, row, lease, commits)
        finally:
            then()

    monkeypatch.setattr(RowSender, "send", wrapped)


def after_reply(
    world: World, monkeypatch: pytest.MonkeyPatch, act: Callable[[], None]
) -> list[str]:
    """Do something when Stripe has answered the second charge; the keys that were sent."""
    gateway = world.services.charging._sender._gateway
    create = gateway.create_payment_intent
    keys: list[str] = []

    def wrapped(params: Any, *, idempotency_key: str) -> Any:
        keys.append(idempotency_key)
        answer = create(params, idempotency_key=idempotency_key)
        if len(keys) == 2:
            act()
        return answer

    monkeypatch.setattr(gateway, "create_payment_intent", wrapped)
    return keys


class TestDatabase:
    def test_locked_before_a_row_is_sent(
        self, world: World, lock: Lock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run_id = started(world, one_payer(world, 4))
        around_send(monkeypatch, lock.take, lock.give)
        world.services.runs.executor.execute(run_id)
        assert stopped(world.services.runs.control.find(run_id), "not_written")
        assert counts(world, run_id) == {"succeeded": 1, "planned": 3}
        assert all_paid(world, resumed(world, run_id), 4)

    def test_locked_for_a_moment_after_a_reply(
        self, world: World, lock: Lock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run_id = started(world, one_payer(world, 4))
        keys = after_reply(world, monkeypatch, lock.take)
        write = connection.write_transaction
        refused: list[str] = []

        def counted(database: Any) -> Any:
            if lock.connection.in_transaction:
                refused.append("once")
                if len(refused) == 3:
                    lock.give()
            return write(database)

        monkeypatch.setattr("lib.store.group_commit.write_transaction", counted)
        world.services.runs.executor.execute(run_id)
        assert len(refused) == 3
        assert all_paid(world, world.services.runs.control.find(run_id), 4)
        assert len(keys) == len(set(keys)) == 4, "only the writing is repeated"

    def test_locked_for_long_after_a_reply(
        self, world: World, lock: Lock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run_id = started(world, one_payer(world, 4))
        keys = after_reply(world, monkeypatch, lock.take)
        around_send(monkeypatch, lambda: None, lock.give)
        world.services.runs.executor.execute(run_id)
        assert stopped(world.services.runs.control.find(run_id), "not_written")
        assert counts(world, run_id) == {"succeeded": 1, "attempting": 1, "planned": 2}
        assert len(keys) == 2
        assert all_paid(world, resumed(world, run_id), 4)

    def test_full_before_a_row_is_sent(
        self, world: World, page_limit: Callable[[int | None], None],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        run_id = started(world, one_payer(world, 40))
        around_send(monkeypatch, lambda: page_limit(2), lambda: None)
        world.services.runs.executor.execute(run_id)
        assert stopped(world.services.runs.control.find(run_id), "not_written")
        assert 0 < counts(world, run_id)["planned"] < 40
        assert all_paid(world, resumed(world, run_id), 40)

    def test_full_after_a_reply(
        self, world: World, page_limit: Callable[[int | None], None],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        run_id = started(world, one_payer(world, 3))
        big = "x" * 100_000
        real = ledger.record_reply
        full: list[bool] = []

        def growing(stores: Any, attempt: Any, *given: Any, **more: Any) -> None:
            if full:
                stores.audit.record(
                    at=1, actor="system", action="grows", subject="x", detail={"big": big}
                )
            real(stores, attempt, *given, **more)

        monkeypatch.setattr(ledger, "record_reply", growing)
        after_reply(world, monkeypatch, lambda: (page_limit(1), full.append(True))[0])
        around_send(monkeypatch, lambda: None, full.clear)
        world.services.runs.executor.execute(run_id)
        assert stopped(world.services.runs.control.find(run_id), "not_written")
        assert counts(world, run_id) == {"succeeded": 1, "attempting": 1, "planned": 1}
        assert all_paid(world, resumed(world, run_id), 3)


class TestUnexpected:
    def test_before_a_row_is_sent(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        run_id = started(world, one_payer(world, 3))
        with monkeypatch.context() as patch:
            patch.setattr(RowSender, "_method", lambda *_: 1 // 0)
            world.services.runs.executor.execute(run_id)
        run = world.services.runs.control.find(run_id)
        assert stopped(run, "unexpected")
        assert run.stop_message is not None
        assert "Row 2" in run.stop_message
        assert "err_" in run.stop_message
        assert counts(world, run_id) == {"planned": 3}
        assert all_paid(world, resumed(world, run_id), 3)

    def test_after_it_was_sent(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        run_id = started(world, one_payer(world, 3))
        with monkeypatch.context() as patch:
            patch.setattr(ledger, "record_reply", lambda *_, **__: 1 // 0)
            world.services.runs.executor.execute(run_id)
        assert stopped(world.services.runs.control.find(run_id), "unexpected")
        assert counts(world, run_id) == {"attempting": 1, "planned": 2}
        assert all_paid(world, resumed(world, run_id), 3)


class TestLongAfter:
    def test_what_was_never_executed_is_sent_again_and_no_row_is_lost(self, world: World) -> None:
        run_id = started(world, one_payer(world, 6))
        world.fault("lost_request", times=5)
        world.services.runs.executor.execute(run_id)
        assert stopped(world.services.runs.control.find(run_id), "no_answers")
        world.clock.advance(hours=25)
        assert all_paid(world, resumed(world, run_id), 6)

    def test_a_process_that_slept_for_a_day_sends_nothing_old(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Between writing an attempt down and sending it; somebody may have given it up since."""
        run_id = started(world, one_payer(world, 2))
        sender = world.services.charging._sender
        ask, keys = sender.ask, after_reply(world, monkeypatch, lambda: None)
        slept: list[bool] = []

        def asleep(attempt: Any) -> Any:
            if not slept:
                slept.append(True)
                world.clock.advance(hours=25)
            return ask(attempt)

        monkeypatch.setattr(sender, "ask", asleep)
        world.services.runs.executor.execute(run_id)
        assert all_paid(world, world.services.runs.control.find(run_id), 2)
        first = rows_of(world, run_id)[0].charge_id
        assert f"onfile:{first}:1" not in keys
        assert f"onfile:{first}:2" in keys

    def test_money_that_moved_after_all_is_written_down(self, world: World) -> None:
        """As if Stripe's lists had said for a day that there was no such payment."""
        run_id = started(world, one_payer(world, 1))
        world.fault("lost_reply")
        around = iter([False, False, True])
        world.services.runs.executor.execute(run_id, should_stop=lambda: next(around, True))
        (row,) = rows_of(world, run_id)
        with uow(world).write() as stores:
            (attempt,) = stores.charges.attempts(row.charge_id)
            assert attempt.outcome is Outcome.UNKNOWN
            gone = Result(Outcome.NOT_EXECUTED)
            assert ledger.record(stores, attempt, gone, evidence="no_trace", at=world.now)
        assert world.services.runs.executor.execute(run_id)
        assert world.services.runs.control.find(run_id).state is RunState.FINISHED
        world.services.sync.run(full=True)
        with uow(world).read() as stores:
            outcomes = [one.outcome for one in stores.charges.attempts(row.charge_id)]
        assert outcomes == [Outcome.SUCCEEDED, Outcome.SUCCEEDED]
        assert "charge.paid_twice_suspected" in audited(world)
