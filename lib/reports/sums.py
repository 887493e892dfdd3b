"""Sums at the foot of a list: how many rows and how much, by state and currency."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from sqlite_utils import Database

from lib.reports.paging import Query


@dataclass(frozen=True, slots=True)
class Sum:
    state: str
    currency: str
    count: int
    amount: int
    """Minor units."""


def count_of(sums: Iterable[Sum], states: Collection[str] = ()) -> int:
    """Rows in any of the states, or all."""
    return sum(one.count for one in sums if not states or one.state in states)


def counts_of(sums: Iterable[Sum]) -> dict[str, int]:
    """By state; those without rows are left out."""
    counts: dict[str, int] = {}
    for one in sums:
        counts[one.state] = counts.get(one.state, 0) + one.count
    return counts


def added_up(sums: Iterable[Sum]) -> list[Sum]:
    """One of each state and currency, in that order."""
    totals: dict[tuple[str, str], tuple[int, int]] = {}
    for one in sums:
        count, amount = totals.get((one.state, one.currency), (0, 0))
        totals[one.state, one.currency] = count + one.count, amount + one.amount
    return [Sum(*key, *total) for key, total in sorted(totals.items())]


def sums_of(database: Database, query: Query, *, group: str) -> list[Sum]:
    """`query` selects state, currency, n and amount; `group` names the first two."""
    rows = database.query(f"{query.sql} GROUP BY {group}", query.parameters)
    return [Sum(row["state"], row["currency"], row["n"], row["amount"]) for row in rows]
