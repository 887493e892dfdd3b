"""The one source of time. Everything that needs "now" is handed a Clock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Returns the current moment as an aware UTC datetime."""


def utcnow() -> datetime:
    return datetime.now(UTC)


def epoch(moment: datetime) -> int:
    """Whole seconds since 1970, as Stripe writes times."""
    return int(moment.timestamp())


def epoch_ms(moment: datetime) -> int:
    """Whole milliseconds since 1970: fine enough to say which of two looks at Stripe came first."""
    return int(moment.timestamp() * 1000)
