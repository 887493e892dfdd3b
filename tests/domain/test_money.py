"""Amounts: read exactly or refused, in each currency's own units."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.errors import InvalidInput
from lib.money import (
    CURRENCIES,
    MAXIMUM_MINOR,
    Money,
    checked,
    currency,
    format_major,
    format_money,
    minimum_minor,
    parse_amount,
)
from lib.practice.currencies import MINIMUM_CHARGE, UNITS_A_DOLLAR


@st.composite
def payable(draw: st.DrawFn) -> Money:
    """Any amount that Stripe takes, in any of its currencies."""
    unit = CURRENCIES[draw(st.sampled_from(sorted(CURRENCIES)))]
    least = -(-minimum_minor(unit.code) // unit.smallest)
    steps = draw(st.integers(least, MAXIMUM_MINOR // unit.smallest))
    return Money(steps * unit.smallest, unit.code)


class TestReading:
    @given(payable())
    def test_what_is_written_is_read_back_to_the_last_unit(self, money: Money) -> None:
        assert parse_amount(format_major(money.amount, money.currency), money.currency) == money

    @pytest.mark.parametrize("code", sorted(CURRENCIES))
    def test_the_smallest_and_the_largest_amount_of_every_currency(self, code: str) -> None:
        unit = CURRENCIES[code]
        largest = MAXIMUM_MINOR - MAXIMUM_MINOR % unit.smallest
        for amount in (minimum_minor(code), largest):
            assert parse_amount(format_major(amount, code), code) == Money(amount, code)
        assert minimum_minor(code) % unit.smallest == 0

    @given(
        st.sampled_from(sorted(CURRENCIES)),
        st.integers(0, 10**9),
        st.text("0123456789", min_size=1, max_size=6),
    )
    def test_never_rounds(self, code: str, whole: int, fraction: str) -> None:
        """Either every digit counts or the amount is refused."""
        try:
            money = parse_amount(f"{whole}.{fraction}", code)
        except InvalidInput:
            return
        scale = 10 ** len(fraction)
        assert money.amount * scale == (whole * scale + int(fraction)) * CURRENCIES[code].factor

    @given(st.text(), st.sampled_from(["usd", "jpy", "kwd", "ugx"]))
    def test_any_text_is_read_or_refused_with_a_short_reason(self, text: str, code: str) -> None:
        refused: InvalidInput | None = None
        money: Money | None = None
        try:
            money = parse_amount(text, code)
        except InvalidInput as error:
            refused = error
        assert money is None or money == checked(money)
        assert refused is None or (refused.field == "amount" and len(str(refused)) < 200)

    @pytest.mark.parametrize(
        ("text", "code"),
        [
            ("0", "amount_not_positive"),
            ("0.00", "amount_not_positive"),
            ("-1", "amount_invalid"),
            ("+1", "amount_invalid"),
            ("1e3", "amount_invalid"),
            ("1,000.50", "amount_invalid"),
            ("1.000,50", "amount_invalid"),
            ("1 000", "amount_invalid"),
            ("1_000", "amount_invalid"),
            ("1'000", "amount_invalid"),
            ("12,34", "amount_invalid"),
            (".50", "amount_invalid"),
            ("12.", "amount_invalid"),
            ("1.2.3", "amount_invalid"),
            ("", "amount_invalid"),
            ("   ", "amount_invalid"),
            ("12.345", "amount_too_many_decimals"),
            ("12.340", "amount_too_many_decimals"),
            ("999999999999", "amount_too_large"),
            ("10000000000.00", "amount_too_large"),
            ("9" * 100_000, "amount_invalid"),
            ("1." + "0" * 100_000, "amount_too_many_decimals"),
            ("١٢", "amount_invalid"),
            ("１２", "amount_invalid"),
            ("①", "amount_invalid"),
            ("½", "amount_invalid"),
            ("nan", "amount_invalid"),
            ("inf", "amount_invalid"),
            ("-inf", "amount_invalid"),
            ("0x10", "amount_invalid"),
            ("$12", "amount_invalid"),
            ("12 usd", "amount_invalid"),
            ("1\x002", "amount_invalid"),
            ("1\n2", "amount_invalid"),
            ("12\x00", "amount_invalid"),
            ("1\u202e2", "amount_invalid"),
            ("=12", "amount_invalid"),
            ("0.49", "amount_too_small"),
        ],
        ids=lambda value: ascii(value)[:24],
    )
    def test_refuses(self, text: str, code: str) -> None:
        with pytest.raises(InvalidInput) as refused:
            parse_amount(text, "usd")
        assert (refused.value.field, refused.value.code) == ("amount", code)
        assert len(str(refused.value)) < 200

    @pytest.mark.parametrize("text", [" 12.34", "12.34 ", "12.34\n", "\t12.34"])
    def test_space_around_an_amount_is_no_part_of_it(self, text: str) -> None:
        assert parse_amount(text, "USD ") == Money(1234, "usd")


class TestCurrencies:
    @pytest.mark.parametrize(
        ("text", "code", "minor"),
        [
            ("12.34", "usd", 1234),
            ("12.3", "usd", 1230),
            ("12", "usd", 1200),
            ("5000", "jpy", 5000),
            ("5.120", "kwd", 5120),
            ("5.12", "kwd", 5120),
            ("2000", "ugx", 200000),
            ("150", "isk", 15000),
            ("175", "huf", 17500),
            ("0.30", "gbp", 30),
        ],
    )
    def test_each_is_sent_as_stripe_counts_it(self, text: str, code: str, minor: int) -> None:
        assert parse_amount(text, code).amount == minor

    @pytest.mark.parametrize(
        ("text", "code"),
        [("5000.0", "jpy"), ("5.0", "ugx"), ("150.50", "isk"), ("5.124", "kwd"), ("5.1240", "kwd")],
    )
    def test_decimals_the_currency_does_not_have_are_refused(self, text: str, code: str) -> None:
        with pytest.raises(InvalidInput) as refused:
            parse_amount(text, code)
        assert refused.value.code == "amount_too_many_decimals"

    @pytest.mark.parametrize(
        ("code", "least"),
        [
            ("usd", "0.50"),
            ("gbp", "0.30"),
            ("jpy", "50"),
            ("czk", "15.00"),
            ("dkk", "2.50"),
            ("hkd", "4.00"),
            ("huf", "175.00"),
            ("mxn", "10.00"),
            ("sek", "3.00"),
            ("aed", "2.00"),
        ],
    )
    def test_the_minimum_is_taken_and_one_step_less_is_not(self, code: str, least: str) -> None:
        money = parse_amount(least, code)
        assert money.amount == minimum_minor(code)
        with pytest.raises(InvalidInput) as refused:
            checked(Money(money.amount - CURRENCIES[code].smallest, code))
        assert refused.value.code == "amount_too_small"

    def test_amounts_from_elsewhere_keep_the_same_rules(self) -> None:
        for amount, code in ((150, "ugx"), (5124, "kwd"), (0, "usd"), (-5, "usd")):
            with pytest.raises(InvalidInput):
                checked(Money(amount, code))
        assert checked(Money(MAXIMUM_MINOR, "jpy")).amount == 999_999_999_999

    @pytest.mark.parametrize(
        "code",
        ["", "usdd", "xxx", "us", "$", "u" * 100_000, "usd\x00"],
        ids=lambda value: ascii(value)[:24],
    )
    def test_an_unknown_currency_is_refused(self, code: str) -> None:
        with pytest.raises(InvalidInput) as refused:
            currency(code)
        assert refused.value.field == "currency"
        assert len(str(refused.value)) < 200


class TestWriting:
    @pytest.mark.parametrize(
        ("minor", "code", "shown"),
        [
            (123450, "eur", "€1,234.50"),
            (5000, "jpy", "¥5,000"),
            (1200, "chf", "CHF\N{NO-BREAK SPACE}12.00"),
            (5120, "kwd", "KWD\N{NO-BREAK SPACE}5.120"),
            (50000, "ugx", "UGX\N{NO-BREAK SPACE}500"),
            (-1234, "usd", "−$12.34"),
            (5, "usd", "$0.05"),
            (77, "zzz", "ZZZ 77 (minor units)"),
        ],
    )
    def test_for_people(self, minor: int, code: str, shown: str) -> None:
        assert format_money(minor, code) == shown

    @given(payable())
    def test_shows_every_digit_of_the_amount(self, money: Money) -> None:
        digits = "".join(c for c in str(money) if c.isdecimal())
        assert int(digits) == int(format_major(money.amount, money.currency).replace(".", ""))


@pytest.mark.parametrize(
    ("written", "code", "advice"),
    [
        ("88,40", "eur", "Write 88.40: a dot for decimals, no comma"),
        ("1,000.50", "eur", "Write 12.30: a dot for decimals, no comma"),
        ("1,000", "jpy", "Write 1200: no decimals, no thousands separators"),
        ("x", "eur", "Write digits with a dot, for example 12.30."),
        ("x", "jpy", "Write digits, for example 1200."),
    ],
)
def test_the_advice_says_each_thing_once(written: str, code: str, advice: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_amount(written, code)
    assert f"“{written}” is not an amount. {advice}" in str(refused.value)
    assert str(refused.value).count("Write") == 1


class TestWorth:
    """Sums that are certainly worth less than Stripe settles at least, in currencies of no table."""

    @pytest.mark.parametrize(
        ("amount", "code"),
        [
            ("1", "clp"),
            ("1", "bif"),
            ("0.01", "twd"),
            ("5", "isk"),
            ("100", "ugx"),
            ("3000", "vnd"),
        ],
    )
    def test_too_little_in_any_currency(self, amount: str, code: str) -> None:
        with pytest.raises(InvalidInput) as refused:
            parse_amount(amount, code)
        assert refused.value.code == "amount_too_small"

    @pytest.mark.parametrize(
        ("amount", "code"),
        [
            ("500", "clp"),
            ("1500", "bif"),
            ("16", "twd"),
            ("65", "isk"),
            ("1800", "ugx"),
            ("0.50", "inr"),
        ],
    )
    def test_what_stripe_may_take_is_left_to_stripe(self, amount: str, code: str) -> None:
        assert parse_amount(amount, code).currency == code

    def test_nothing_is_refused_here_that_is_worth_half_a_dollar(self) -> None:
        """By the rates of practice Stripe, which are rough: a factor of two is left."""
        for code, known in CURRENCIES.items():
            half = int(UNITS_A_DOLLAR[code] * 0.5 * known.factor)
            if code not in MINIMUM_CHARGE:
                assert minimum_minor(code) <= max(half, known.smallest), code
