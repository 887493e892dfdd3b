"""The installation's days: where each begins, also in the nights when clocks are changed."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

_FAR = 2**53


def day_began(now: int, timezone: str) -> int:
    """When the day of a moment began there; both in Unix seconds."""
    local = datetime.fromtimestamp(now, ZoneInfo(timezone))
    return int(local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0).timestamp())


def day_of(moment: int, timezone: str) -> date:
    """Which day it was there."""
    return datetime.fromtimestamp(moment, ZoneInfo(timezone)).date()


def period_of(first: date | None, last: date | None, timezone: str) -> tuple[int, int]:
    """
    From the moment on at which the first of these days begins there, and before the one at which the
    day after the last begins; an end that is left out is open. Unix seconds.
    """
    since = 0 if first is None else _begins(first, timezone)
    before = _FAR if last is None else _begins(last + timedelta(days=1), timezone)
    return since, before


def day_in_words(moment: int, timezone: str) -> str:
    """ "3 Nov 2026": the day on which it was there."""
    return f"{datetime.fromtimestamp(moment, ZoneInfo(timezone)):%-d %b %Y}"


def minute_in_words(moment: int, timezone: str) -> str:
    """ "3 Nov 2026, 13:05 CET": with its zone, as whoever reads it may be in another."""
    return f"{datetime.fromtimestamp(moment, ZoneInfo(timezone)):%-d %b %Y, %H:%M %Z}"


def _begins(day: date, timezone: str) -> int:
    return int(datetime.combine(day, time(), ZoneInfo(timezone)).timestamp())
