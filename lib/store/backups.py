"""Copies of the database that were made, and those that could not be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlite_utils import Database

from lib.domain.health_facts import BackupFacts

_CLOCKS_DIFFER_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Backup:
    taken_at: int
    """Unix seconds."""
    kind: str
    """daily, by_hand, before_upgrade or before_restore."""
    path: str
    bytes: int | None
    sha256: str | None
    audit_head: str | None
    error: str | None
    """Why there is none, for people; None when it was made and checked."""


class BackupStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, backup: Backup) -> None:
        self._database.execute(
            """INSERT INTO backups (taken_at, kind, path, bytes, sha256, audit_head, error)
               VALUES (?, ?, ?, ?, ?, ?, ?)""",
            (
                backup.taken_at,
                backup.kind,
                backup.path,
                backup.bytes,
                backup.sha256,
                backup.audit_head,
                backup.error,
            ),
        )

    def newest(self) -> Backup | None:
        """Whatever became of it."""
        return self._one("SELECT * FROM backups ORDER BY id DESC LIMIT 1")

    def newest_good(self, now: int) -> Backup | None:
        """What a clock that was ahead dated later than `now` says nothing of its age."""
        return self._one(
            """SELECT * FROM backups WHERE error IS NULL AND taken_at <= ?
               ORDER BY taken_at DESC, id DESC LIMIT 1""",
            now + _CLOCKS_DIFFER_SECONDS,
        )

    def facts(self, now: int) -> BackupFacts:
        good, newest = self.newest_good(now), self.newest()
        first = next(self._database.query("SELECT at FROM audit_log ORDER BY id LIMIT 1"), None)
        return BackupFacts(
            now=now,
            good_at=good.taken_at if good else None,
            since=int(first["at"]) if first else None,
            error=newest.error if newest else None,
        )

    def kinds(self) -> dict[str, str]:
        """Of those that were made, by path."""
        rows = self._database.query("SELECT path, kind FROM backups WHERE error IS NULL")
        return {row["path"]: row["kind"] for row in rows}

    def _one(self, sql: str, *parameters: object) -> Backup | None:
        row = next(self._database.query(sql, parameters), None)
        return _backup_of(row) if row else None


def _backup_of(row: dict[str, Any]) -> Backup:
    return Backup(**{name: row[name] for name in Backup.__slots__})
