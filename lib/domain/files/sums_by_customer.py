"""Rows that sum up their customer: each customer's total in a block at an end of the file, or apart from its rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from lib.money import Money

Row = tuple[int, str, Money]
"""Its number, customer and amount."""
IsTelling = Callable[[int, Sequence[int]], bool]
"""Whether an amount is hardly the sum of these by chance."""


def summaries(rows: Sequence[Row], known: frozenset[int], is_telling: IsTelling) -> dict[int, int]:
    """
    By the numbers of rows: of how many rows of their customer they are the sum.

    Args:
        rows: of one currency, without those that name no customer.
        known: numbers of rows that are totals already, which are no rows of a customer.
    """
    others = [row for row in rows if row[0] not in known]
    block = _block(others, is_telling) or _block(others[::-1], is_telling)
    if block:
        return block
    amounts = Counter(money.amount for _, _, money in others)
    return {
        number: len(parts)
        for number, parts, amount in _candidates(others)
        if len(parts) > 1 and amounts[amount] == 1 and is_telling(amount, parts)
    }


def _block(rows: Sequence[Row], is_telling: IsTelling) -> dict[int, int]:
    """The last rows, when they sum up each customer of the others once."""
    totals: dict[int, int] = {}
    customers: set[str] = set()
    certainty = 0
    for (number, parts, amount), (_, customer, _) in zip(
        reversed(list(_candidates(rows))), reversed(rows), strict=True
    ):
        if not parts:
            break
        totals[number] = len(parts)
        customers.add(customer)
        if len(parts) > 1:
            certainty += 2 if is_telling(amount, parts) else 1
    above = {customer for number, customer, _ in rows if number not in totals}
    # Two customers with two equal rows each have no block; of sums there must be at least one.
    is_block = len(totals) > 1 and certainty > 1 and customers >= above
    return totals if is_block else {}


def _candidates(rows: Sequence[Row]) -> Iterator[tuple[int, tuple[int, ...], int]]:
    """Each row in order, with the others of its customer if it is the last one and their sum; and its amount."""
    theirs: dict[str, list[int]] = {}
    last: dict[str, int] = {}
    for number, customer, money in rows:
        theirs.setdefault(customer, []).append(money.amount)
        last[customer] = number
    for number, customer, money in rows:
        amounts = theirs[customer]
        is_sum = last[customer] == number and 0 < 2 * money.amount == sum(amounts)
        yield number, tuple(amounts[:-1]) if is_sum else (), money.amount
