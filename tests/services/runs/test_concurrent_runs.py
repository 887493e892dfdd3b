"""Several runs at once, in one process and beside charges by hand: one charge a customer at a time."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

from lib.domain.charges import IN_FLIGHT_SECONDS
from lib.domain.runs import RUNS_AT_ONCE, RunState
from tests.charge_runs import counts, executed, payers, started
from tests.held_requests import Gate, Running, until
from tests.services.runs.test_new_cards import charge_of, failing, saves_a_card
from tests.world import ALICE, World


def two_runs(world: World) -> tuple[str, str]:
    """Both charge the first customer; the second run charges another one, too."""
    (first, card), (other, card_of_other) = payers(world, 2)
    return (
        started(world, [(first, card, 1_001, "A-1")]),
        started(world, [(first, card, 1_002, "B-1"), (other, card_of_other, 1_003, "B-2")]),
    )


def state(world: World, run_id: str) -> RunState:
    return world.services.runs.control.find(run_id).state


class TestOneCustomer:
    def test_is_charged_by_one_run_after_the_other(self, world: World) -> None:
        one, two = two_runs(world)
        with closing(Running(world, one)) as first, ThreadPoolExecutor(1) as pool:
            executor = world.rebuild().runs.executor
            second = pool.submit(executor.execute, two)
            until(lambda: counts(world, two).get("succeeded") == 1)
            threading.Event().wait(0.1)
            assert world.moved() == [(1_003, "usd")], "others are charged meanwhile"
            assert counts(world, two) == {"planned": 1, "succeeded": 1}
            assert first.end()
            assert second.result(10)
        assert sorted(world.moved()) == [(1_001, "usd"), (1_002, "usd"), (1_003, "usd")]
        assert state(world, one) is state(world, two) is RunState.FINISHED

    def test_also_when_a_person_charges_it(self, world: World) -> None:
        ((customer, card),) = payers(world, 1)
        run_id = started(world, [(customer, card, 1_001, "A-1")])
        by_hand = world.rebuild()
        gate = Gate(by_hand.gateway)
        with ThreadPoolExecutor(2) as pool:
            order = world.order(customer, amount="5.00", reference="by hand", method=card)
            single = pool.submit(by_hand.charges.charge, order, by=ALICE)
            gate.wait()
            run = pool.submit(world.rebuild().runs.executor.execute, run_id)
            threading.Event().wait(0.2)
            assert counts(world, run_id) == {"planned": 1}
            gate.open()
            assert single.result(10).charge.state == "succeeded"
            assert run.result(10)
        assert world.moved() == [(500, "usd"), (1_001, "usd")]

    def test_a_pause_ends_the_waiting(self, world: World) -> None:
        one, two = two_runs(world)
        with closing(Running(world, one)) as first, ThreadPoolExecutor(1) as pool:
            second = pool.submit(world.rebuild().runs.executor.execute, two)
            until(lambda: counts(world, two).get("succeeded") == 1)
            world.services.runs.control.pause(two, by=ALICE)
            assert second.result(10)
            assert first.end()
        assert counts(world, two) == {"planned": 1, "succeeded": 1}

    def test_so_does_the_end_of_the_process(self, world: World) -> None:
        one, two = two_runs(world)
        ending = threading.Event()
        with closing(Running(world, one)) as first, ThreadPoolExecutor(1) as pool:
            executor = world.rebuild().runs.executor
            second = pool.submit(executor.execute, two, should_stop=ending.is_set)
            until(lambda: counts(world, two).get("succeeded") == 1)
            ending.set()
            assert second.result(10)
            assert first.end()
        assert state(world, two) is RunState.RUNNING
        assert world.rebuild().runs.executor.execute(two)
        assert counts(world, two) == {"succeeded": 2}

    def test_whoever_died_long_ago_is_not_waited_for(self, world: World) -> None:
        one, two = two_runs(world)
        with closing(Running(world, one)) as first:
            world.clock.advance(seconds=IN_FLIGHT_SECONDS)
            assert world.rebuild().runs.executor.execute(two)
            assert counts(world, two) == {"succeeded": 2}
            first.gate.open()

    def test_a_new_card_is_charged_after_what_is_in_flight(self, world: World) -> None:
        customer, bad, *rest = failing(world)
        run = executed(world, [(customer, bad, *rest)], charge_new_cards=True)
        saves_a_card(world, charge_of(world, run))
        card = world.save_card(customer)
        other = started(world, [(customer, card, 1_001, "A-1")])
        with closing(Running(world, other)) as first:
            assert world.services.runs.new_cards.charge_due() == 0
            assert first.end()
        assert world.services.runs.new_cards.charge_due() == 1
        assert world.moved() == [(1_001, "usd"), (1_000, "usd")]


def test_runs_share_what_may_be_in_flight(world: World) -> None:
    one, two = (
        started(world, [(*payer, 1_000, f"{name}-1") for payer in payers(world, 6)])
        for name in ("A", "B")
    )
    executor = world.rebuild().runs.executor
    executor.in_flight = 4
    gate = Gate(world.services.gateway)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(executor.execute, one)
        until(lambda: len(gate.keys) == 4)
        second = pool.submit(executor.execute, two)
        until(lambda: len(gate.keys) == 6)
        threading.Event().wait(0.3)
        assert len(gate.keys) == 6, "four of the first, and then half of four"
        gate.open()
        assert first.result(20)
        assert second.result(20)
    assert counts(world, one) == counts(world, two) == {"succeeded": 6}


class TestWorker:
    def test_a_long_run_keeps_neither_another_nor_new_cards_nor_certificates_waiting(
        self, world: World
    ) -> None:
        done = executed(world, [failing(world)], charge_new_cards=True)
        saves_a_card(world, charge_of(world, done))
        one, two = (started(world, [(*payer, 2_000, "X-1")]) for payer in payers(world, 2))
        with closing(Running(world, one)) as first:
            world.rebuild()
            worker = world.worker
            worker.start()
            try:
                until(lambda: state(world, two) is RunState.FINISHED)
                until(lambda: (1_000, "usd") in world.moved())
                until(lambda: world.services.runs.certificates.last(two) is not None)
            finally:
                worker.stop()
            assert first.end()
        assert counts(world, one) == {"succeeded": 1}

    def test_as_many_runs_at_once_as_it_says_and_the_rest_afterwards(self, world: World) -> None:
        runs = [
            started(world, [(*payer, 2_000, "X-1")]) for payer in payers(world, RUNS_AT_ONCE + 1)
        ]
        services = world.rebuild()
        gate = Gate(services.gateway)
        worker = world.worker
        worker.start()
        try:
            until(lambda: len(gate.keys) == RUNS_AT_ONCE)
            threading.Event().wait(0.6)
            assert len(gate.keys) == RUNS_AT_ONCE
            gate.open()
            until(lambda: all(state(world, run) is RunState.FINISHED for run in runs))
        finally:
            gate.open()
            worker.stop()
        assert len(world.moved()) == RUNS_AT_ONCE + 1
