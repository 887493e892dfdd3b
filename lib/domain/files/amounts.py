"""The amount of a row: what its cell shows, in the currency of the row and the number style of the file."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal

from lib.domain.files import currency_signs
from lib.domain.files.number_styles import (
    DecimalSign,
    FileStyle,
    Writing,
    is_negative,
    readings,
    value,
    writing_of,
)
from lib.domain.files.sheets import Cell, CellKind
from lib.domain.files.typed_sums import NO_CHARGE, refuse_unreadable, written
from lib.domain.runs import Severity
from lib.errors import InvalidInput
from lib.money import Money, currency, parse_amount, parse_total

Fail = Callable[[str, str, Severity], None]
"""Code, message, severity."""
_SWITCH = "At the command line: --decimal comma or --decimal dot."

# For examples and roundings where the currency is not known: it has as many decimals as any.
_ANY = "kwd"
_NUMBER = re.compile(r"[0-9][0-9.,]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class NumberStyle:
    """How the amounts of one file are read."""

    chosen: DecimalSign | None = None
    seen: FileStyle = field(default_factory=FileStyle)

    @property
    def sign(self) -> DecimalSign | None:
        """None while a person has to say it."""
        if self.chosen is not None:
            return self.chosen
        return None if self.seen.needs_confirmation else DecimalSign.DOT

    def question(self) -> str:
        """What has to be confirmed, in sentences; empty when nothing."""
        if self.sign is not None:
            return ""
        example, proposal = self.seen.example, self.seen.proposal
        choose = "Choose the number style."
        if self.seen.is_mixed and proposal is None:
            return (
                f"Some amounts are written with a decimal comma (“{example}”) and as many with a decimal "
                f"dot. {choose}"
            )
        if proposal is DecimalSign.COMMA and not self.seen.two_sums:
            return (
                f"The amounts are written with a decimal comma, as “{example}” is. "
                "Confirm it once for the file."
            )
        if proposal is not None:
            return (
                f"“{self.seen.doubtful}” can mean two sums; the other amounts are written with a decimal "
                f"{proposal.value}. Confirm it."
            )
        return f"“{self.seen.doubtful}” can mean two sums. {choose}"


def number_of(
    text: str, cell: Cell | None, code: str | None, style: NumberStyle, fail: Fail
) -> Decimal | None:
    """
    With the decimals that a person sees: 1000.00 is no sum in a currency without any. None when `fail` was
    called with something red.

    Args:
        code: the currency of the row, one that Stripe charges; None where that is not known.
    """
    if cell is not None and cell.kind is CellKind.NUMBER:
        return _of_number(text, cell, code, fail)
    if cell is not None and cell.kind in (CellKind.DATE, CellKind.TRUTH):
        what = "a date" if cell.kind is CellKind.DATE else "a truth value"
        fail(
            "amount_invalid",
            f"“{text[:24]}” is {what} in the spreadsheet and no amount.",
            Severity.RED,
        )
        return None
    if is_negative(text):
        fail("amount_negative", f"“{text[:24]}”: {NO_CHARGE}", Severity.RED)
        return None
    if not _is_in(text, text, code, fail):
        return None
    return _in_style(text, code or _ANY, style, fail)


def money_of(number: Decimal, code: str, fail: Fail) -> Money | None:
    """None when `fail` was called: it is no sum that can be charged in this currency."""
    try:
        return parse_amount(f"{number:f}", code)
    except InvalidInput as refused:
        fail(refused.code, str(refused), Severity.RED)
        return None


def _of_number(text: str, cell: Cell, code: str | None, fail: Fail) -> Decimal | None:
    number = cell.number or Decimal(0)
    # A format may write the minus: a person sees a credit.
    if number < 0 or is_negative(text):
        fail("amount_negative", f"“{text[:24]}”: {NO_CHARGE}", Severity.RED)
        return None
    if not _is_in(cell.signs, text, code, fail):
        return None
    if "%" in text:
        fail("amount_invalid", f"“{text[:24]}” is a share and no amount.", Severity.RED)
        return None
    if cell.code == "General":
        return number
    if not (cell.is_certain or cell.with_comma):
        fail(
            "amount_format_unknown",
            f"The cell holds {number:f}, under the number format “{cell.code[:40]}”, which Onfile cannot show. "
            "Compare the amount with what the spreadsheet shows.",
            Severity.AMBER,
        )
    digits = _NUMBER.findall(text)
    shown = value(digits[0].rstrip("."), DecimalSign.DOT) if len(digits) == 1 else None
    unit = currency(code or _ANY)
    # What a program's own language writes beside it is not in the file; its digits are.
    if shown is None or abs(shown - number) * 2 > Decimal(1).scaleb(-unit.decimals):
        fail(
            "amount_shown_otherwise",
            f"The cell shows “{text[:24]}” and holds {number:f}. Show all decimals, or round the value, so "
            "that both are the same.",
            Severity.RED,
        )
        return None
    if shown != number:
        fail(
            "amount_rounded",
            f"The cell shows {text.strip()[:24]}, rounded from {number:f}.",
            Severity.AMBER,
        )
    elif currency_signs.has_foreign_words(cell.signs):
        # “1.5 k” may be 1,500 to whoever wrote it.
        fail(
            "amount_with_words",
            f"The cell shows “{text.strip()[:24]}”, and holds {number:f}. Check that this is the amount.",
            Severity.AMBER,
        )
    return shown


def _is_in(signs: str, text: str, code: str | None, fail: Fail) -> bool:
    """Whether the currency that is written beside the number may be the row's."""
    named = currency_signs.named(signs)
    if named is None or code in named:
        return True
    if code is None:
        # Which of its currencies is meant is said with the amount.
        return False
    other = f"{next(iter(named)).upper()}" if len(named) == 1 else "another currency"
    fail(
        "currency_contradicts_format",
        f"The cell shows “{text.strip()[:24]}”, which is {other}, but this row is in {code.upper()}. Correct "
        "the one that is wrong.",
        Severity.RED,
    )
    return False


def _in_style(text: str, code: str, style: NumberStyle, fail: Fail) -> Decimal | None:
    if currency_signs.has_foreign_words(text):
        _refused(text, code, fail)
        return None
    numbers = readings(written(text))
    kind, seen = writing_of(numbers), style.seen
    if kind is Writing.NONE:
        _refused(text, code, fail)
        return None
    if kind is Writing.NEUTRAL:
        return next(iter(numbers.values()))
    sign = style.sign
    if sign is None:
        # A dot is the usual sign, so what can only mean that is read; unless most say otherwise.
        if kind is Writing.DOT and seen.proposal is not DecimalSign.COMMA and not seen.comma:
            return numbers[DecimalSign.DOT]
        fail("decimal_unconfirmed", f"{style.question()} {_SWITCH}", Severity.RED)
        return None
    if sign not in numbers:
        fail(
            "decimal_other_style" if style.chosen else "amount_invalid",
            f"“{text.strip()[:24]}” is not written with a decimal {sign.value} like the rest of the file. "
            f"Correct it, or choose the other style (--decimal {sign.other.value}) for all rows.",
            Severity.RED,
        )
        return None
    return numbers[sign]


def _refused(text: str, code: str, fail: Fail) -> None:
    """Says what is wrong with a text that is no amount in any style."""
    try:
        refuse_unreadable(text)
        parse_total(text, code)
    except InvalidInput as refused:
        fail(refused.code, str(refused), Severity.RED)
    else:
        fail("amount_invalid", f"“{text[:24]}” is not an amount.", Severity.RED)
