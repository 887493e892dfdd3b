"""Incidents: what should not be, each open until a person settles it, none ever deleted."""

from __future__ import annotations

import json
from collections.abc import Mapping

from sqlite_utils import Database

from lib.domain.incidents import Incident


class IncidentStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self, incident_id: str, *, kind: str, subject: str, details: Mapping[str, object], at: int
    ) -> bool:
        """False when one of this kind about this subject is open already."""
        cursor = self._database.execute(
            """INSERT INTO incidents (id, kind, subject, details, found_at) VALUES (?, ?, ?, ?, ?)
               ON CONFLICT (kind, subject) WHERE settled_at IS NULL DO NOTHING""",
            (incident_id, kind, subject, json.dumps(details), at),
        )
        return cursor.rowcount == 1

    def find(self, incident_id: str) -> Incident | None:
        return next(iter(self._many("id = ?", incident_id)), None)

    def open(self, *, kind: str | None = None) -> list[Incident]:
        """Newest first."""
        return self._many("settled_at IS NULL AND (? IS NULL OR kind = ?)", kind, kind)

    def about(self, subject: str) -> list[Incident]:
        """Settled ones too; newest first."""
        return self._many("subject = ?", subject)

    def settle(self, incident_id: str, *, by: str, note: str, at: int) -> bool:
        """False when it is settled already, or there is none."""
        cursor = self._database.execute(
            """UPDATE incidents SET settled_at = ?, settled_by = ?, note = ?
               WHERE id = ? AND settled_at IS NULL""",
            (at, by, note, incident_id),
        )
        return cursor.rowcount == 1

    def _many(self, condition: str, *parameters: object) -> list[Incident]:
        rows = self._database.query(
            f"SELECT * FROM incidents WHERE {condition} ORDER BY found_at DESC, id DESC",
            list(parameters),
        )
        return [Incident(**row | {"details": json.loads(row["details"])}) for row in rows]
