"""Jobs that pages ask for and watch, and the worker does: claimed by compare-and-swap."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlite_utils import Database

# A running job whose heartbeat is older belonged to a process that died.
STALE_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Job:
    id: str
    kind: str
    params: dict[str, Any]
    state: str
    requested_by: str
    created_at: int
    started_at: int | None
    heartbeat_at: int | None
    finished_at: int | None
    progress: dict[str, Any]
    result: dict[str, Any] | None
    error: str | None


class JobStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self, job_id: str, *, kind: str, params: Mapping[str, object], by: str, at: int
    ) -> bool:
        """False when a job of this kind is waiting or running."""
        try:
            self._database.execute(
                """INSERT INTO jobs (id, kind, params, state, requested_by, created_at)
                   VALUES (?, ?, ?, 'queued', ?, ?)""",
                (job_id, kind, json.dumps(params), by, at),
            )
        except sqlite3.IntegrityError as error:
            if "jobs.kind" in str(error):
                return False
            raise
        return True

    def claim(self, *, now: int, kind: str | None = None, job_id: str | None = None) -> Job | None:
        """Take the oldest waiting job, or one whose worker died. At most one taker wins."""
        rows = self._database.query(
            """SELECT * FROM jobs WHERE (state = 'queued' OR (state = 'running' AND
                   coalesce(heartbeat_at, 0) < ?)) AND (? IS NULL OR kind = ?)
                   AND (? IS NULL OR id = ?) ORDER BY created_at LIMIT 1""",
            (now - STALE_SECONDS, kind, kind, job_id, job_id),
        )
        row = next(iter(rows), None)
        if row is None:
            return None
        self._database.execute(
            """UPDATE jobs SET state = 'running', started_at = coalesce(started_at, ?),
                   heartbeat_at = ? WHERE id = ?""",
            (now, now, row["id"]),
        )
        return self.find(row["id"])

    def progress(self, job_id: str, *, progress: Mapping[str, object], at: int) -> None:
        self._database.execute(
            "UPDATE jobs SET progress = ?, heartbeat_at = ? WHERE id = ? AND state = 'running'",
            (json.dumps(progress), at, job_id),
        )

    def finish(self, job_id: str, *, result: Mapping[str, object], at: int) -> None:
        self._database.execute(
            "UPDATE jobs SET state = 'done', result = ?, finished_at = ? WHERE id = ?",
            (json.dumps(result), at, job_id),
        )

    def fail(self, job_id: str, *, error: str, at: int) -> None:
        self._database.execute(
            "UPDATE jobs SET state = 'failed', error = ?, finished_at = ? WHERE id = ?",
            (error[:1000], at, job_id),
        )

    def find(self, job_id: str) -> Job | None:
        rows = self._database.query("SELECT * FROM jobs WHERE id = ?", (job_id,))
        return next((_job(row) for row in rows), None)

    def latest(self, kind: str) -> Job | None:
        rows = self._database.query(
            "SELECT * FROM jobs WHERE kind = ? ORDER BY created_at DESC, rowid DESC LIMIT 1",
            (kind,),
        )
        return next((_job(row) for row in rows), None)

    def last_done(self, kind: str) -> Job | None:
        rows = self._database.query(
            """SELECT * FROM jobs WHERE kind = ? AND state = 'done'
               ORDER BY finished_at DESC, rowid DESC LIMIT 1""",
            (kind,),
        )
        return next((_job(row) for row in rows), None)

    def beat(self, *, at: int) -> None:
        """The worker is alive."""
        self._database.execute(
            """INSERT INTO meta (name, value) VALUES ('worker_heartbeat', ?)
               ON CONFLICT (name) DO UPDATE SET value = excluded.value""",
            (str(at),),
        )

    def last_beat(self) -> int | None:
        rows = self._database.query("SELECT value FROM meta WHERE name = 'worker_heartbeat'")
        return next((int(row["value"]) for row in rows), None)


def _job(row: dict[str, Any]) -> Job:
    return Job(
        id=row["id"],
        kind=row["kind"],
        params=json.loads(row["params"]),
        state=row["state"],
        requested_by=row["requested_by"],
        created_at=row["created_at"],
        started_at=row["started_at"],
        heartbeat_at=row["heartbeat_at"],
        finished_at=row["finished_at"],
        progress=json.loads(row["progress"]),
        result=json.loads(row["result"]) if row["result"] else None,
        error=row["error"],
    )
