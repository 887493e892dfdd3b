"""A world with many sessions, brought in by a real sync."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.seed_bulk import seed_sessions
from lib.domain.actors import Role
from tests.world import ADA, ALICE, World, new_world


@contextmanager
def filled_world(folder: Path, *, sessions: int) -> Iterator[World]:
    with new_world(folder) as world:
        world.services.users.add(
            "ada",
            name="Ada Admin",
            email="ada@example.com",
            roles=[Role.ADMIN],
            password="correct horse",
            by=None,
        )
        seed_sessions(world.stripe, sessions, now=world.clock())
        start = time.perf_counter()
        result = world.services.sync.run_now(by=ADA, full=True)
        seconds = time.perf_counter() - start
        print(f"synced {result.as_json()} in {seconds:.1f} s")
        for number in range(30):
            customer = world.customer(f"Charged {number}")
            world.save_card(customer)
            world.services.charges.charge(
                world.order(customer, reference=f"INV-{number}"), by=ALICE
            )
        yield world
