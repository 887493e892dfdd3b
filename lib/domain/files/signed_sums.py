"""The sum that a row adds to a total: its amount, or minus what its credit takes off."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal

from lib.domain.files.amounts import NumberStyle
from lib.domain.files.number_styles import readings
from lib.domain.files.row_errors import RowError
from lib.domain.files.row_orders import RowOrder
from lib.domain.files.sheets import Cell, CellKind
from lib.domain.files.typed_sums import written
from lib.money import Money, currency

_SIGNS = re.compile(r"[-+−–()]")
_CREDITS = frozenset({"row_is_credit", "row_is_credit_note", "row_perhaps_credit"})


def signed_sum(order: RowOrder, text: str, cell: Cell | None, style: NumberStyle) -> Money | None:
    """
    Args:
        text, cell: of the amount.
    """
    if order.money is not None or order.currency_read is None:
        return order.money
    if not any(error.code == "amount_negative" for error in order.errors):
        return None
    number = number_in(_SIGNS.sub("", text), cell, style)
    unit = currency(order.currency_read)
    minor = None if number is None else abs(number).scaleb(unit.decimals)
    is_whole = minor is not None and minor == minor.to_integral_value()
    return Money(-int(minor), unit.code) if minor is not None and is_whole else None


def without_credits(
    rows: Sequence[tuple[int, str, Money | None]], errors: Sequence[Sequence[RowError]]
) -> list[tuple[int, str, Money | None]]:
    """
    With what is marked as a credit taken off; empty where nothing is.

    Args:
        errors: what its words say of each.
    """
    are_credits = [any(error.code in _CREDITS for error in theirs) for theirs in errors]
    if not any(are_credits):
        return []
    return [
        (number, customer, Money(-money.amount, money.currency) if money and is_credit else money)
        for (number, customer, money), is_credit in zip(rows, are_credits, strict=True)
    ]


def number_in(text: str, cell: Cell | None, style: NumberStyle) -> Decimal | None:
    """As the file's other amounts are read; None for what is no number, or can mean two."""
    if cell is not None and cell.kind is CellKind.NUMBER:
        return cell.number
    numbers = readings(written(text))
    if len(set(numbers.values())) == 1:
        return next(iter(numbers.values()))
    return numbers.get(style.sign) if style.sign is not None else None
