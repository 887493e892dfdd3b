"""Periods by which people look at their books."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from lib.domain.days import day_of
from lib.domain.periods import NAMES, Period, named


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("today", "2026-01-31", "2026-01-31"),
        ("day", "2026-01-31", "2026-01-31"),
        ("week", "2026-01-25", "2026-01-31"),
        ("month", "2026-01-02", "2026-01-31"),
        ("quarter", "2025-11-03", "2026-01-31"),
        ("this_month", "2026-01-01", "2026-01-31"),
        ("last_month", "2025-12-01", "2025-12-31"),
        ("this_quarter", "2026-01-01", "2026-03-31"),
        ("last_quarter", "2025-10-01", "2025-12-31"),
        ("this_year", "2026-01-01", "2026-12-31"),
        ("last_year", "2025-01-01", "2025-12-31"),
        ("2025-11-01..2025-11-03", "2025-11-01", "2025-11-03"),
    ],
)
def test_named(name: str, first: str, last: str) -> None:
    period = Period(date.fromisoformat(first), date.fromisoformat(last))
    assert named(name, date(2026, 1, 31)) == period


@pytest.mark.parametrize(
    ("today", "this", "last"),
    [
        (date(2026, 3, 31), (1, 3), (10, 12)),
        (date(2026, 5, 1), (4, 6), (1, 3)),
        (date(2026, 12, 31), (10, 12), (7, 9)),
    ],
)
def test_quarters(today: date, this: tuple[int, int], last: tuple[int, int]) -> None:
    def months(name: str) -> tuple[int, int]:
        period = named(name, today)
        assert period is not None
        assert period.first is not None
        assert period.last is not None
        return period.first.month, period.last.month

    assert (months("this_quarter"), months("last_quarter")) == (this, last)


def test_every_name_is_a_period() -> None:
    assert all(named(name, date(2024, 2, 29)) for name in NAMES)


@pytest.mark.parametrize(
    "text", ["", "..", "nonsense", "2026-11-01", "2026-12-01..2026-11-01", "x..y"]
)
def test_what_is_none(text: str) -> None:
    assert named(text, date(2026, 1, 31)) is None


def test_an_end_may_be_open() -> None:
    period = named("2026-11-01..", date(2026, 1, 31))
    assert period == Period(date(2026, 11, 1), None)
    assert str(period) == "2026-11-01.."
    assert period.moments("UTC") == (1_793_491_200, None)


def test_days_are_the_installations() -> None:
    late = int(datetime(2026, 11, 30, 23, 30, tzinfo=UTC).timestamp())
    assert day_of(late, "Europe/Berlin") == date(2026, 12, 1)
    november = named("2026-11-01..2026-11-30", date(2026, 12, 1))
    assert november is not None
    assert november.moments("Europe/Berlin") == (1_793_487_600, 1_796_079_600)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("2026-11-01..2026-11-30", "1–30 Nov 2026"),
        ("2026-11-30..2026-11-30", "30 Nov 2026"),
        ("2026-10-28..2026-11-03", "28 Oct – 3 Nov 2026"),
        ("2025-12-28..2026-01-03", "28 Dec 2025 – 3 Jan 2026"),
        ("2026-11-01..", "from 1 Nov 2026"),
        ("..2026-11-01", "to 1 Nov 2026"),
    ],
)
def test_in_words(text: str, words: str) -> None:
    period = named(text, date(2026, 1, 31))
    assert period is not None
    assert period.in_words == words
