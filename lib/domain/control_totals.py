"""
Control totals: how many rows and how much a maker expects, typed from their own books.

They are compared with every row of the run, sent or not: a row that is missing or doubled is to be noticed
before anybody looks at what our rules say of the rest. Rows that were left out when the file was read, as
nobody sees them in the spreadsheet, are in no figure on the page and in none of these: each place says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lib.domain.files import typed_sums
from lib.domain.files.number_styles import DecimalSign, narrow
from lib.errors import InvalidInput
from lib.money import format_money

_ROWS = re.compile(
    r"(?P<count>[0-9]{1,3}(?P<group>[,.' ])[0-9]{3}(?:(?P=group)[0-9]{3})*|[0-9]*)(?: *rows?)?",
    re.IGNORECASE | re.ASCII,
)
_GROUPS = str.maketrans("", "", ",.' ")
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
    """All rows that a run holds, whatever becomes of them."""

    rows: int
    totals: Mapping[str, int] = field(default_factory=dict)
    """Minor units by currency as the file says, of the rows whose amount could be read."""
    unreadable: int = 0
    """Rows whose amount could not be read; they are in no total."""
    blocked: int = 0
    left_out: int = 0
    corrected: Mapping[str, int] | None = None
    """`totals` with the amounts and currencies that were corrected; None when it is the same."""
    unreadable_still: int = 0
    """Rows without an amount after the corrections."""
    not_counted: str = ""
    """A sentence on rows of the file that are not in the run."""

    @property
    def as_corrected(self) -> Mapping[str, int]:
        return self.totals if self.corrected is None else self.corrected

    @property
    def differs(self) -> bool:
        """Whether corrections change a sum."""
        return dict(self.as_corrected) != dict(self.totals)


def typed(
    rows: str, totals: Iterable[tuple[str, str]], sign: DecimalSign | None = None
) -> ControlTotals | None:
    """
    What a person typed, or None when that is nothing.

    Args:
        rows: how many, or nothing.
        totals: amounts in major units, each with its currency.
        sign: the decimal sign that the person uses, for what can mean two sums.

    Raises:
        InvalidInput: no number, no amount, or two totals of one currency.
    """
    digits = _count(rows)
    if digits is None or len(digits) > _MOST_DIGITS:
        raise InvalidInput("Write how many rows you expect, in digits.", field="rows")
    sums: dict[str, int] = {}
    for amount, code in totals:
        money = typed_sums.expected(amount, code, sign)
        if money.currency in sums:
            raise InvalidInput(
                f"There are two totals in {money.currency.upper()}. Write one for each currency.",
                field="totals",
            )
        sums[money.currency] = money.amount
    if not digits and not sums:
        return None
    return ControlTotals(int(digits) if digits else None, sums or None)


def _count(text: str) -> str | None:
    """Digits, also as the screen shows them: “1,234” or “1,234 rows”; None for anything else."""
    match = _ROWS.fullmatch(narrow(text))
    return match["count"].translate(_GROUPS) if match else None


def check(control: ControlTotals, file: FileTotals) -> None:
    """
    Compared twice: with the file as it came, and with the corrections. One of the two has to fit.

    Raises:
        InvalidInput: neither has what was typed; `field` is rows or totals.
    """
    beside = f" {file.not_counted}" if file.not_counted else ""
    if control.rows is not None and control.rows != file.rows:
        raise InvalidInput(
            f"You expect {_rows(control.rows)}, but this run holds {file.rows:,}.{_kept_back(file)}{beside}",
            field="rows",
            code="control_rows",
        )
    if control.totals is None or _fits(control, file.totals) or _fits(control, file.as_corrected):
        return
    unread = uncounted(file.unreadable)
    for code in sorted({*control.totals, *file.totals, *file.as_corrected}):
        expected, actual = control.totals.get(code, 0), file.totals.get(code, 0)
        corrected = file.as_corrected.get(code, 0)
        if expected != actual or expected != corrected:
            too = (
                f", with the corrections to {format_money(corrected, code)}" if file.differs else ""
            )
            raise InvalidInput(
                f"You expect {format_money(expected, code)}, but the file's rows add up to {format_money(actual, code)}{too}."
                f"{unread and f' {unread}'}{_kept_back(file)}{beside}",
                field="totals",
                code="control_totals",
            )


def agreement(control: ControlTotals, file: FileTotals) -> str:
    """What the typed totals agree with, and what the other side says; empty without corrected sums."""
    if control.totals is None or not file.differs:
        return ""
    in_file, corrected = _sums(file.totals), _sums(file.as_corrected)
    if _fits(control, file.totals):
        return f"That is what the file says; with the corrections it is {corrected}."
    return f"That is the sum with the corrections; the file says {in_file}."


def _fits(control: ControlTotals, totals: Mapping[str, int]) -> bool:
    typed_totals = control.totals or {}
    return all(
        typed_totals.get(code, 0) == totals.get(code, 0) for code in {*typed_totals, *totals}
    )


def _sums(totals: Mapping[str, int]) -> str:
    return ", ".join(format_money(amount, code) for code, amount in totals.items()) or "nothing"


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
