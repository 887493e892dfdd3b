"""
A house for runs whose executors die: five rows each time, of which four are paid exactly once.

Used where they die at every point in turn, and where they are killed at any moment.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lib.domain.runs import RunState
from tests.charge_runs import audited, counts, started, uow
from tests.forked_executors import Executors
from tests.world import ALICE, ALWAYS_DECLINES, World, new_world

LONGER_THAN_A_LEASE = 10
STRIDE = int(os.environ.get("ONFILE_CRASH_STRIDE", "3"))
"""Of the points at which a process could die, one in so many is tried."""


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
        ledger = self.world.rows(
            """SELECT reference, amount FROM charges c WHERE reference LIKE ? AND
                   state = 'succeeded' AND EXISTS (SELECT 1 FROM attempts
                   WHERE charge_id = c.id AND outcome = 'succeeded')""",
            f"{name}-%",
        )
        assert Counter((row["reference"], row["amount"]) for row in ledger) == self.paid(name)
        with uow(self.world).read() as stores:
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

    def check_all(self) -> None:
        """Over every run there was: each payment moved once, and the ledger is Stripe's."""
        moved = Counter(
            movement.metadata["onfile_reference"] for movement in self.world.stripe.money_moved()
        )
        assert set(moved.values()) == {1}, "a reference was paid twice"
        ledger = self.world.rows("SELECT reference FROM charges WHERE state = 'succeeded'")
        assert Counter(row["reference"] for row in ledger) == moved
        assert "charge.paid_twice_suspected" not in audited(self.world)
        assert self.world.services.charge_resolver.reconcile(by=ALICE).drift == []


@contextmanager
def new_house(folder: Path) -> Iterator[House]:
    with new_world(folder) as world:
        good = [(one, world.save_card(one)) for one in (world.customer(), world.customer())]
        customer = world.customer()
        declining = world.save_card(customer, ALWAYS_DECLINES)
        executors = Executors(world)
        try:
            yield House(world, executors, good, (customer, declining), world.save_card(customer))
        finally:
            executors.close()
