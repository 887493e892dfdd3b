"""
Control totals: how many rows and how much a maker expects, typed from their own books.

They are compared with everything that is in the file, sent or not: a row that is missing or doubled is
to be noticed before anybody looks at what our rules say of the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lib.domain.files import typed_sums
from lib.errors import InvalidInput
from lib.money import format_money

# More digits than any file has rows; a number of thousands of digits is not even read.
_MOST_DIGITS = 9


@dataclass(frozen=True, slots=True)
class ControlTotals:
    """What was typed; None where nothing was."""

    rows: int | None = None
    totals: Mapping[str, int] | None = None
    """Minor units by currency."""

    def as_json(self) -> dict[str, Any]:
        return {"rows": self.rows, "totals": None if self.totals is None else dict(self.totals)}

    def in_words(self) -> str:
        """ "120 rows, €1,234.50, ¥5,000", as far as it was typed."""
        words = [] if self.rows is None else [_rows(self.rows)]
        words += [format_money(amount, code) for code, amount in (self.totals or {}).items()]
        return ", ".join(words)


@dataclass(frozen=True, slots=True)
class FileTotals:
    """All rows that a run holds: those of its file, whatever becomes of them."""

    rows: int
    totals: Mapping[str, int] = field(default_factory=dict)
    """Minor units by currency, of the rows whose amount could be read."""
    unreadable: int = 0
    """Rows whose amount could not be read; they are in no total."""
    blocked: int = 0
    left_out: int = 0


def typed(rows: str, totals: Iterable[tuple[str, str]]) -> ControlTotals | None:
    """
    What a person typed, or None when that is nothing.

    Args:
        rows: digits, or nothing.
        totals: amounts in major units, each with its currency.

    Raises:
        InvalidInput: no number, no amount, or two totals of one currency.
    """
    digits = rows.strip()
    if digits and not (digits.isascii() and digits.isdecimal() and len(digits) <= _MOST_DIGITS):
        raise InvalidInput("Write how many rows you expect, in digits.", field="rows")
    sums: dict[str, int] = {}
    for amount, code in totals:
        money = typed_sums.typed(amount, code)
        if money.currency in sums:
            raise InvalidInput(
                f"There are two totals in {money.currency.upper()}. Write one for each currency.",
                field="totals",
            )
        sums[money.currency] = money.amount
    if not digits and not sums:
        return None
    return ControlTotals(int(digits) if digits else None, sums or None)


def check(control: ControlTotals, file: FileTotals) -> None:
    """
    Raises:
        InvalidInput: the file does not have what was typed; `field` is rows or totals.
    """
    if control.rows is not None and control.rows != file.rows:
        raise InvalidInput(
            f"You expect {_rows(control.rows)}, but this run holds {file.rows:,}.{_kept_back(file)}",
            field="rows",
            code="control_rows",
        )
    if control.totals is None:
        return
    unread = uncounted(file.unreadable)
    for code in sorted({*control.totals, *file.totals}):
        expected, actual = control.totals.get(code, 0), file.totals.get(code, 0)
        if expected != actual:
            raise InvalidInput(
                f"You expect {format_money(expected, code)}, but the file's rows add up to {format_money(actual, code)}."
                f"{unread and f' {unread}'}{_kept_back(file)}",
                field="totals",
                code="control_totals",
            )


def _kept_back(file: FileTotals) -> str:
    """Of the rows that count here and are not sent."""
    words = ""
    of = f" of its {_rows(file.rows)}"
    for count, word in ((file.blocked, "blocked"), (file.left_out, "left out")):
        if count:
            words += f" {count:,}{of} {'is' if count == 1 else 'are'} {word} and cannot be sent."
            of = ""
    return words


def uncounted(rows: int) -> str:
    """What no sum can hold; empty when there is none."""
    if not rows:
        return ""
    verb = "is" if rows == 1 else "are"
    return f"{_rows(rows)} without a readable amount {verb} not counted."


def _rows(count: int) -> str:
    return f"{count:,} row" if count == 1 else f"{count:,} rows"
