"""
Differences of a run from those before it, and how much of it will probably be paid: what an approver
would otherwise have to know by heart. Shares are whole percent, sums are minor units.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

Payers = Mapping[tuple[str, str], int]
"""Minor units by customer and currency."""

# Below this, chance says more than history.
FEWEST_CHARGES = 30
# A change that a person would want to have noticed.
NOTABLE_PERCENT = 50
_MOST_CHANGES = 3
# Usual is who was in at least so many of the runs looked at, as far as there are so many.
_USUAL_RUNS = 2


@dataclass(frozen=True, slots=True)
class Change:
    customer: str
    currency: str
    before: int
    after: int

    @property
    def percent(self) -> int:
        return _percent(self.before, self.after)


@dataclass(frozen=True, slots=True)
class Variance:
    new: tuple[str, ...]
    """Customers that were in none of the runs looked at."""
    missing: tuple[str, ...]
    """Usual ones that are not in this run."""
    changes: tuple[Change, ...]
    """The largest changes since the last run, the largest first."""
    totals: tuple[Change, ...]
    """Of each currency that was in the last run or is in this one; `customer` is empty."""


def variance(now: Payers, earlier: Sequence[Payers]) -> Variance | None:
    """
    Against the runs before it, newest first; None when there were none.

    A customer who pays in two currencies is one payer, and two amounts.
    """
    if not earlier:
        return None
    last = earlier[0]
    here = {customer for customer, _ in now}
    were = [{customer for customer, _ in run} for run in earlier]
    seen = set().union(*were)
    enough = min(_USUAL_RUNS, len(were))
    usual = {customer for customer in seen if sum(customer in run for run in were) >= enough}
    changes = [
        Change(customer, currency, last[customer, currency], amount)
        for (customer, currency), amount in now.items()
        if (customer, currency) in last
    ]
    notable = [change for change in changes if abs(change.percent) >= NOTABLE_PERCENT]
    notable.sort(key=lambda change: (-abs(change.percent), change.customer))
    return Variance(
        new=tuple(sorted(here - seen)),
        missing=tuple(sorted(usual - here)),
        changes=tuple(notable[:_MOST_CHANGES]),
        totals=tuple(_totals(now, last)),
    )


def _totals(now: Payers, last: Payers) -> Iterable[Change]:
    for code in sorted({currency for _, currency in (*now, *last)}):
        before, after = (
            sum(amount for (_, currency), amount in payers.items() if currency == code)
            for payers in (last, now)
        )
        yield Change("", code, before, after)


def _percent(before: int, now: int) -> int:
    """Rounded half away from zero; a beginning from nothing counts as +100 %."""
    if before == 0:
        return 100 if now else 0
    difference = abs(now - before)
    rounded = (difference * 100 + before // 2) // before
    return rounded if now >= before else -rounded


class Past(StrEnum):
    """The outcome of the customer's charge before."""

    PAID = "paid"
    FAILED = "failed"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Tally:
    paid: int
    of: int


@dataclass(frozen=True, slots=True)
class Yield:
    """What is to be expected of a run."""

    expected: Mapping[str, int]
    """Minor units by currency."""
    percent: int
    """Of the rows."""
    charges: int
    """How many earlier charges it is judged by."""


def expected_yield(
    planned: Mapping[tuple[Past, str], tuple[int, int]], history: Mapping[Past, Tally]
) -> Yield | None:
    """
    Each row has the share that customers with such a past had; None without enough history.

    Args:
        planned: rows and minor units by past and currency.
    """
    all_of = sum(tally.of for tally in history.values())
    rows = sum(count for count, _ in planned.values())
    if all_of < FEWEST_CHARGES or rows == 0:
        return None
    overall = Tally(sum(tally.paid for tally in history.values()), all_of)
    expected: dict[str, int] = {}
    permille = 0
    for (past, currency), (count, amount) in planned.items():
        tally = history.get(past, overall)
        if tally.of < FEWEST_CHARGES:
            tally = overall
        expected[currency] = expected.get(currency, 0) + amount * tally.paid // tally.of
        permille += count * tally.paid * 1_000 // tally.of
    return Yield(expected, (permille + rows * 5) // (rows * 10), all_of)
