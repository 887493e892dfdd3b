"""Jobs that pages ask for and watch, and the worker does: claimed by compare-and-swap."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlite_utils import Database

from lib.domain.jobs import OPEN_STATES, JobState

# A running job whose heartbeat is older belonged to a process that died; so did one whose heartbeat
# lies as far in the future, by a clock that was wrong.
STALE_SECONDS = 30
_STILL_MINE = "id = ? AND claim = ? AND state = 'running'"


@dataclass(frozen=True, slots=True)
class Job:
    id: str
    kind: str
    params: dict[str, Any]
    state: JobState
    requested_by: str
    created_at: int
    started_at: int | None
    heartbeat_at: int | None
    cancel_requested_by: str | None
    finished_at: int | None
    progress: dict[str, Any]
    result: dict[str, Any] | None
    error: str | None
    claim: int
    """How often it was taken: whoever took it before the last time has lost it."""


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
                   heartbeat_at = ?, claim = claim + 1 WHERE id = ?""",
            (now, now, row["id"]),
        )
        return self.find(row["id"])

    def progress(self, job: Job, *, progress: Mapping[str, object]) -> None:
        self._database.execute(
            f"UPDATE jobs SET progress = ? WHERE {_STILL_MINE}",
            (json.dumps(progress), job.id, job.claim),
        )

    def keep_alive(self, job: Job, *, at: int) -> bool:
        """
        Its process is alive. False when somebody asked to cancel the job, it is not running, or
        another process took it over while this one stood still.
        """
        self._database.execute(
            f"UPDATE jobs SET heartbeat_at = ? WHERE {_STILL_MINE}", (at, job.id, job.claim)
        )
        rows = self._database.query(
            f"SELECT 1 FROM jobs WHERE {_STILL_MINE} AND cancel_requested_by IS NULL",
            (job.id, job.claim),
        )
        return next(iter(rows), None) is not None

    def ask_to_cancel(self, kind: str, *, by: str, at: int) -> Job | None:
        """A waiting job is cancelled at once, a running one by its process; None when there is none."""
        job = self.latest(kind)
        if job is None or job.state not in OPEN_STATES:
            return None
        self._database.execute(
            """UPDATE jobs SET cancel_requested_by = coalesce(cancel_requested_by, :by),
                   finished_at = iif(state = 'queued', :at, finished_at),
                   state = iif(state = 'queued', 'cancelled', state) WHERE id = :id""",
            {"by": by, "at": at, "id": job.id},
        )
        return job

    def end(
        self,
        job: Job,
        *,
        state: JobState,
        at: int,
        result: Mapping[str, object] | None = None,
        error: str | None = None,
    ) -> bool:
        """False when the job is not ours to end any more."""
        cursor = self._database.execute(
            f"""UPDATE jobs SET state = ?, result = ?, error = ?, finished_at = ?
                WHERE {_STILL_MINE}""",
            (
                state.value,
                None if result is None else json.dumps(result),
                error and error[:1000],
                at,
                job.id,
                job.claim,
            ),
        )
        return cursor.rowcount > 0

    def find(self, job_id: str) -> Job | None:
        rows = self._database.query("SELECT * FROM jobs WHERE id = ?", (job_id,))
        return next((_job(row) for row in rows), None)

    def latest(self, kind: str) -> Job | None:
        rows = self._database.query(
            "SELECT * FROM jobs WHERE kind = ? ORDER BY created_at DESC, rowid DESC LIMIT 1",
            (kind,),
        )
        return next((_job(row) for row in rows), None)

    def failures_in_a_row(self, kind: str) -> int:
        """How many of this kind failed since one was done."""
        rows = self._database.query(
            """SELECT count(*) AS n FROM jobs WHERE kind = ?1 AND state = 'failed' AND rowid > (
                   SELECT coalesce(max(rowid), 0) FROM jobs WHERE kind = ?1 AND state = 'done')""",
            (kind,),
        )
        return int(next(iter(rows))["n"])

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
        state=JobState(row["state"]),
        requested_by=row["requested_by"],
        created_at=row["created_at"],
        started_at=row["started_at"],
        heartbeat_at=row["heartbeat_at"],
        cancel_requested_by=row["cancel_requested_by"],
        finished_at=row["finished_at"],
        progress=json.loads(row["progress"]),
        result=json.loads(row["result"]) if row["result"] else None,
        error=row["error"],
        claim=row["claim"],
    )
