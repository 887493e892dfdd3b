"""How often each hazard befell the seeds of a test run: printed at its end, and none may be missing from many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

HAPPENED = "happened"
"""The property of a seed's report that holds its counts."""
ENOUGH_SEEDS = 200
EVERY_KIND = (
    "a clock that jumps ahead",
    "a file put back, its anchor is gone",
    "a file put back, its anchor is older too",
    "a file put back, its anchor stays",
    "a look-alike reference",
    "a payment in the Dashboard with a reference",
    "a payment in the Dashboard without a reference",
    "a payment of ours paid later",
    "a payment of the Dashboard paid later",
    "a reference put on a payment of the Dashboard",
    "a step of a second installation",
    "an approver disabled",
    "an approver disabled while a request was out",
    "an approver enabled",
    "an empty file",
    "an open payment cancelled in the Dashboard",
    "another account's key",
    "another reference on a payment of ours",
    "hours without an answer",
    "marks copied to another payment",
    "payments listed late",
)


def told(seeds: Iterable[dict[str, int]]) -> tuple[list[str], list[str]]:
    """Lines for people, and the kinds that are missing where the seeds were enough for all."""
    counts, with_it, number = Counter[str](), Counter[str](), 0
    for seed in seeds:
        number += 1
        counts.update(seed)
        with_it.update(seed.keys())
    kinds = sorted({*EVERY_KIND, *counts})
    lines = [f"{counts[kind]:6} in {with_it[kind]:5} seeds  {kind}" for kind in kinds]
    missing = [kind for kind in EVERY_KIND if not counts[kind]]
    return lines, missing if number >= ENOUGH_SEEDS else []
