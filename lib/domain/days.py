"""The installation's days: where each begins, also in the nights when clocks are changed."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo


def day_began(now: int, timezone: str) -> int:
    """When the day of a moment began there; both in Unix seconds."""
    local = datetime.fromtimestamp(now, ZoneInfo(timezone))
    return int(local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0).timestamp())
