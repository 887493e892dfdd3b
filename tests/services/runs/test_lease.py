"""One executor at a time: leases, fences, clocks, and what people do while charges are in flight."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from lib.domain.runs import LOOK_SECONDS, RowState, Run, RunState
from lib.errors import Misconfigured, StaleState
from lib.services.runs import lease
from lib.services.runs.execute import RunExecutor
from tests.beginnings import made_once
from tests.charge_runs import audited, counts, executed, invoices, payers, rows_of, started
from tests.forked_executors import Executors
from tests.held_requests import Gate, Running, until
from tests.tries import try_again
from tests.world import ALICE, ALWAYS_DECLINES, World, key_of


@pytest.fixture
def running(world: World) -> Iterator[Callable[..., Running]]:
    made: list[Running] = []

    def begin(run_id: str, **gate: bool) -> Running:
        made.append(Running(world, run_id, **gate))
        return made[-1]

    yield begin
    for one in made:
        one.close()


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody's heart beats: as if each process were stopped."""
    monkeypatch.setattr(lease, "BEAT_SECONDS", 3_600)


def one_payer(world: World, rows: int) -> list[tuple[str, str, int, str]]:
    return invoices(payers(world, 1) * rows)


def state(world: World, run_id: str) -> Run:
    return world.services.runs.control.find(run_id)


def all_paid(world: World, run_id: str, rows: int) -> bool:
    assert state(world, run_id).state is RunState.FINISHED
    assert counts(world, run_id) == {"succeeded": rows}
    assert sorted(world.moved()) == [(1000 + at, "usd") for at in range(1, rows + 1)]
    return True


class TestOneAtATime:
    def test_two_threads(self, world: World) -> None:
        run_id = started(world, invoices(payers(world, 6)))
        executors = [world.rebuild().runs.executor for _ in range(4)]
        together = threading.Barrier(4)

        def execute(executor: RunExecutor) -> bool:
            together.wait(10)
            return executor.execute(run_id)

        with ThreadPoolExecutor(4) as pool:
            took = list(pool.map(execute, executors))
        assert sorted(took) == [False, False, False, True]
        assert all_paid(world, run_id, 6)

    def test_the_same_executor_twice(self, world: World, running: Callable[..., Running]) -> None:
        run_id = started(world, one_payer(world, 2))
        first = running(run_id)
        assert not first.executor.execute(run_id)
        assert world.services.runs.executor.waiting() == []
        assert first.end()
        assert all_paid(world, run_id, 2)

    def test_two_processes(self, world: World) -> None:
        run_id = started(world, invoices(payers(world, 6)))
        executors = Executors(world)
        first, second = executors.run({"run": run_id}, {"run": run_id})
        executors.close()
        assert (first.exit, second.exit) == (0, 0)
        assert all_paid(world, run_id, 6)
        assert state(world, run_id).lease_fence == 1, "the other one never had it"


@pytest.mark.usefixtures("silent")
class TestTakingOver:
    def test_only_after_silence(self, world: World, running: Callable[..., Running]) -> None:
        run_id = started(world, one_payer(world, 3))
        first = running(run_id)
        second = world.rebuild().runs.executor
        world.clock.advance(seconds=3)
        assert second.waiting() == []
        assert not second.execute(run_id)
        world.clock.advance(seconds=1)
        assert second.waiting() == [run_id]
        assert second.execute(run_id)
        assert all_paid(world, run_id, 3)
        assert first.end()
        assert len(first.gate.keys) == 1, "the old one sends nothing more"
        assert all_paid(world, run_id, 3)

    @pytest.mark.parametrize("fraction", [0.0, 0.01, 0.5, 0.99])
    @pytest.mark.parametrize("first_look", [0.0, 0.25, 0.49])
    def test_within_five_seconds_of_the_last_beat_however_seconds_are_rounded(
        self, world: World, fraction: float, first_look: float
    ) -> None:
        run_id = started(world, one_payer(world, 1))
        world.clock.advance(seconds=fraction)
        assert world.services.runs.executor.take(run_id) is not None
        world.clock.advance(seconds=first_look)
        silence = first_look
        while world.services.runs.executor.waiting() == []:
            world.clock.advance(seconds=LOOK_SECONDS)
            silence += LOOK_SECONDS
        assert 3 < silence < 5

    @pytest.mark.parametrize("on_the_way_back", [False, True])
    def test_both_in_the_middle_of_the_same_charge(
        self, world: World, running: Callable[..., Running], on_the_way_back: bool
    ) -> None:
        """The old one's request or its answer is still out when the new one takes over."""
        run_id = started(world, one_payer(world, 3))
        first = running(run_id, on_the_way_back=on_the_way_back)
        world.clock.advance(seconds=5)
        second = running(run_id)
        # What Stripe did already is found there; what has not arrived is asked for under its key.
        assert (second.gate.keys == first.gate.keys) is not on_the_way_back
        assert first.end()
        assert second.end()
        assert len(first.gate.keys) == 1
        assert all_paid(world, run_id, 3)

    def test_an_old_refusal_says_nothing_once_the_new_one_asked(
        self, world: World, running: Callable[..., Running]
    ) -> None:
        run_id = started(world, one_payer(world, 2))
        first = running(run_id)
        world.clock.advance(seconds=5)
        assert world.rebuild().runs.executor.execute(run_id)
        world.fault("missing_permission")
        assert first.end()
        assert all_paid(world, run_id, 2)

    def test_the_fence_refuses_an_attempt_of_the_old_one(self, world: World) -> None:
        run_id = started(world, one_payer(world, 2))
        executor = world.services.runs.executor
        taken = executor.take(run_id)
        assert taken is not None
        world.clock.advance(seconds=5)
        newer = world.rebuild().runs.executor.take(run_id)
        assert newer is not None
        run, old = taken
        answer = executor.rows.send(run, rows_of(world, run_id)[0], old)
        assert answer is None
        assert old.over.is_set()
        assert not newer[1].over.is_set()
        assert counts(world, run_id) == {"planned": 2}
        sent = executor.rows.send(run, rows_of(world, run_id)[0], newer[1])
        assert sent is not None
        assert len(world.moved()) == 1

    def test_a_lease_of_a_clock_that_ran_ahead_is_nobodys(
        self, world: World, running: Callable[..., Running]
    ) -> None:
        run_id = started(world, one_payer(world, 2))
        world.clock.advance(hours=2)
        first = running(run_id)
        world.clock.advance(hours=-2)
        assert world.rebuild().runs.executor.execute(run_id)
        assert all_paid(world, run_id, 2)
        assert first.end()
        assert all_paid(world, run_id, 2)

    def test_a_clock_that_is_set_back_a_little_takes_it_from_nobody(
        self, world: World, running: Callable[..., Running]
    ) -> None:
        run_id = started(world, one_payer(world, 2))
        first = running(run_id)
        world.clock.advance(seconds=-30)
        assert not world.rebuild().runs.executor.execute(run_id)
        assert first.end()
        assert all_paid(world, run_id, 2)

    def test_a_clock_that_jumps_a_day_while_a_charge_is_in_flight(
        self, world: World, running: Callable[..., Running], silent: None
    ) -> None:
        """The new one must not take a request that is still out for one that never left."""
        run_id = started(world, one_payer(world, 2))
        first = running(run_id)
        world.clock.advance(hours=25)
        world.rebuild().runs.executor.execute(run_id)
        first.end()
        amounts = [amount for amount, _ in world.moved()]
        assert len(set(amounts)) == len(amounts)


class TestHeart:
    def test_it_beats_while_stripe_takes_its_time(
        self, world: World, running: Callable[..., Running], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(lease, "BEAT_SECONDS", 0.01)
        run_id = started(world, one_payer(world, 1))
        first = running(run_id)
        world.clock.advance(seconds=60)
        until(lambda: state(world, run_id).lease_at == world.now)
        assert world.rebuild().runs.executor.waiting() == []
        assert first.end()

    def test_it_notices_a_pause(
        self, world: World, running: Callable[..., Running], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(lease, "BEAT_SECONDS", 0.01)
        run_id = started(world, one_payer(world, 3))
        first = running(run_id)
        world.services.runs.control.pause(run_id, by=ALICE)
        until(lambda: not any(t.name == "onfile-run-heartbeat" for t in threading.enumerate()))
        assert first.end()
        assert first.gate.keys == [key_of(rows_of(world, run_id)[0])]


@pytest.mark.usefixtures("silent")
class TestWhileInFlight:
    def test_a_pause_lets_it_end_and_sends_nothing_new(
        self, world: World, running: Callable[..., Running]
    ) -> None:
        run_id = started(world, one_payer(world, 3))
        first = running(run_id)
        world.services.runs.control.pause(run_id, by=ALICE)
        assert first.end()
        assert state(world, run_id).state is RunState.PAUSED
        assert counts(world, run_id) == {"succeeded": 1, "planned": 2}
        world.services.runs.control.resume(run_id, by=ALICE)
        assert world.rebuild().runs.executor.execute(run_id)
        assert all_paid(world, run_id, 3)

    def test_paused_and_resumed_before_it_noticed(
        self, world: World, running: Callable[..., Running]
    ) -> None:
        run_id = started(world, one_payer(world, 3))
        first = running(run_id)
        world.services.runs.control.pause(run_id, by=ALICE)
        world.services.runs.control.resume(run_id, by=ALICE)
        second = running(run_id)
        assert first.end()
        assert second.end()
        assert len(first.gate.keys) == 1
        assert all_paid(world, run_id, 3)

    def test_a_cancellation_keeps_what_was_sent(
        self, world: World, running: Callable[..., Running]
    ) -> None:
        run_id = started(world, one_payer(world, 3))
        first = running(run_id)
        world.services.runs.control.cancel(run_id, by=ALICE)
        assert first.end()
        assert state(world, run_id).state is RunState.CANCELLED
        assert counts(world, run_id) == {"succeeded": 1, "cancelled": 2}

    def test_and_cancels_what_turns_out_not_to_have_been_taken(
        self, world: World, running: Callable[..., Running]
    ) -> None:
        rows = one_payer(world, 3)
        run_id = started(world, rows)
        first = running(run_id)
        world.services.runs.control.cancel(run_id, by=ALICE)
        world.fault("rate_limited", times=5)
        assert first.end()
        assert counts(world, run_id) == {"cancelled": 3}
        charge_id = rows_of(world, run_id)[0].charge_id
        timeline = world.services.reports.charges.timeline(charge_id)
        assert [entry.kind for entry in timeline] == ["sent", "not_executed", "cancelled"]
        world.stripe.faults.clear()
        customer, _, _, reference = rows[0]
        view = world.charge(customer, amount="5.00", reference=reference)
        assert view.charge.state == "succeeded", "the reference is free again"

    def test_a_pause_keeps_what_turns_out_not_to_have_been_taken(
        self, world: World, running: Callable[..., Running]
    ) -> None:
        run_id = started(world, one_payer(world, 2))
        first = running(run_id)
        world.services.runs.control.pause(run_id, by=ALICE)
        world.fault("rate_limited", times=5)
        assert first.end()
        assert counts(world, run_id) == {"planned": 2}
        world.stripe.faults.clear()
        world.services.runs.control.resume(run_id, by=ALICE)
        assert world.rebuild().runs.executor.execute(run_id)
        assert all_paid(world, run_id, 2)

    def test_a_pause_stays_one_when_the_last_charge_is_found_out(
        self, world: World, running: Callable[..., Running]
    ) -> None:
        run_id = started(world, one_payer(world, 1))
        first = running(run_id)
        world.services.runs.control.pause(run_id, by=ALICE)
        world.lose_reply()
        assert first.end()
        assert state(world, run_id).state is RunState.PAUSED
        world.services.runs.control.resume(run_id, by=ALICE)
        assert world.rebuild().runs.executor.execute(run_id)
        assert all_paid(world, run_id, 1)


class TestTriedByHandMeanwhile:
    """A row failed, the canary paused the run, and a person tries that charge again."""

    @pytest.fixture
    @made_once
    def paused(self, world: World) -> tuple[Run, str, str]:
        customer = world.customer()
        bad, good = world.save_card(customer, ALWAYS_DECLINES), world.save_card(customer)
        rows = [(customer, bad, 1_001, "INV-1"), (customer, good, 1_002, "INV-2")]
        run = executed(world, rows, canary=1)
        assert counts(world, run.id) == {"declined": 1, "planned": 1}
        return run, rows_of(world, run.id)[0].charge_id, good

    def test_what_is_in_flight_is_not_taken_from_its_sender(
        self, world: World, paused: tuple[Run, str, str]
    ) -> None:
        run, charge, good = paused
        by_hand = world.rebuild()
        gate = Gate(by_hand.gateway)
        with ThreadPoolExecutor(1) as pool:
            again = pool.submit(
                try_again, by_hand.charges, charge, by=ALICE, payment_method=good, attempt=2
            )
            gate.wait()
            world.clock.advance(seconds=61)
            executor = world.rebuild().runs.executor
            own = Gate(world.services.gateway)
            own.open()
            resume(world, run.id)
            assert executor.execute(run.id)
            gate.open()
            assert again.result(10).charge.state == "succeeded"
        assert own.keys == [key_of(rows_of(world, run.id)[1])]
        self.each_paid_once(world, run.id)

    def test_what_stripe_did_not_take_of_it_is_not_the_runs_to_send(
        self, world: World, paused: tuple[Run, str, str]
    ) -> None:
        run, charge, good = paused
        not_taken(world, charge, good)
        resume(world, run.id)
        assert world.services.runs.executor.execute(run.id)
        assert counts(world, run.id) == {"declined": 1, "succeeded": 1}
        again = try_again(world.services.charges, charge, by=ALICE, payment_method=good, attempt=3)
        assert again.charge.state == "succeeded"
        self.each_paid_once(world, run.id)

    def test_nor_to_cancel(self, world: World, paused: tuple[Run, str, str]) -> None:
        run, charge, good = paused
        not_taken(world, charge, good)
        world.services.runs.control.cancel(run.id, by=ALICE)
        assert counts(world, run.id) == {"declined": 1, "cancelled": 1}
        assert [row.state for row in rows_of(world, run.id)] == ["sent", "cancelled"]
        assert world.services.charges.view(charge).charge.state == "planned"

    def each_paid_once(self, world: World, run_id: str) -> None:
        assert state(world, run_id).state is RunState.FINISHED
        assert counts(world, run_id) == {"declined": 1, "succeeded": 1}, "what the run did"
        assert sorted(world.moved()) == [(1_001, "usd"), (1_002, "usd")]


def not_taken(world: World, charge: str, method: str) -> None:
    def refused(*_: object, **__: object) -> None:
        raise Misconfigured("may not charge")

    gateway = world.services.gateway
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gateway, "create_payment_intent", refused)
        try_again(world.services.charges, charge, by=ALICE, payment_method=method, attempt=2)


def resume(world: World, run_id: str) -> None:
    world.services.runs.control.resume(run_id, by=ALICE)


class TestHandingOver:
    def test_a_worker_that_ends_leaves_the_run_to_the_next_one_at_once(self, world: World) -> None:
        run_id = started(world, one_payer(world, 3))
        executor = world.services.runs.executor
        assert executor.execute(run_id, should_stop=lambda: bool(world.moved()))
        left = state(world, run_id)
        assert (left.state, left.lease_owner, left.lease_at) == (RunState.RUNNING, None, None)
        assert counts(world, run_id) == {"succeeded": 1, "planned": 2}
        assert world.rebuild().runs.executor.execute(run_id)
        assert all_paid(world, run_id, 3)

    def test_it_looks_at_nothing_more_when_asked_to_end(self, world: World) -> None:
        run_id = started(world, one_payer(world, 2))
        world.lose_reply()
        executor = world.services.runs.executor
        assert executor.execute(run_id, should_stop=lambda: bool(world.moved()))
        assert counts(world, run_id) == {"unknown": 1, "planned": 1}
        assert executor.execute(run_id)
        assert all_paid(world, run_id, 2)

    def test_the_worker_executes_what_was_started(self, world: World) -> None:
        run_id = started(world, one_payer(world, 2))
        world.worker.do_runs()
        assert all_paid(world, run_id, 2)
        world.worker.do_runs()
        assert all_paid(world, run_id, 2)


class TestPeople:
    def test_starting_twice_is_starting_once(self, world: World) -> None:
        run_id = started(world, one_payer(world, 1))
        assert world.services.runs.control.start(run_id, by=ALICE).state is RunState.RUNNING
        assert audited(world).count("run.start") == 1
        assert world.services.runs.executor.execute(run_id)
        assert not world.services.runs.executor.execute(run_id)
        with pytest.raises(StaleState):
            world.services.runs.control.start(run_id, by=ALICE)
        assert all_paid(world, run_id, 1)

    def test_what_is_over_stays_over(self, world: World) -> None:
        control = world.services.runs.control
        run_id = started(world, one_payer(world, 2))
        control.cancel(run_id, by=ALICE)
        for act in (control.start, control.pause, control.resume, control.cancel):
            with pytest.raises(StaleState):
                act(run_id, by=ALICE)
        assert not world.services.runs.executor.execute(run_id)
        assert {row.state for row in rows_of(world, run_id)} == {RowState.CANCELLED}
        assert world.moved() == []
