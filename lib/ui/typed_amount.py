"""An amount that is typed to charge it: read in any style, and asked where it can mean two sums."""

from __future__ import annotations

import streamlit as st

from lib.domain.files.number_styles import DecimalSign, Writing, readings, writing
from lib.domain.files.typed_sums import typed, written
from lib.errors import InvalidInput
from lib.money import Money, checked
from lib.ui import pickers
from lib.ui.context import PageContext


def ask_decimal(ctx: PageContext, key: str) -> DecimalSign | None:
    """
    What the amount under this key means, where that can be two sums; at first as the person said
    the last time.
    """
    number = written(st.session_state.get(key) or "")
    if writing(number) is not Writing.TWO_SUMS:
        return None
    meanings = readings(number)
    sign = st.segmented_control(
        f"“{number}” can mean two sums. Which one?",
        [sign.value for sign in DecimalSign],
        default=ctx.services.users.decimal_sign(ctx.actor),
        format_func=lambda one: f"{meanings[DecimalSign(one)]:,f} (decimal {one})",
        key=f"{key}_decimal",
    )
    return DecimalSign(sign) if sign else None


def read_amount(ctx: PageContext, text: str, currency: str, sign: DecimalSign | None) -> Money:
    """
    Remembers what the person said for the next time.

    Raises:
        InvalidInput: nothing, no amount, none that can be charged, or two sums and no answer.
    """
    if not text.strip():
        raise InvalidInput("Enter the amount.", field="amount")
    money = checked(typed(text, currency, sign))
    if sign is not None:
        ctx.services.users.remember_decimal_sign(sign, by=ctx.actor)
    return money


def usual_currency(ctx: PageContext, customer: str) -> str:
    usual = ctx.services.reports.charges.usual_currency(customer)
    return usual if usual in pickers.CURRENCY_CODES else pickers.CURRENCY_CODES[0]
