"""Periods by which people look at their books: whole days of the installation."""

from __future__ import annotations

import calendar
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

from lib.domain.days import period_of

_JOINED = ".."


@dataclass(frozen=True, slots=True)
class Period:
    """From the first day to the last, both included; an end that is left out is open."""

    first: date | None = None
    last: date | None = None

    def moments(self, timezone: str) -> tuple[int | None, int | None]:
        """From this moment on, and before that one; Unix seconds, None for an open end."""
        since, before = period_of(self.first, self.last, timezone)
        return since if self.first else None, before if self.last else None

    @property
    def in_words(self) -> str:
        """ "1–30 Nov 2026", "28 Oct – 3 Nov 2026", "from 1 Nov 2026"; empty where both ends are open."""
        if self.first is None or self.last is None:
            ends = [
                f"{word} {_day(day)}"
                for word, day in (("from", self.first), ("to", self.last))
                if day
            ]
            return " ".join(ends)
        if self.first == self.last:
            return _day(self.first)
        if (self.first.year, self.first.month) == (self.last.year, self.last.month):
            return f"{self.first.day}–{_day(self.last)}"
        year = "" if self.first.year == self.last.year else f" {self.first.year}"
        return f"{self.first.day} {self.first:%b}{year} – {_day(self.last)}"

    def __str__(self) -> str:
        return _JOINED.join(day.isoformat() if day else "" for day in (self.first, self.last))


ALWAYS = Period()
NAMES: dict[str, str] = {
    "today": "Today",
    "week": "Last 7 days",
    "month": "Last 30 days",
    "this_month": "This month",
    "last_month": "Last month",
    "this_quarter": "This quarter",
    "last_quarter": "Last quarter",
    "this_year": "This year",
    "last_year": "Last year",
}
# As addresses had them that were kept.
_FORMER = {"day": "today", "quarter": "last_90"}


def named(name: str, today: date) -> Period | None:
    """A period of NAMES, or one written as "2026-11-01..2026-11-30"; None where it is neither."""
    known = _NAMED.get(_FORMER.get(name, name))
    if known is not None:
        return known(today)
    first, joined, last = name.partition(_JOINED)
    try:
        period = Period(
            date.fromisoformat(first) if first else None, date.fromisoformat(last) if last else None
        )
    except ValueError:
        return None
    is_turned = period.first and period.last and period.last < period.first
    return None if is_turned or not joined or period == ALWAYS else period


def _day(day: date) -> str:
    return f"{day.day} {day:%b %Y}"


def _last_days(count: int) -> Callable[[date], Period]:
    return lambda today: Period(today - timedelta(days=count - 1), today)


def _months(today: date, back: int, length: int) -> Period:
    """So many whole months, the last of them `back` months before this one."""
    end = today.year * 12 + today.month - 1 - back
    start = end - length + 1
    year, month = divmod(end, 12)
    return Period(
        date(start // 12, start % 12 + 1, 1),
        date(year, month + 1, calendar.monthrange(year, month + 1)[1]),
    )


_NAMED: dict[str, Callable[[date], Period]] = {
    "today": _last_days(1),
    "week": _last_days(7),
    "month": _last_days(30),
    "last_90": _last_days(90),
    "this_month": lambda today: _months(today, 0, 1),
    "last_month": lambda today: _months(today, 1, 1),
    "this_quarter": lambda today: _months(today, (today.month - 1) % 3 - 2, 3),
    "last_quarter": lambda today: _months(today, (today.month - 1) % 3 + 1, 3),
    "this_year": lambda today: _months(today, today.month - 12, 12),
    "last_year": lambda today: _months(today, today.month, 12),
}
