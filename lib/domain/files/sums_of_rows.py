"""Rows that are totals by their amount alone: the sum of rows beside them, whatever else they say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import gcd

from lib.domain.files.row_errors import RowError
from lib.domain.files.sums_by_customer import summaries
from lib.domain.identity import customer_key
from lib.domain.runs import Severity
from lib.money import Money, format_money

# Prices are multiples of a few sums, so 10 + 20 = 30 happens every day. Of so many units of what its
# parts have in common a sum of two rows, or of three, seldom is chance; measured in the tests.
_TELLING_UNITS = {2: 100, 3: 50}
_FEWEST_UNITS = 20
# Empty rows part groups, unless they stand between most rows.
_MOST_GAPS = 3

Row = tuple[int, str, Money]
"""Its number, customer and amount."""


def sums_of_others(rows: Sequence[tuple[int, str, Money | None]]) -> list[RowError]:
    """
    Rows to ask about, in the order of the file; docs/decisions/015 says which.

    Args:
        rows: number, customer and amount of each, in the order of the file; None where the amount
            cannot be read. What is negative is taken off, and asked by nobody.
    """
    numbers = [number for number, *_ in rows]
    gaps = frozenset(after for before, after in pairwise(numbers) if after - before > 1)
    if len(gaps) * _MOST_GAPS > len(numbers):
        gaps = frozenset()
    by_currency: dict[str, list[Row]] = {}
    for number, customer, money in rows:
        if money is not None:
            by_currency.setdefault(money.currency, []).append((number, customer, money))
    errors = {}
    for same in by_currency.values():
        totals, where = _Totals(same, gaps).of_rows_before(), "above"
        if not totals:
            # A report can show its totals over the rows; then it begins with one.
            behind = frozenset(before for before, after in pairwise(numbers) if after in gaps)
            totals, where = _Totals(same[::-1], behind).of_rows_before(), "below"
            if same[0][0] not in totals:
                totals = {}
        for number, _, money in same:
            if number in totals:
                errors[number] = _sum_of(number, money, totals[number], f"{where} it")
        named = [
            (number, customer_key(customer), money) for number, customer, money in same if customer
        ]
        by_customer = summaries(named, frozenset(totals), _is_telling)
        for number, _, money in same:
            if number in by_customer:
                whose = "of this customer"
                errors[number] = _sum_of(number, money, by_customer[number], whose)
    return [errors[number] for number in numbers if number in errors]


@dataclass(slots=True)
class _Run:
    """Amounts from the first one on, and how many there were when they came to a sum."""

    amounts: list[int] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    total: int = 0
    places: dict[int, int] = field(default_factory=lambda: {0: 0})
    starts: set[int] = field(default_factory=lambda: {0})
    """Where groups can begin."""
    newest_start: int = 0
    group_start: int | None = None
    """Of the rows of one customer."""

    def begin(self) -> None:
        self.newest_start = len(self.amounts)
        self.starts.add(self.newest_start)

    def add(self, number: int, amount: int) -> None:
        self.total += amount
        self.amounts.append(amount)
        self.numbers.append(number)
        self.places[self.total] = len(self.amounts)

    def start_of(self, amount: int) -> int | None:
        """Where the rows that come to this amount and reach to the last one begin."""
        return self.places.get(self.total - amount)


class _Totals:
    """Of the rows of one currency."""

    def __init__(self, rows: Sequence[Row], gaps: frozenset[int]) -> None:
        self._rows = rows
        self._gaps = gaps
        self._occurrences = Counter(money.amount for _, _, money in rows)
        self._added_up: frozenset[int] = frozenset()

    def of_rows_before(self) -> dict[int, int]:
        """By the numbers of rows that are sums: of how many rows before them."""
        totals = self._read(None)
        # Where there are several, a group of one row has its total, too.
        return self._read(self._added_up) if len(totals) > 1 else totals

    def _read(self, added_up: frozenset[int] | None) -> dict[int, int]:
        """
        Args:
            added_up: rows that belong to a total of several; the others can have one of their own.
        """
        totals: dict[int, int] = {}
        firsts: dict[int, int] = {}
        parts: set[int] = set()
        numbers: list[int] = []
        details, every = _Run(), _Run()
        group = ""
        for number, customer, money in self._rows:
            amount = money.amount
            if number in self._gaps:
                details.begin()
                every.begin()
            if customer != group:
                group = customer
                details.group_start = len(details.amounts)
            is_free = added_up is not None and added_up.isdisjoint((*numbers[-1:], number))
            for run in (details, every):
                start = run.start_of(amount)
                count = 0 if start is None else len(run.amounts) - start
                is_single = count == 1 and is_free and start == run.newest_start
                if (
                    start is not None
                    and amount > 0
                    and (is_single or (count > 1 and self._is_asked(amount, run, start)))
                ):
                    totals[number] = count
                    parts.update(numbers[-count:])
                    firsts[number] = run.numbers[start]
                    break
            every.add(number, amount)
            if number in totals:
                details.begin()
                every.begin()
                group = ""
            else:
                details.add(number, amount)
                numbers.append(number)
        self._added_up = frozenset(parts)
        return self._beginnings(firsts) | totals

    def _beginnings(self, firsts: Mapping[int, int]) -> dict[int, int]:
        """
        The first of balances that run on: the amount before it once more.

        Args:
            firsts: of each total the first row that it adds.
        """
        runs_on = {first for first, count in Counter(firsts.values()).items() if count > 1}
        return {
            number: 1
            for (_, _, before), (number, _, money) in pairwise(self._rows)
            if number in runs_on and before.amount == money.amount
        }

    def _is_asked(self, amount: int, run: _Run, start: int) -> bool:
        return (
            start in run.starts
            or start == run.group_start
            or (self._occurrences[amount] == 1 and _is_telling(amount, run.amounts[start:]))
        )


def _is_telling(amount: int, parts: Sequence[int]) -> bool:
    """Whether their sum is hardly chance."""
    return amount // gcd(*parts) >= _TELLING_UNITS.get(len(parts), _FEWEST_UNITS)


def _sum_of(number: int, money: Money, count: int, where: str) -> RowError:
    amount = format_money(money.amount, money.currency)
    rows = f"{count:,} rows" if count > 1 else "one row"
    return RowError(
        number,
        "amount",
        "amount_is_a_sum",
        f"{amount} is the sum of the {rows} {where}: is this a total?",
        Severity.AMBER,
    )


def sum_by_formula(number: int, amount: str, formula: str) -> RowError:
    """Of a row whose amount a formula adds up from other rows, whether those are its neighbours or not."""
    return RowError(
        number,
        "amount",
        "amount_is_a_sum",
        f"{amount.strip()[:24]} is added up from other rows by its formula: is this a total? It is {formula[:40]}.",
        Severity.AMBER,
    )
