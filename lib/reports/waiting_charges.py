"""Approved charges that wait for a card, and those of which a card came and was not charged."""

from __future__ import annotations

from typing import Any

from sqlite_utils import Database

from lib.clock import Clock, epoch
from lib.domain.charges import NOT_TRIED_STATES
from lib.store.connection_pool import ConnectionPool
from lib.store.states import one_of

_TOLD_DAYS = 60
_COLUMNS = """g.charge_id, g.run_id, g.since, g.ended_at, g.end_reason, k.customer, k.amount,
    k.currency, k.reference, k.state, r.name AS run_name, coalesce(c.name, c.email, k.customer) AS name,
    l.id AS link_id, l.sent_at, l.opened_at, l.completed_at, l.revoked_at"""
_FROM = """FROM waiting_charges g
    JOIN charges k ON k.id = g.charge_id
    JOIN runs r ON r.id = g.run_id
    LEFT JOIN customers c ON c.id = k.customer
    LEFT JOIN setup_links l ON l.id = (SELECT id FROM setup_links WHERE charge_id = k.id
        ORDER BY completed_at IS NULL, created_at DESC LIMIT 1)"""


class WaitingChargeReports:
    def __init__(self, pool: ConnectionPool, *, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    def waiting(self) -> list[dict[str, Any]]:
        """The longest waiting first."""
        with self._pool.reading() as database:
            return _rows(database, "g.ended_at IS NULL ORDER BY g.since, g.run_row")

    def not_charged(self) -> list[dict[str, Any]]:
        """Of the last 60 days, the newest first: a card came, and the charge was not made with it."""
        with self._pool.reading() as database:
            return _rows(
                database,
                f"""g.ended_at >= ? AND l.completed_at IS NOT NULL
                   AND k.state IN {one_of(NOT_TRIED_STATES)} ORDER BY g.ended_at DESC""",
                epoch(self._clock()) - _TOLD_DAYS * 86_400,
            )


def _rows(database: Database, where: str, *values: object) -> list[dict[str, Any]]:
    return list(database.query(f"SELECT {_COLUMNS} {_FROM} WHERE {where}", values))
