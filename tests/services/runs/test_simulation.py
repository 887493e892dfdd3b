"""
Random people, runs, faults, deaths, second executors and clocks against practice Stripe, from a seed.

After each step: no reference was paid twice, no key was sent with other parameters, whatever is unknown
is looked at in time and flagged, and the events of each charge lead to its state. At each sending:
enough other people approved exactly this, no limit is passed, and the debt may be tried (again) now.
At the end, when everything is quiet: every run is over, no row was lost, the ledger says of every
payment what Stripe says, and the totals tie. See `tests/simulation/`.

ONFILE_SIMULATION_SEED=7 runs that seed alone; ONFILE_SIMULATION_RUNS=1000 runs as many.
"""

from __future__ import annotations

import gc
import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from lib.errors import OnfileError
from tests.simulation.events import Events
from tests.simulation.house import Died, copy_of, made_once
from tests.world import ALWAYS_DECLINES, GOOD, NO_MONEY, WANTS_AUTHENTICATION, World

pytestmark = pytest.mark.server

LOST = "4000900000000029"
STEPS = 25
RUNS = int(os.environ.get("ONFILE_SIMULATION_RUNS", "60"))
FIRST = int(os.environ.get("ONFILE_SIMULATION_SEED", "0"))
SEEDS = [FIRST] if "ONFILE_SIMULATION_SEED" in os.environ else range(RUNS)


class Simulation(Events):
    def step(self) -> None:
        actions = {
            self.make: 12,
            self.make_from_file: 8,
            self.make_again: 4,
            self.decide: 7,
            self.start: 5,
            self.execute: 40,
            self.steer: 16,
            self.withdraw: 3,
            self.limit: 4,
            self.charge: 6,
            self.retry: 6,
            self.give_up: 4,
            self.settle: 8,
            self.sync: 1,
            self.fault: 14,
            self.wait: 16,
            self.clock_is_set: 3,
            self.dashboard_confirm: 4,
            self.default_is_set: 3,
            self.refund: 5,
            self.settle_by_hand: 3,
            self.card_arrives: 3,
        }
        action = self.random.choices(list(actions), list(actions.values()))[0]
        self.steps.append(("  meanwhile " if self.is_nested else "") + action.__name__)
        at = len(self.steps) - 1
        if self.random.random() < 0.25:
            self.life.left = self.random.randint(1, 30)
        try:
            action()
        except OnfileError as error:
            self.steps[at] += f": {error.code}"
        except Died:
            self.steps[at] += ": died"
        self.life.left = None
        if self.life.is_over:
            self.services, self.life = self.begin()
        self.check()


@pytest.fixture(scope="session")
def template(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Path, dict[str, list[str]]]]:
    folder = tmp_path_factory.mktemp("template")

    def prepare(world: World) -> dict[str, list[str]]:
        world.services.users.add_practice_users()
        cards = (GOOD, GOOD, ALWAYS_DECLINES, NO_MONEY, WANTS_AUTHENTICATION, LOST)
        people = {
            customer: [world.save_card(customer, number) for number in cards]
            for customer in (world.customer("Acme"), world.customer("Globex"))
        }
        world.services.sync.run(full=True)
        # What has happened so far is in the inbox and done with, once for all seeds.
        world.services.sync.run()
        return people

    people = made_once(folder, prepare)
    # As in production: what is there before the first seed is never looked through for garbage again.
    gc.collect()
    gc.freeze()
    yield folder, people
    gc.unfreeze()


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_happens_to_runs(
    template: tuple[Path, dict[str, list[str]]],
    monkeypatch: pytest.MonkeyPatch,
    seed: int,
) -> None:
    made, people = template
    with copy_of(made) as folder:
        simulation = Simulation(folder, people, random.Random(seed), monkeypatch)
        try:
            live(simulation, seed)
        finally:
            simulation.reader.close()
            simulation.house.close()


def live(simulation: Simulation, seed: int) -> None:
    simulation.steps.append("limit")
    try:
        simulation.limit()
        for _ in range(STEPS):
            simulation.step()
        simulation.steps.append("rest")
        simulation.come_to_rest()
    except BaseException:
        print(f"seed {seed}, step {len(simulation.steps)}:", *simulation.steps, sep="\n  ")
        raise
