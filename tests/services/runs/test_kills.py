"""
Real SIGKILL at any moment, for as long as is wanted, and often two executors that fight for the run.

ONFILE_KILL_SECONDS=180 goes on for three minutes; ONFILE_KILL_SEED repeats a plan, though not the
moments, which are the operating system's.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.crash_scenario import LONGER_THAN_A_LEASE, House, new_house
from tests.forked_executors import KILLED

pytestmark = pytest.mark.server

SECONDS = float(os.environ.get("ONFILE_KILL_SECONDS", "3"))
SEED = int(os.environ.get("ONFILE_KILL_SEED", time.time_ns() % 1_000_000))
FEWEST_KILLS = 3


def test_killed_at_any_moment(tmp_path: Path) -> None:
    print(f"ONFILE_KILL_SEED={SEED}")
    chance, ends = random.Random(SEED), Counter[int]()
    with new_house(tmp_path) as house:
        whole = undisturbed(house)
        until = time.monotonic() + SECONDS
        while time.monotonic() < until or ends[KILLED] < FEWEST_KILLS:
            run_id = house.run()
            if chance.random() < 0.3:
                house.world.fault(chance.choice(["lost_reply", "lost_request"]))
            for _ in range(chance.randint(1, 3)):
                ended = house.executors.run(*wave(house, run_id, chance, whole))
                ends.update(one.exit for one in ended)
                house.world.clock.advance(seconds=3 * LONGER_THAN_A_LEASE)
            house.world.stripe.faults.clear()
            house.finish(run_id, in_flight=4)
            house.check(run_id)
        house.check_all()
    print(f"{house.runs} runs; executors ended with {dict(ends)}")
    assert set(ends) <= {0, KILLED}, "one failed by itself"


def undisturbed(house: House) -> float:
    """Seconds that an executor takes here and now, so that the moments fall into it."""
    for _ in range(2):  # the first one also reads modules from the disk
        run_id = house.run()
        began = time.monotonic()
        house.finish(run_id, in_flight=4)
        whole = time.monotonic() - began
        house.check(run_id)
    return whole


def wave(house: House, run_id: str, chance: random.Random, whole: float) -> list[dict[str, Any]]:
    """
    One or two executors at once, most of them killed. The second one's clock is sometimes so far
    ahead that it takes the run from the living first one.
    """
    now = house.world.clock().timestamp()
    jobs = []
    for ahead in chance.choice([(0,), (0, 0), (0, LONGER_THAN_A_LEASE), (LONGER_THAN_A_LEASE, 0)]):
        job: dict[str, Any] = {
            "run": run_id,
            "in_flight": chance.choice([1, 4]),
            "now": now + ahead,
        }
        if chance.random() < 0.85:
            job["kill_after"] = chance.uniform(0.0, whole)
        jobs.append(job)
    return jobs
