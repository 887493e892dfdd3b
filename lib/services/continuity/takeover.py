"""
Taking over, some objects at a time: what is unknown under an installation's marks, from a moment on.

Each counts what it wrote and returns how far it came; None where there was nothing.
"""

from __future__ import annotations

from typing import Protocol

from lib.services.continuity.adoption import adopt_payment, adopt_refund, adopt_session
from lib.store.stores import Stores

AT_ONCE = 200


class Take(Protocol):
    def __call__(
        self,
        stores: Stores,
        whose: str | None,
        since: int,
        written: dict[str, int],
        *,
        at: int,
        livemode: bool,
    ) -> int | None: ...


def _payments(
    stores: Stores,
    whose: str | None,
    since: int,
    written: dict[str, int],
    *,
    at: int,
    livemode: bool,
) -> int | None:
    marks = stores.marks.unknown(whose, since=since, limit=AT_ONCE)
    for mark in marks:
        charges, attempts = adopt_payment(stores, mark, at=at, livemode=livemode)
        written["charges"] += charges
        written["attempts"] += attempts
    return marks[-1].created if marks else None


def _refunds(
    stores: Stores, whose: str | None, since: int, written: dict[str, int], *, at: int, **_: bool
) -> int | None:
    refunds = stores.marks.unknown_refunds(whose, since=since, limit=AT_ONCE)
    written["refunds"] += sum(adopt_refund(stores, one, at=at) for one in refunds)
    return refunds[-1].created if refunds else None


def _links(
    stores: Stores, whose: str | None, since: int, written: dict[str, int], *, at: int, **_: bool
) -> int | None:
    sessions = stores.marks.unknown_sessions(whose, since=since, limit=AT_ONCE)
    written["links"] += sum(adopt_session(stores, one, at=at) for one in sessions)
    return sessions[-1].created if sessions else None


TAKES: tuple[Take, ...] = (_payments, _refunds, _links)
"""Payments first, as refunds and recovery links are of them."""
