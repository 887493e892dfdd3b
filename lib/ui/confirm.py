"""Confirming a sum before money moves: large or doubtful ones are typed again."""

from __future__ import annotations

import streamlit as st

from lib.domain.files.typed_sums import is_same
from lib.errors import InvalidInput
from lib.money import Money, currency, format_major

# In steps of two decimals: 1,000.00. Three-decimal currencies have ten times as many.
_LARGE = 100_000


def is_large(money: Money) -> bool:
    return money.amount >= _LARGE * (10 if currency(money.currency).exponent == 3 else 1)


def typed_amount(money: Money, *, key: str, why: str) -> str:
    """The field in which the sum is typed again."""
    return st.text_input(
        f"Type the amount to confirm ({why})",
        key=key,
        placeholder=format_major(money.amount, money.currency),
        autocomplete="off",
    )


def check(money: Money, typed: str) -> None:
    """
    Raises:
        InvalidInput: what was typed is another amount, or none.
    """
    if not typed.strip():
        raise InvalidInput(
            f"Type {format_major(money.amount, money.currency)} to confirm. Nothing was charged.",
            field="typed",
        )
    if not is_same(money, typed):
        raise InvalidInput(
            f"That is not the amount. Type {format_major(money.amount, money.currency)} to confirm; "
            "nothing was charged.",
            field="typed",
        )
