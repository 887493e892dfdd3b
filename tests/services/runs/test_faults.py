"""Bad days of a run: database locked or full, errors nobody expected, and what comes a day later."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from lib.domain import payment_methods
from lib.domain.charges import Outcome
from lib.domain.runs import Finding, RowState, RunState, Severity
from lib.services.charges import send
from lib.services.ledger.attempts import AttemptResult, record_result
from lib.services.runs import execute
from lib.services.runs.row_queue import RowQueue
from lib.store import connection
from lib.store.group_commit import GroupCommit
from tests.charge_runs import (
    audited,
    counts,
    resumed,
    rows_of,
    started,
    uow,
)
from tests.stopped_runs import all_paid, around_send, one_payer, stopped
from tests.world import ALICE, World, impatient

_ANY_SIZE = 2**30


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
    impatient(world, monkeypatch)
    return Lock(world)


@pytest.fixture
def page_limit(world: World, monkeypatch: pytest.MonkeyPatch) -> Callable[[int | None], None]:
    """A real SQLITE_FULL of a run: the file may not grow by more than so many pages."""
    submit, room = GroupCommit.submit, _ANY_SIZE

    def pages(database: Any) -> int:
        return int(database.execute("PRAGMA page_count").fetchone()[0])

    def limit(more: int | None) -> None:
        nonlocal room
        with closing(sqlite3.connect(world.settings.database)) as shell:
            room = _ANY_SIZE if more is None else pages(shell) + more

    def limited(commits: GroupCommit, work: Callable[[Any], Any]) -> Any:
        def piece(database: Any) -> Any:
            database.execute(f"PRAGMA max_page_count = {room}")
            try:
                return work(database)
            finally:
                database.execute(f"PRAGMA max_page_count = {_ANY_SIZE}")

        return submit(commits, piece)

    monkeypatch.setattr(GroupCommit, "submit", limited)
    return limit


def after_reply(
    world: World, monkeypatch: pytest.MonkeyPatch, act: Callable[[], None]
) -> list[str]:
    """Do something when Stripe has answered the second charge; the keys that were sent."""
    gateway = world.services.gateway
    create = gateway.create_payment_intent
    keys: list[str] = []

    def wrapped(params: Any, *, idempotency_key: str, **more: Any) -> Any:
        answer = create(params, idempotency_key=idempotency_key, **more)
        keys.append(idempotency_key)
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

        monkeypatch.setattr("lib.store.connection_pool.write_transaction", counted)
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
        self,
        world: World,
        page_limit: Callable[[int | None], None],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        run_id = started(world, one_payer(world, 40))
        around_send(monkeypatch, lambda: page_limit(2), lambda: None)
        world.services.runs.executor.execute(run_id)
        assert stopped(world.services.runs.control.find(run_id), "not_written")
        assert 0 < counts(world, run_id)["planned"] < 40
        page_limit(None)
        assert all_paid(world, resumed(world, run_id), 40)

    def test_full_after_a_reply(
        self,
        world: World,
        page_limit: Callable[[int | None], None],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        run_id = started(world, one_payer(world, 3))
        big = "x" * 100_000
        real = send.record_reply
        full: list[bool] = []

        def growing(stores: Any, attempt: Any, *given: Any, **more: Any) -> None:
            if full:
                stores.audit.record(
                    at=1, actor="system", action="grows", subject="x", detail={"big": big}
                )
            real(stores, attempt, *given, **more)

        monkeypatch.setattr(send, "record_reply", growing)
        after_reply(world, monkeypatch, lambda: (page_limit(1), full.append(True))[0])
        around_send(monkeypatch, lambda: None, full.clear)
        world.services.runs.executor.execute(run_id)
        assert stopped(world.services.runs.control.find(run_id), "not_written")
        assert counts(world, run_id) == {"succeeded": 1, "attempting": 1, "planned": 1}
        page_limit(None)
        assert all_paid(world, resumed(world, run_id), 3)


class TestUnexpected:
    def test_before_a_row_is_sent(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        run_id = started(world, one_payer(world, 3))
        with monkeypatch.context() as patch:
            patch.setattr(payment_methods, "why_not_usable", lambda *_: 1 // 0)
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
            patch.setattr(send, "record_reply", lambda *_, **__: 1 // 0)
            world.services.runs.executor.execute(run_id)
        assert stopped(world.services.runs.control.find(run_id), "unexpected")
        assert counts(world, run_id) == {"attempting": 1, "planned": 2}
        assert all_paid(world, resumed(world, run_id), 3)

    def test_beside_the_rows_while_one_is_in_flight(
        self, world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        run_id = started(world, one_payer(world, 3))
        world.lose_reply()
        with monkeypatch.context() as patch:
            patch.setattr(RowQueue, "done", lambda *_: 1 // 0)
            assert world.services.runs.executor.execute(run_id)
        run = world.services.runs.control.find(run_id)
        assert stopped(run, "unexpected")
        error_id = re.search(r"err_\w+", run.stop_message or "")
        assert error_id is not None
        assert error_id[0] in caplog.text
        assert "ZeroDivisionError" in caplog.text
        assert counts(world, run_id) == {"unknown": 1, "planned": 2}
        assert "run.stopped" in audited(world)
        assert all_paid(world, resumed(world, run_id), 3)

    def test_before_it_is_taken(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        run_id = started(world, one_payer(world, 3))
        with monkeypatch.context() as patch:
            patch.setattr(execute, "digest_now", lambda *_: 1 // 0)
            assert not world.services.runs.executor.execute(run_id)
        assert stopped(world.services.runs.control.find(run_id), "unexpected")
        assert all_paid(world, resumed(world, run_id), 3)

    def test_stops_nothing_that_another_executor_has(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run_id = started(world, one_payer(world, 3))
        other = world.rebuild().runs.executor

        def taken_meanwhile(*_: object) -> None:
            assert other.take(run_id) is not None
            raise ZeroDivisionError

        executor = world.rebuild().runs.executor
        monkeypatch.setattr(executor, "take", taken_meanwhile)
        assert not executor.execute(run_id)
        assert world.services.runs.control.find(run_id).state is RunState.RUNNING

    def test_it_runs_on_where_not_even_that_can_be_written(
        self, world: World, lock: Lock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run_id = started(world, one_payer(world, 3))

        def locked(*_: object) -> None:
            lock.take()
            raise ZeroDivisionError

        with monkeypatch.context() as patch:
            patch.setattr(RowQueue, "take", locked)
            with pytest.raises(sqlite3.OperationalError):
                world.services.runs.executor.execute(run_id)
        lock.give()
        world.clock.advance(seconds=5)
        assert world.services.runs.executor.execute(run_id)
        assert all_paid(world, world.services.runs.control.find(run_id), 3)

    def test_in_one_run_keeps_no_other_waiting(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first = started(world, one_payer(world, 1))
        world.clock.advance(seconds=1)
        second = started(world, [(*row[:3], f"B-{row[3]}") for row in one_payer(world, 2)])
        executor = world.services.runs.executor
        execute = executor.execute

        def failing(run_id: str, **more: Any) -> bool:
            if run_id == first:
                raise sqlite3.OperationalError("database is locked")
            return execute(run_id, **more)

        monkeypatch.setattr(executor, "execute", failing)
        world.worker.do_runs()
        assert world.services.runs.control.find(first).state is RunState.RUNNING
        assert world.services.runs.control.find(second).state is RunState.FINISHED


def paid_and_counted_as_never_executed(world: World) -> str:
    """A run of one row, as if Stripe's lists had said for a day that there was no such payment."""
    run_id = started(world, one_payer(world, 1))
    world.fault("lost_reply")
    around = iter([False, False, True])
    world.services.runs.executor.execute(run_id, should_stop=lambda: next(around, True))
    (row,) = rows_of(world, run_id)
    with uow(world).write() as stores:
        (attempt,) = stores.charges.attempts(row.charge_id)
        assert attempt.outcome is Outcome.UNKNOWN
        gone = AttemptResult(Outcome.NOT_EXECUTED)
        assert record_result(stores, attempt, gone, evidence="no_trace", at=world.now)
    return run_id


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
        sender = world.services.charges.sender
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
        # What was never sent is no try: its key is the next one's.
        charge = world.services.charges.view(rows_of(world, run_id)[0].charge_id)
        assert [attempt.outcome for attempt in charge.attempts] == [
            Outcome.NOT_EXECUTED,
            Outcome.SUCCEEDED,
        ]
        assert keys.count(charge.attempts[-1].idempotency_key) == 1

    def test_money_that_moved_after_all_is_written_down(self, world: World) -> None:
        run_id = paid_and_counted_as_never_executed(world)
        (row,) = rows_of(world, run_id)
        assert world.services.runs.executor.execute(run_id)
        assert stopped(world.services.runs.control.find(run_id), "key_reused")
        world.services.sync.run(full=True)
        with uow(world).read() as stores:
            outcomes = [one.outcome for one in stores.charges.attempts(row.charge_id)]
        assert outcomes == [Outcome.SUCCEEDED, Outcome.NOT_EXECUTED]
        assert "charge.paid_twice_suspected" not in audited(world)
        assert len(world.moved()) == 1

    @pytest.mark.parametrize("meanwhile", ["it waits", "it is cancelled", "it is blocked"])
    def test_a_row_whose_payment_turns_up_was_sent(self, world: World, meanwhile: str) -> None:
        """It counted as never executed, and its run went on without it."""
        run_id = paid_and_counted_as_never_executed(world)
        control = world.services.runs.control
        if control.find(run_id).state is RunState.RUNNING:
            control.pause(run_id, by=ALICE)
        with uow(world).write() as stores:
            stores.run_rows.plan_again(run_id)
            if meanwhile == "it is blocked":
                finding = Finding("do_not_charge", Severity.RED, "Somebody stopped it.")
                stores.run_rows.mark(
                    run_id, 2, before=RowState.PLANNED, after=RowState.BLOCKED, findings=(finding,)
                )
        if meanwhile == "it is cancelled":
            control.cancel(run_id, by=ALICE)
        world.services.sync.run(full=True)
        assert rows_of(world, run_id)[0].state is RowState.SENT
        assert counts(world, run_id) == {"succeeded": 1}
        if meanwhile != "it is cancelled":
            control.resume(run_id, by=ALICE)
            world.services.runs.executor.execute(run_id)
        assert world.services.runs.certificates.certify(run_id, by=ALICE).result == "green"
        assert len(world.moved()) == 1
