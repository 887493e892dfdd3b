"""Jobs that pages ask for and watch, and the worker does: claimed by compare-and-swap."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlite_utils import Database

# A running job whose heartbeat is older belonged to a process that died; so did one whose heartbeat
# lies as far in the future, by a clock that was wrong.
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
    cancel_requested_by: str | None
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
        # One from the future was written by a clock that was wrong, and would stay the latest.
        self._database.execute(
            "UPDATE jobs SET created_at = ?1 WHERE kind = ?2 AND created_at > ?1", (at, kind)
        )
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
                   coalesce(heartbeat_at, 0) NOT BETWEEN ? AND ?)) AND (? IS NULL OR kind = ?)
                   AND (? IS NULL OR id = ?) ORDER BY created_at LIMIT 1""",
            (now - STALE_SECONDS, now + STALE_SECONDS, kind, kind, job_id, job_id),
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

    def progress(self, job_id: str, *, progress: Mapping[str, object]) -> None:
        self._database.execute(
            "UPDATE jobs SET progress = ? WHERE id = ? AND state = 'running'",
            (json.dumps(progress), job_id),
        )

    def keep_alive(self, job_id: str, *, at: int) -> bool:
        """Its process is alive. False when somebody asked to cancel the job, or it is not running."""
        self._database.execute(
            "UPDATE jobs SET heartbeat_at = ? WHERE id = ? AND state = 'running'", (at, job_id)
        )
        rows = self._database.query(
            """SELECT 1 FROM jobs WHERE id = ? AND state = 'running'
                   AND cancel_requested_by IS NULL""",
            (job_id,),
        )
        return next(iter(rows), None) is not None

    def ask_to_cancel(self, kind: str, *, by: str, at: int) -> Job | None:
        """A waiting job is cancelled at once, a running one by its process; None when there is none."""
        job = self.latest(kind)
        if job is None or job.state not in ("queued", "running"):
            return None
        self._database.execute(
            """UPDATE jobs SET cancel_requested_by = coalesce(cancel_requested_by, :by),
                   finished_at = iif(state = 'queued', :at, finished_at),
                   state = iif(state = 'queued', 'cancelled', state) WHERE id = :id""",
            {"by": by, "at": at, "id": job.id},
        )
        return job

    def end(
        self, job_id: str, *, state: str, at: int, result: Mapping[str, object] | None = None,
        error: str | None = None,
    ) -> None:  # fmt: skip
        """`state` is done, failed or cancelled."""
        self._database.execute(
            "UPDATE jobs SET state = ?, result = ?, error = ?, finished_at = ? WHERE id = ?",
            (state, None if result is None else json.dumps(result), error and error[:1000], at,
             job_id),
        )  # fmt: skip

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
        cancel_requested_by=row["cancel_requested_by"],
        finished_at=row["finished_at"],
        progress=json.loads(row["progress"]),
        result=json.loads(row["result"]) if row["result"] else None,
        error=row["error"],
    )
