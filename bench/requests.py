"""
Requests that a charge makes at Stripe, counted at practice Stripe: `python -m bench.requests`.

What is read once for all charges of a minute (the news, docs/decisions/008) stands in the first line only.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from tests.stripe_account import requests_of
from tests.world import ALICE, NO_MONEY, World, new_world


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    with tempfile.TemporaryDirectory() as folder, new_world(Path(folder)) as world:
        customer = world.customer()
        bad, good = world.save_card(customer, NO_MONEY), world.save_card(customer)
        world.services.sync.run(full=True)
        world.services.sync.run()
        world.clock.advance(minutes=5)
        print(f"{'a single charge':<44}{'GET':>5}{'POST':>6}")
        _line(world, "the first in a minute", lambda: _charge(world, customer, "INV-1", good))
        _line(
            world, "another one in the same minute", lambda: _charge(world, customer, "INV-2", good)
        )
        _line(
            world,
            "with the page's review before it",
            lambda: _reviewed(world, customer, "INV-3", good),
        )
        _charge(world, customer, "INV-4", bad)
        _line(
            world,
            "after a decline, with another card",
            lambda: _charge(world, customer, "INV-4", good),
        )
        world.clock.advance(minutes=2)
        _line(
            world,
            "the first after two minutes and these five",
            lambda: _charge(world, customer, "INV-5", good),
        )


def _charge(world: World, customer: str, reference: str, method: str) -> None:
    world.services.charges.charge(
        world.order(customer, reference=reference, method=method), by=ALICE
    )


def _reviewed(world: World, customer: str, reference: str, method: str) -> None:
    order = world.order(customer, reference=reference, method=method)
    seen = world.services.charges.review(order, by=ALICE).fingerprint
    world.services.charges.charge(order, by=ALICE, seen=seen)


def _line(world: World, name: str, work: Callable[[], None]) -> None:
    with requests_of(world) as requests:
        work()
    methods = Counter(request.partition(" ")[0] for request in requests)
    print(f"{name:<44}{methods['GET']:>5}{methods['POST']:>6}  {', '.join(requests)}")


if __name__ == "__main__":
    main()
