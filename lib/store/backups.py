"""Copies of the database that were made, and those that could not be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlite_utils import Database


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

    def newest_good(self) -> Backup | None:
        return self._one("SELECT * FROM backups WHERE error IS NULL ORDER BY id DESC LIMIT 1")

    def _one(self, sql: str) -> Backup | None:
        row = next(self._database.query(sql), None)
        return _backup_of(row) if row else None


def _backup_of(row: dict[str, Any]) -> Backup:
    return Backup(**{name: row[name] for name in Backup.__slots__})
