"""What a maker types before a run is submitted."""

from __future__ import annotations

import pytest

from lib.domain.control_totals import ControlTotals, typed
from lib.errors import InvalidInput


def test_nothing_is_nothing() -> None:
    assert typed(" ", []) is None


def test_major_units_of_each_currency() -> None:
    found = typed(" 120 ", [("12345.60", "EUR"), ("5000", "jpy")])
    assert found == ControlTotals(120, {"eur": 1_234_560, "jpy": 5_000})
    assert found.in_words() == "120 rows, €12,345.60, ¥5,000"
    assert typed("1", []) == ControlTotals(1, None)
    assert ControlTotals(1).in_words() == "1 row"


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("1,234", 1_234),
        ("1,234 rows", 1_234),
        ("12\u2060", 12),
        ("1.234.567", 1_234_567),
        ("1 row", 1),
    ],
)
def test_rows_are_taken_as_the_screen_shows_them(text: str, rows: int) -> None:
    assert typed(text, []) == ControlTotals(rows)


def test_a_total_may_be_more_or_less_than_one_charge() -> None:
    found = typed("", [("99999999999.99", "idr"), ("0.10", "usd"), ("0", "eur")])
    assert found == ControlTotals(None, {"idr": 9_999_999_999_999, "usd": 10, "eur": 0})


@pytest.mark.parametrize(
    ("rows", "totals", "field"),
    [
        ("one", [], "rows"),
        ("-1", [], "rows"),
        ("1.0", [], "rows"),
        ("1,23", [], "rows"),
        ("1,234.567", [], "rows"),
        ("1\u202e2", [], "rows"),
        ("٣", [], "rows"),
        ("9" * 10, [], "rows"),
        ("9" * 5_000, [], "rows"),
        ("", [("12,34.60", "eur")], "amount"),
        ("", [("1e3", "eur")], "amount"),
        ("", [("-1", "eur")], "amount"),
        ("", [("1.234", "eur")], "amount"),
        ("", [("1", "euro")], "currency"),
        ("", [("1", "eur"), ("2", "EUR")], "totals"),
    ],
)
def test_what_is_no_number_or_no_sum_is_refused(rows, totals, field) -> None:
    with pytest.raises(InvalidInput) as refusal:
        typed(rows, totals)
    assert refusal.value.field == field
