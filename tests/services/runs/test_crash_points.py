"""
The process dies at every commit and at every call (ONFILE_CRASH_STRIDE=1), and another one finishes the run.

Afterwards money moved once for every reference that could be charged and never for another, our
ledger says what practice Stripe says, and no row of the file was lost.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash_scenario import LONGER_THAN_A_LEASE, STRIDE, House, new_house
from tests.forked_executors import DIED

pytestmark = pytest.mark.server

MOST_POINTS = 200
# All of them with 1, as `make soak` does; otherwise one in so many, which cost a second each.


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with new_house(tmp_path) as built:
        yield built


def test_at_every_commit_and_every_call(house: House) -> None:
    died = 0
    for point in range(1, MOST_POINTS, STRIDE):
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
    # Later processes have fewer news to read than the first, so there may have been more points.
    assert died * STRIDE >= ended.points >= 30, "every point was one to die at"
    house.check_all()


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
    house.check_all()
