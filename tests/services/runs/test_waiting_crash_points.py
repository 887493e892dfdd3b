"""
The process dies at every commit and at every call (ONFILE_CRASH_STRIDE=1) while a card that was waited
for is charged, and another one goes on. Nothing is charged twice, and nothing that was approved is lost from sight.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lib.domain.charges import ChargeState
from lib.domain.runs import Run, RunState
from tests.charge_runs import approve
from tests.crash_scenario import LONGER_THAN_A_LEASE, STRIDE
from tests.forked_executors import DIED, Executors
from tests.services.runs.test_waiting_charges import charge_of, drafted, saves_a_card, state
from tests.world import ALICE, World

pytestmark = pytest.mark.server
_MOST_POINTS = 80


@pytest.fixture
def executors(world: World) -> Iterator[Executors]:
    made = Executors(world)
    yield made
    made.close()


def approved_to_wait(world: World, first: int) -> Run:
    run = world.services.runs.approvals.submit(
        drafted(world, world.customer(), first=first), by=ALICE, wait_for_cards=True
    )
    world.services.runs.control.start(approve(world, run).id, by=ALICE)
    return run


def test_while_the_row_is_handed_over(world: World, executors: Executors) -> None:
    world.services.users.add_practice_users()
    for point in range(1, _MOST_POINTS, STRIDE):
        run = approved_to_wait(world, point)
        (ended,) = executors.run({"run": run.id, "die_at": point})
        if ended.exit == DIED:
            world.clock.advance(seconds=LONGER_THAN_A_LEASE)
            executors.run({"run": run.id})
        assert world.services.runs.control.find(run.id).state is RunState.FINISHED
        charge = charge_of(world, run, point + 1)
        assert state(world, charge) is ChargeState.PLANNED
        assert len(links_of(world, charge)) == 1
        if ended.exit == 0:
            break
    else:
        pytest.fail("it never came to its end")
    assert point > 5
    assert not world.moved()


def test_while_the_card_is_charged(world: World, executors: Executors) -> None:
    world.services.users.add_practice_users()
    charged = 0
    for point in range(1, _MOST_POINTS, STRIDE):
        run = approved_to_wait(world, point)
        executors.run({"run": run.id})
        charge = charge_of(world, run, point + 1)
        saves_a_card(world, charge)
        (ended,) = executors.run({"new_cards": True, "die_at": point})
        for _ in range(3):
            # Long enough for whoever finds out what became of a request without an answer.
            world.clock.advance(minutes=6)
            executors.run({"new_cards": True})
        charged += 1
        assert state(world, charge) is ChargeState.SUCCEEDED
        assert len(world.moved()) == charged, f"at point {point}"
        if ended.exit == 0:
            break
        assert ended.exit == DIED
    else:
        pytest.fail("it never came to its end")
    assert point > 15
    references = [movement.metadata["onfile_reference"] for movement in world.stripe.money_moved()]
    assert len(set(references)) == charged


def links_of(world: World, charge_id: str) -> list[dict[str, object]]:
    return world.rows("SELECT * FROM setup_links WHERE charge_id = ?", charge_id)
