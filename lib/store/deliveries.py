"""The webhook inbox: every verified delivery is stored before anything is done with it."""

from __future__ import annotations

from dataclasses import dataclass

from sqlite_utils import Database

from lib.domain.mirror import Event


@dataclass(frozen=True, slots=True)
class Delivery:
    event_id: str
    type: str
    object_id: str | None
    created: int
    tries: int


class DeliveryStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, event: Event, *, received_at: int, signature_age: int, state: str) -> bool:
        """False when this event is known already."""
        cursor = self._database.execute(
            """INSERT INTO webhook_deliveries (event_id, type, object_id, api_version, livemode,
                   created, received_at, signature_age, state, next_try_at)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (event_id) DO NOTHING""",
            (event.id, event.type, event.object_id, event.api_version, int(event.livemode),
             event.created, received_at, signature_age, state,
             received_at if state == "received" else None),
        )  # fmt: skip
        return cursor.rowcount == 1

    def due(self, *, now: int, limit: int = 50) -> list[Delivery]:
        rows = self._database.query(
            """SELECT event_id, type, object_id, created, tries FROM webhook_deliveries
               WHERE state IN ('received', 'failed') AND next_try_at <= ?
               ORDER BY next_try_at LIMIT ?""",
            (now, limit),
        )
        return [Delivery(**row) for row in rows]

    def finish(self, event_id: str, *, state: str, at: int) -> None:
        self._database.execute(
            """UPDATE webhook_deliveries SET state = ?, finished_at = ?, next_try_at = NULL,
                   error = NULL, tries = tries + 1 WHERE event_id = ?""",
            (state, at, event_id),
        )

    def fail(self, event_id: str, *, error: str, next_try_at: int | None) -> None:
        self._database.execute(
            """UPDATE webhook_deliveries SET state = 'failed', error = ?, next_try_at = ?,
                   tries = tries + 1 WHERE event_id = ?""",
            (error[:500], next_try_at, event_id),
        )
