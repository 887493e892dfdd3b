"""
The process dies at every commit and at every call, and another one finishes the run.

Afterwards money moved once for every reference that could be charged and never for another, our
ledger says what practice Stripe says, and no row of the file was lost.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from lib.domain.runs import RunState
from tests.dying import DIED, Executors
from tests.running import audited, counts, started, uow
from tests.world import ALICE, ALWAYS_DECLINES, World, new_world

LONGER_THAN_A_LEASE = 10
MOST_POINTS = 200


@dataclass
class House:
    """One world for all points: each gets a run and references of its own."""

    world: World
    executors: Executors
    good: list[tuple[str, str]]
    declining: tuple[str, str]
    other_card: str
    """Of the same customer, and good."""
    runs: int = 0

    def run(self) -> str:
        """
        Three rows of two customers that are paid, one that is declined, and one whose earlier try
        failed, so that its PaymentIntent is closed first.
        """
        self.runs += 1
        name = f"{self.runs:03}"
        (first, first_card), (second, second_card) = self.good
        declined, declined_card = self.declining
        self.world.charge(declined, amount="30.00", reference=f"{name}-again", method=declined_card)
        return started(
            self.world,
            [
                (first, first_card, 1_001, f"{name}-a"),
                (first, first_card, 1_002, f"{name}-b"),
                (second, second_card, 1_003, f"{name}-c"),
                (declined, declined_card, 1_004, f"{name}-d"),
                (declined, self.other_card, 3_000, f"{name}-again"),
            ],
        )

    def finish(self, run_id: str, **job: object) -> None:
        """Another process, once the dead one's lease has run out."""
        for _ in range(3):
            if self.world.services.runs.control.find(run_id).state is RunState.FINISHED:
                return
            self.world.clock.advance(seconds=LONGER_THAN_A_LEASE)
            (ended,) = self.executors.run({"run": run_id, **job})
            assert ended.exit == 0
        assert self.world.services.runs.control.find(run_id).state is RunState.FINISHED

    def check(self, run_id: str) -> None:
        name = f"{self.runs:03}"
        assert counts(self.world, run_id) == {"succeeded": 4, "declined": 1}
        assert self.paid(name) == Counter(
            {
                (f"{name}-a", 1_001): 1,
                (f"{name}-b", 1_002): 1,
                (f"{name}-c", 1_003): 1,
                (f"{name}-again", 3_000): 1,
            }
        )
        with uow(self.world).read() as stores:
            ledger = stores.charges._database.query(
                """SELECT reference, amount FROM charges c WHERE reference LIKE ? AND
                       state = 'succeeded' AND EXISTS (SELECT 1 FROM attempts
                       WHERE charge_id = c.id AND outcome = 'succeeded')""",
                (f"{name}-%",),
            )
            assert Counter((row["reference"], row["amount"]) for row in ledger) == self.paid(name)
            assert stores.audit.verify().ok

    def paid(self, name: str) -> Counter[tuple[str, int]]:
        """What moved at practice Stripe, by reference and minor units."""
        rows = self.world.stripe.database.connection().execute(
            "SELECT payload FROM objects WHERE id LIKE 'pi_%'"
        )
        intents = [json.loads(row["payload"]) for row in rows]
        return Counter(
            (intent["metadata"]["onfile_reference"], intent["amount"])
            for intent in intents
            if intent["status"] == "succeeded"
            and intent["metadata"]["onfile_reference"].startswith(name)
        )


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with new_world(tmp_path) as world:
        good = [(one, world.save_card(one)) for one in (world.customer(), world.customer())]
        customer = world.customer()
        declining = world.save_card(customer, ALWAYS_DECLINES)
        executors = Executors(world)
        try:
            yield House(world, executors, good, (customer, declining), world.save_card(customer))
        finally:
            executors.close()


def test_at_every_commit_and_every_call(house: House) -> None:
    died = 0
    for point in range(1, MOST_POINTS):
        run_id = house.run()
        (ended,) = house.executors.run({"run": run_id, "die_at": point})
        if ended.exit == 0:
            break
        assert ended.exit == DIED
        died += 1
        house.finish(run_id)
        house.check(run_id)
    else:
        pytest.fail("it never came to its end")
    house.check(run_id)
    assert died == ended.points >= 30, "every point was one to die at"
    assert "charge.paid_twice_suspected" not in audited(house.world)
    assert house.world.services.settling.reconcile(by=ALICE).drift == []


@pytest.mark.parametrize("seed", range(2))
def test_several_in_flight_and_the_second_process_dies_too(house: House, seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(8):
        run_id = house.run()
        for die_at in (chance.randint(3, 30), chance.randint(1, 15)):
            house.executors.run({"run": run_id, "die_at": die_at, "in_flight": 4})
            house.world.clock.advance(seconds=LONGER_THAN_A_LEASE)
        house.finish(run_id, in_flight=4)
        house.check(run_id)
    assert house.world.services.settling.reconcile(by=ALICE).drift == []


def test_killed_at_any_moment_while_another_one_tries_to_take_over(house: House) -> None:
    chance = random.Random(7)
    for _ in range(6):
        run_id = house.run()
        later = house.world.clock().timestamp() + LONGER_THAN_A_LEASE
        house.executors.run(
            {"run": run_id, "in_flight": 4, "kill_after": chance.uniform(0.02, 0.3)},
            {"run": run_id, "in_flight": 4, "now": later, "kill_after": chance.uniform(0.02, 0.4)},
            {"run": run_id, "in_flight": 4, "now": later + LONGER_THAN_A_LEASE},
        )
        house.world.clock.advance(seconds=3 * LONGER_THAN_A_LEASE)
        house.finish(run_id)
        house.check(run_id)
    assert house.world.services.settling.reconcile(by=ALICE).drift == []
