"""Stripe's news before a month is closed: it is closed on what is known today."""

from __future__ import annotations

from collections.abc import Callable

from lib.domain.actors import Actor, Permission
from lib.errors import OnfileError
from lib.services.books.settlement import SettlementReader

Telling = Callable[[str], None]


def _silent(step: str) -> None:
    pass


class MonthNews:
    def __init__(
        self,
        settlement: SettlementReader,
        *,
        is_incomplete: Callable[[], bool],
        sync: Callable[[Actor], list[str]],
    ) -> None:
        """
        Args:
            is_incomplete: whether the mirror was never read to its end.
            sync: reads what changed at Stripe, and returns its problems in words.
        """
        self._settlement = settlement
        self._is_incomplete = is_incomplete
        self._sync = sync

    def read(self, *, by: Actor, telling: Telling = _silent) -> list[str]:
        """
        Sentences on what could not be read; the figures are then those of the last time.

        Args:
            telling: is given each step, in words, before it begins.
        """
        by.must(Permission.SYNC)
        if self._is_incomplete():
            return [
                "Not everything was read from Stripe yet (sync --full): figures may be missing."
            ]
        sources: dict[str, Callable[[], list[str]]] = {
            "news": lambda: self._sync(by),
            "fees and payouts": lambda: self._settlement.read().problems,
        }
        notes: list[str] = []
        for what, read in sources.items():
            telling(f"Reading Stripe's {what} …")
            try:
                notes += read()
            except OnfileError as error:
                notes.append(f"Stripe's {what} could not be read: {error}")
        return notes
