"""An amount that is typed to charge it: read in any style, and asked where it can mean two sums."""

from __future__ import annotations

from collections.abc import Collection

import streamlit as st

from lib.domain.files.number_styles import DecimalSign, Writing, readings, writing
from lib.domain.files.typed_sums import listed, typed, written
from lib.domain.mirror import PaymentMethod
from lib.domain.payment_methods import only_currency
from lib.errors import InvalidInput
from lib.money import Money, checked, currency, format_major, format_money
from lib.ui import pickers
from lib.ui.context import PageContext


def example(code: str) -> str:
    """What stands in an empty field: nobody writes decimals of yen."""
    return "1234.50" if not code or currency(code).decimals else "1234"


def ask_decimal(ctx: PageContext, key: str, code: str) -> DecimalSign | None:
    """
    What the amount under this key means, where that can be two sums; at first as the person said
    the last time.
    """
    text = st.session_state.get(key) or ""
    if not _can_mean_two(text, code, as_shown=False):
        return None
    number = written(text)
    meanings = readings(number)
    sign = st.segmented_control(
        f"“{number}” can mean two sums. Which one?",
        [sign.value for sign in DecimalSign],
        default=ctx.services.preferences.decimal_sign(ctx.actor),
        format_func=lambda one: f"{meanings[DecimalSign(one)]:,f} (decimal {one})",
        key=f"{key}_decimal_{number}",
    )
    return DecimalSign(sign) if sign else None


def ask_in_form(label: str, key: str, code: str) -> DecimalSign | None:
    """
    As `ask_decimal`, in a form, whose fields are read when it is sent: nothing is chosen at first, so
    that what can mean two sums is sent once more with the answer.
    """
    return _ask(label, st.session_state.get(key) or "", key, code)


def ask_of_several(label: str, key: str, currencies: Collection[str]) -> DecimalSign | None:
    """As `ask_in_form`, of a list of sums with their currencies: one answer for all of them."""
    try:
        sums = listed(st.session_state.get(key) or "", currencies)
    except InvalidInput:
        return None
    two = next((one for one in sums if _can_mean_two(*one)), None)
    return _ask(label, two[0], key, two[1]) if two else None


def _ask(label: str, text: str, key: str, code: str) -> DecimalSign | None:
    if not _can_mean_two(text, code):
        return None
    number = written(text)
    meanings = readings(number)
    sign = st.segmented_control(
        f"{label}: “{number}” can mean two sums. Which one?",
        [sign.value for sign in DecimalSign],
        format_func=lambda one: f"{meanings[DecimalSign(one)]:,f} (decimal {one})",
        key=f"{key}_decimal_{number}",
    )
    return DecimalSign(sign) if sign else None


def _can_mean_two(text: str, code: str, *, as_shown: bool = True) -> bool:
    try:
        typed(text, code, as_shown=as_shown)
    except InvalidInput as refused:
        return refused.code == "amount_two_sums"
    return False


def prefilled(amount: int, code: str) -> str:
    """Minor units as a field holds them at first, so that they can mean this sum only."""
    plain = format_major(amount, code)
    return format_money(amount, code) if writing(plain) is Writing.TWO_SUMS else plain


def in_own_style(ctx: PageContext, amount: int, code: str) -> str:
    """
    Minor units in digits; with the person's own decimal sign where they can mean two sums, so that
    `ask_decimal` reads this sum again.
    """
    plain = format_major(amount, code)
    sign = ctx.services.preferences.decimal_sign(ctx.actor)
    is_own = writing(plain) is Writing.TWO_SUMS and sign is DecimalSign.COMMA
    return plain.replace(".", ",") if is_own else plain


def read_amount(ctx: PageContext, text: str, currency: str, sign: DecimalSign | None) -> Money:
    """
    Remembers what the person said for the next time.

    Raises:
        InvalidInput: nothing, no amount, none that can be charged, or two sums and no answer.
    """
    if not text.strip():
        raise InvalidInput("Enter the amount.", field="amount")
    money = checked(typed(text, currency, sign, as_shown=False))
    if sign is not None:
        ctx.services.preferences.remember_decimal_sign(sign, by=ctx.actor)
    return money


def usual_currency(ctx: PageContext, customer: str, method: PaymentMethod | None) -> str:
    """The only one that the method takes which is chosen beforehand, else the customer's."""
    only = only_currency(method) if method is not None else None
    usual = only or ctx.services.reports.charges.usual_currency(customer)
    return usual if usual in pickers.CURRENCY_CODES else pickers.CURRENCY_CODES[0]
