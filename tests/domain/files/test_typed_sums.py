"""Sums that people type to charge, to expect or to confirm: as they are shown they are always understood."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.domain.control_totals import ControlTotals
from lib.domain.control_totals import typed as control_typed
from lib.domain.files.number_styles import DecimalSign
from lib.domain.files.typed_sums import expected, is_same, listed, typed
from lib.errors import InvalidInput
from lib.money import CURRENCIES, Money, currency, format_major, format_money
from lib.ui import run_words
from tests.fuzzing import examples

CODES = st.sampled_from(sorted(CURRENCIES))


@st.composite
def sums(draw: st.DrawFn) -> Money:
    code = draw(CODES)
    return Money(draw(st.integers(0, 10**11)) * currency(code).smallest, code)


several = st.lists(sums(), min_size=1, max_size=5, unique_by=lambda money: money.currency)
INVISIBLE = st.sampled_from(["", "\u2060", "\u200b", "\u00ad", "\ufeff"])
# What our own pages and messages write between sums, and what people write there.
BETWEEN = st.sampled_from(
    [
        " · ",
        ", ",
        " and ",
        "; ",
        " + ",
        "\n",
        "\r\n",
        "·",
        ";",
        ",",
        "+",
        " & ",
        " | ",
        ",\n",
        " ;\n",
    ]
)


def shown(money: Money) -> str:
    return format_money(money.amount, money.currency)


@settings(max_examples=examples(500))
@given(money=sums(), letter=INVISIBLE)
def test_one_sum_is_taken_as_it_is_shown(money: Money, letter: str) -> None:
    """New charge, refund, a corrected row, limits and the command line read with `typed`, confirming with `is_same`."""
    for text in (
        shown(money),
        f" {shown(money)}\N{NO-BREAK SPACE}",
        f"{letter}{shown(money)}{letter}",
    ):
        assert typed(text, money.currency) == money
        assert is_same(money, text)
        more = Money(money.amount + currency(money.currency).smallest, money.currency)
        assert not is_same(more, text)
    plain = format_major(money.amount, money.currency)
    assert is_same(money, f"{plain}{letter}"), "the form that the field and its messages show"


@settings(max_examples=examples(500))
@given(owed=several, between=BETWEEN, letter=INVISIBLE)
def test_several_are_taken_as_they_are_shown(owed: list[Money], between: str, letter: str) -> None:
    text = f"{letter}{between}{letter}".join(map(shown, owed))
    found = listed(text, CURRENCIES)
    assert [typed(*one) for one in found] == owed


@settings(max_examples=examples(200))
@given(owed=several, between=BETWEEN)
def test_several_are_taken_as_people_write_them(owed: list[Money], between: str) -> None:
    def amount(money: Money) -> str:
        # With three decimals 1.234 can be a thousand, too: that is asked.
        whole = money.amount // currency(money.currency).factor
        return f"{whole} {money.currency}"

    found = listed(between.join(map(amount, owed)), ())
    assert [code for _, code in found] == [money.currency for money in owed]
    for (text, code), money in zip(found, owed, strict=True):
        assert typed(text, code).amount == money.amount - money.amount % currency(code).factor


@settings(max_examples=examples(200))
@given(owed=several)
def test_totals_as_pages_and_messages_list_them(owed: list[Money]) -> None:
    owed = [money for money in owed if money.amount]
    totals = {money.currency: money.amount for money in owed}
    for text in (
        run_words.totals(totals, most=len(totals)),
        ControlTotals(None, totals).in_words(),
    ):
        control = control_typed("", listed(text, totals))
        assert control == (ControlTotals(None, totals) if totals else None)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("€1,234.50, ¥5,000", [("€1,234.50", "eur"), ("¥5,000", "jpy")]),
        ("€1,234.50 · £120.00", [("€1,234.50", "eur"), ("£120.00", "gbp")]),
        ("€1,234.50,£120.00", [("€1,234.50", "eur"), ("£120.00", "gbp")]),
        ("12345.60 eur, 5000 jpy", [("12345.60 eur", "eur"), ("5000 jpy", "jpy")]),
        ("1.00 usd,2.00 eur", [("1.00 usd", "usd"), ("2.00 eur", "eur")]),
        ("1.234,50 EUR AND 2,00 USD", [("1.234,50 EUR", "eur"), ("2,00 USD", "usd")]),
        ("EUR\t€1,234.50\nUSD\t$5.00\n", [("EUR €1,234.50", "eur"), ("USD $5.00", "usd")]),
        ("$5.00", [("$5.00", "usd")]),
        ("$5.00 · CA$7.00", [("$5.00", "usd"), ("CA$7.00", "cad")]),
        ("", []),
        (" ·\n", []),
    ],
)
def test_sums_as_the_screen_lists_them(text: str, found: list[tuple[str, str]]) -> None:
    assert listed(text, ["usd", "eur", "jpy", "cad"]) == found
    for sum_, code in found:
        assert typed(sum_, code).currency == code


@pytest.mark.parametrize("text", ["12.00", "€5.00 · 12.00", "€5.00 · 1 more", "$5.00"])
def test_a_sum_without_a_currency_is_asked_for_it(text: str) -> None:
    with pytest.raises(InvalidInput, match="with its currency"):
        listed(text, ["eur", "cad", "aud"])


@pytest.mark.parametrize(
    ("text", "code", "minor"),
    [
        ("¥5,000", "jpy", 5_000),
        ("5.000", "jpy", 5_000),
        ("￥５，０００", "jpy", 5_000),
        ("€1,234.50\N{WORD JOINER}", "eur", 123_450),
        ("KWD\N{NO-BREAK SPACE}5.120", "kwd", 5_120),
        ("€1,234.50", "eur", 123_450),
    ],
)
def test_a_sum_as_the_screen_shows_it_is_never_asked(text: str, code: str, minor: int) -> None:
    assert typed(text, code) == Money(minor, code)


def test_a_sign_that_was_said_goes_before_the_form_of_the_screen() -> None:
    assert typed("KWD 1.230", "kwd", DecimalSign.COMMA) == Money(1_230_000, "kwd")
    assert typed("KWD 1.230", "kwd", DecimalSign.DOT) == Money(1_230, "kwd")
    with pytest.raises(InvalidInput, match="can mean"):
        typed("KWD 1.230", "kwd", as_shown=False)


def test_a_sum_of_the_screen_beside_one_that_was_asked() -> None:
    assert expected("KWD 1.230", "kwd", DecimalSign.COMMA) == Money(1_230, "kwd")
    assert expected("1.230", "kwd", DecimalSign.COMMA) == Money(1_230_000, "kwd")


def test_a_letter_that_nobody_sees_is_named() -> None:
    with pytest.raises(InvalidInput, match="U\\+202E"):
        typed("12\u202e34", "eur")
    with pytest.raises(InvalidInput, match="U\\+202E"):
        listed("€5.00 · €12\u202e34", ["eur"])
