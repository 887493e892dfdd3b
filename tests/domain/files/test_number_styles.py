"""Decimal commas and dots: sums with one meaning are read, all others are asked."""

from __future__ import annotations

import contextlib
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.domain.files.amounts import NumberStyle
from lib.domain.files.number_styles import (
    DecimalSign,
    Writing,
    is_negative,
    narrow,
    readings,
    style_of,
    value,
    writing,
)
from lib.domain.files.typed_sums import typed
from lib.domain.files.typed_sums import written as written_alone
from lib.errors import InvalidInput
from tests.fuzzing import examples

DOT, COMMA = DecimalSign.DOT, DecimalSign.COMMA
CENTS = st.integers(0, 99_999_999_999)
GROUPS = {DOT: [",", "'", "’", " ", "\N{NO-BREAK SPACE}", "\N{THIN SPACE}", ""]}
GROUPS[COMMA] = [".", *GROUPS[DOT][1:]]


def written(cents: int, sign: DecimalSign, group: str, decimals: int) -> str:
    whole, rest = divmod(cents, 100)
    text = f"{whole:,}".replace(",", group)
    mark = "." if sign is DOT else ","
    return text + (f"{mark}{rest:02d}"[: decimals + 1] if decimals else "")


class TestProperties:
    @settings(max_examples=examples(500))
    @given(cents=CENTS, sign=st.sampled_from(DecimalSign), data=st.data())
    def test_what_is_written_in_a_style_is_read_in_it(self, cents, sign, data) -> None:
        group = data.draw(st.sampled_from(GROUPS[sign]))
        text = written(cents, sign, group, 2)
        assert value(text, sign) == Decimal(cents) / 100
        wide = text.translate({ord(str(digit)): 0xFF10 + digit for digit in range(10)})
        assert value(wide, sign) == Decimal(cents) / 100
        # Two decimals can mean one sum only.
        assert set(readings(text).values()) == {Decimal(cents) / 100}

    @settings(max_examples=examples(1_000))
    @given(text=st.one_of(st.text("0123456789.,' ’\u00a0-()", max_size=14), st.text(max_size=10)))
    def test_never_two_sums_from_one_text(self, text) -> None:
        found = set(readings(written_alone(text)).values())
        kind = writing(written_alone(text))
        assert (kind is Writing.TWO_SUMS) == (len(found) == 2)
        assert (kind is Writing.NONE) == (not found)
        with contextlib.suppress(InvalidInput):
            money = typed(text, "eur")
            assert kind is not Writing.TWO_SUMS
            assert {Decimal(money.amount) / 100} == found

    @given(text=st.text("0123456789.,' ", max_size=12))
    def test_digits_are_never_lost_or_moved(self, text) -> None:
        for number in readings(text).values():
            digits = "".join(filter(str.isdigit, text)).lstrip("0") or "0"
            plain = f"{number:f}".replace(".", "").lstrip("0") or "0"
            assert plain == digits


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("1.234,50", Writing.COMMA),
        ("80,00", Writing.COMMA),
        ("12,5", Writing.COMMA),
        ("1.234", Writing.TWO_SUMS),
        ("1,234", Writing.TWO_SUMS),
        ("1234", Writing.NEUTRAL),
        ("1'234", Writing.NEUTRAL),
        ("1.234.567", Writing.COMMA),
        ("12,34,567", Writing.DOT),
        ("0,500", Writing.COMMA),
        ("0.500", Writing.DOT),
        ("1²", Writing.NONE),
        ("½", Writing.NONE),
        (".5", Writing.NONE),
        ("12.", Writing.NONE),
        ("1,23.50", Writing.NONE),
        ("1.234'567", Writing.NONE),
        ("٣", Writing.NONE),
        ("5.-", Writing.DOT),
        ("10,--", Writing.COMMA),
        ("1.234,–", Writing.COMMA),
        ("5-", Writing.NONE),
    ],
)
def test_what_a_text_says_of_its_style(text: str, kind: Writing) -> None:
    assert writing(text) is kind


def test_a_file_has_one_style() -> None:
    german = style_of([(2, "1.234,50"), (3, "80,00"), (5, "12,5"), (6, "100")])
    assert (german.proposal, german.needs_confirmation, german.example) == (COMMA, True, "1.234,50")
    plain = style_of([(2, "12.50"), (3, "1,234.50"), (4, "7")])
    assert (plain.proposal, plain.needs_confirmation) == (DOT, False)
    asked = style_of([(2, "1.234"), (3, "2.500")])
    assert (asked.proposal, asked.needs_confirmation) == (None, True)
    mixed = style_of([(2, "12.50"), (3, "13.50"), (4, "80,00")])
    assert (mixed.proposal, mixed.odd(DOT), mixed.odd(COMMA)) == (DOT, (4,), (2, 3))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("-5", True),
        ("−5", True),
        ("5-", True),
        ("(5.00)", True),
        ("-€5", True),
        ("€-5", True),
        ("5 CR", True),
        ("5", False),
        ("2026-05-01", False),
        ("EUR 5", False),
        ("", False),
    ],
)
def test_less_than_nothing(text: str, found: bool) -> None:
    assert is_negative(text) is found


def test_wide_signs_are_narrow() -> None:
    assert narrow(" １，２３４．５０ ") == "1,234.50"


def test_the_amount_that_can_mean_two_sums_is_named_not_one_that_can_mean_one() -> None:
    question = NumberStyle(None, style_of([(2, "2,5"), (3, "1,234"), (4, "6,50")])).question()
    assert question.startswith(
        "“1,234” can mean two sums; the other amounts are written with a decimal comma."
    )
