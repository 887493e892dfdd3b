"""Writes to Stripe that move no money: the row with its key and parameters comes before the call."""

from __future__ import annotations

import json
from collections.abc import Mapping

from sqlite_utils import Database


class RequestStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def plan(
        self,
        idempotency_key: str,
        *,
        operation: str,
        params: Mapping[str, object],
        by: str,
        at: int,
    ) -> dict[str, object]:
        """
        Write a request down, or find the one written before under this key.

        Returns the parameters to send: on a repeat those of the first time, whatever is passed now.
        """
        self._database.execute(
            """INSERT INTO stripe_requests (idempotency_key, operation, params, requested_by,
                   requested_at) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING""",
            (idempotency_key, operation, json.dumps(params, sort_keys=True), by, at),
        )
        row = next(
            self._database.query(
                "SELECT params FROM stripe_requests WHERE idempotency_key = ?", (idempotency_key,)
            )
        )
        stored: dict[str, object] = json.loads(row["params"])
        return stored

    def is_planned(self, idempotency_key: str) -> bool:
        """Whether it was written down, and so perhaps sent."""
        rows = self._database.query(
            "SELECT 1 FROM stripe_requests WHERE idempotency_key = ?", (idempotency_key,)
        )
        return next(iter(rows), None) is not None

    def requested_at(self, idempotency_key: str) -> int:
        rows = self._database.query(
            "SELECT requested_at FROM stripe_requests WHERE idempotency_key = ?", (idempotency_key,)
        )
        return int(next(iter(rows))["requested_at"])

    def result(self, idempotency_key: str) -> str | None:
        rows = self._database.query(
            "SELECT object_id FROM stripe_requests WHERE idempotency_key = ?", (idempotency_key,)
        )
        return next((row["object_id"] for row in rows), None)

    def finish(self, idempotency_key: str, *, object_id: str, at: int) -> None:
        self._database.execute(
            """UPDATE stripe_requests SET object_id = ?, finished_at = ?
               WHERE idempotency_key = ? AND object_id IS NULL""",
            (object_id, at, idempotency_key),
        )
