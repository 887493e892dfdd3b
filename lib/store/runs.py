"""Charge runs: states, decisions and the lease. Every change of state is compare-and-swap."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sqlite_utils import Database

from lib.domain.breaker import RunStop
from lib.domain.control_totals import ControlTotals
from lib.domain.runs import (
    LEASE_MARGIN_SECONDS,
    OVER_STATES,
    STALE_SECONDS,
    Run,
    RunState,
)
from lib.store.states import CHARGEABLE_ROW, one_of


class RunStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    # Runs

    def add(self, run: Run, *, livemode: bool) -> None:
        self._database.execute(
            """INSERT INTO runs (id, livemode, name, state, header, file_name, file_digest, follows,
                   created_by, created_at, canary, reading)
               VALUES (?, ?, ?, 'draft', ?, ?, ?, ?, ?, ?, ?, ?)""",
            (
                run.id,
                int(livemode),
                run.name,
                json.dumps(run.header, ensure_ascii=False),
                run.file_name,
                run.file_digest,
                run.follows,
                run.created_by,
                run.created_at,
                run.canary,
                None if run.reading is None else json.dumps(run.reading, ensure_ascii=False),
            ),
        )

    def any(self) -> bool:
        return bool(list(self._database.query("SELECT 1 FROM runs LIMIT 1")))

    def find(self, run_id: str) -> Run | None:
        rows = self._database.query("SELECT * FROM runs WHERE id = ?", (run_id,))
        return next((_run(row) for row in rows), None)

    def newest(self, most: int) -> list[str]:
        """Ids, newest first."""
        rows = self._database.query(
            "SELECT id FROM runs ORDER BY created_at DESC, id DESC LIMIT ?", [most]
        )
        return [row["id"] for row in rows]

    def same_file(self, file_digest: str) -> list[Run]:
        """Runs made from exactly this file, newest first."""
        rows = self._database.query(
            "SELECT * FROM runs WHERE file_digest = ? ORDER BY created_at DESC, id DESC",
            (file_digest,),
        )
        return [_run(row) for row in rows]

    def move(
        self,
        run_id: str,
        *,
        before: RunState,
        after: RunState,
        at: int,
        stop_code: str | None = None,
        stop_message: str | None = None,
    ) -> bool:
        """
        Change the state if it is still `before`; a run that does not run has no lease.

        Raises:
            sqlite3.IntegrityError: a step that is not allowed, or an approval is missing.
        """
        cursor = self._database.execute(
            f"""UPDATE runs SET state = :after, stop_code = :code, stop_message = :message,
                   lease_owner = NULL, lease_at = NULL,
                   started_at = iif(:after = 'running', coalesce(started_at, :at), started_at),
                   finished_at = iif(:after IN {one_of(OVER_STATES)}, :at, finished_at)
               WHERE id = :id AND state = :before""",
            {
                "id": run_id,
                "before": before.value,
                "after": after.value,
                "at": at,
                "code": stop_code,
                "message": stop_message,
            },
        )
        if after is RunState.APPROVED and cursor.rowcount:
            self.sum_up(run_id)
        return cursor.rowcount == 1

    def submit(
        self,
        run_id: str,
        *,
        digest: str,
        approvals_needed: int,
        canary: int,
        charge_new_cards: bool,
        wait_for_cards: bool,
        control: ControlTotals | None,
        day_limits: Mapping[str, int],
        by: str,
        at: int,
    ) -> bool:
        cursor = self._database.execute(
            """UPDATE runs SET state = 'awaiting_approval', digest = ?, approvals_needed = ?,
                   canary = ?, passed_canary = 0, charge_new_cards = ?, wait_for_cards = ?,
                   control = ?,
                   day_limits = ?, submitted_by = ?,
                   submitted_at = max(?, coalesce(submitted_at, 0) + 1)
               WHERE id = ? AND state = 'draft'""",
            (
                digest,
                approvals_needed,
                canary,
                int(charge_new_cards),
                int(wait_for_cards),
                None if control is None else json.dumps(control.as_json()),
                json.dumps(day_limits),
                by,
                at,
                run_id,
            ),
        )
        return cursor.rowcount == 1

    def sum_up(self, run_id: str) -> None:
        """
        How many rows there are, and what those that can be charged add up to, for lists: without what is
        stopped until an approver has opened it.
        """
        self._database.execute(
            f"""UPDATE runs SET
                   row_count = (SELECT count(*) FROM run_rows WHERE run_id = runs.id),
                   totals = (SELECT json_group_object(currency, amount) FROM (
                       SELECT currency, sum(amount) AS amount FROM run_rows
                       WHERE run_id = runs.id AND {CHARGEABLE_ROW}
                       GROUP BY currency ORDER BY currency))
               WHERE id = ?""",
            (run_id,),
        )

    def back_to_draft(self, run_id: str, *, before: RunState) -> bool:
        """Rows may change again, and no approval that was given counts any more."""
        cursor = self._database.execute(
            """UPDATE runs SET state = 'draft', digest = NULL, submitted_by = NULL,
                   approvals_needed = 1, control = NULL, day_limits = NULL, stop_code = NULL, stop_message = NULL
               WHERE id = ? AND state = ?""",
            (run_id, before.value),
        )
        if cursor.rowcount:
            self.sum_up(run_id)
        return cursor.rowcount == 1

    def pass_canary(self, run_id: str) -> None:
        self._database.execute("UPDATE runs SET passed_canary = 1 WHERE id = ?", (run_id,))

    def reset_breaker(self, run_id: str) -> None:
        """What was answered until now no longer counts for the breaker."""
        self._database.execute(
            "UPDATE runs SET breaker_fence = lease_fence WHERE id = ?", (run_id,)
        )

    def rest(self, run_id: str, stop: RunStop | None) -> None:
        """Why a run that does not run may not go on; None when it may."""
        self._database.execute(
            "UPDATE runs SET stop_code = ?, stop_message = ? WHERE id = ? AND state <> 'running'",
            (stop.code if stop else None, stop.message if stop else None, run_id),
        )

    # The lease

    def waiting(self, *, now: int) -> list[str]:
        """Runs that should be executed and are not, longest waiting first."""
        rows = self._database.query(
            f"SELECT id FROM runs WHERE state = 'running' AND {_FREE} ORDER BY started_at",
            {"now": now},
        )
        return [row["id"] for row in rows]

    def take_lease(self, run_id: str, *, owner: str, now: int) -> int | None:
        """The fence of a new lease, or None when another executor is alive."""
        cursor = self._database.execute(
            f"""UPDATE runs SET lease_owner = :owner, lease_fence = lease_fence + 1, lease_at = :now
                WHERE id = :id AND state = 'running' AND {_FREE}""",
            {"id": run_id, "owner": owner, "now": now},
        )
        run = self.find(run_id)
        return run.lease_fence if cursor.rowcount == 1 and run is not None else None

    def beat(self, run_id: str, *, fence: int, now: int) -> bool:
        """False when the run does not run any more, or somebody else has it."""
        cursor = self._database.execute(
            "UPDATE runs SET lease_at = ? WHERE id = ? AND lease_fence = ? AND state = 'running'",
            (now, run_id, fence),
        )
        return cursor.rowcount == 1

    def has_lease(self, run_id: str, *, fence: int) -> bool:
        """Whether the run still runs, under this lease."""
        rows = self._database.query(
            "SELECT 1 FROM runs WHERE id = ? AND lease_fence = ? AND state = 'running'",
            (run_id, fence),
        )
        return next(iter(rows), None) is not None

    def is_being_charged(self, customer: str, *, since: int) -> bool:
        """Whether something was sent for this customer after `since` and no reply was written down."""
        # By state: those are always few, while a customer may have thousands.
        rows = self._database.query(
            """SELECT 1 FROM charges c JOIN attempts a ON a.charge_id = c.id AND a.outcome IS NULL
                   AND a.requested_at > ?
               WHERE c.state = 'attempting' AND +c.customer = ? LIMIT 1""",
            (since, customer),
        )
        return next(iter(rows), None) is not None

    def give_back(self, run_id: str, *, fence: int) -> None:
        """So that the next executor need not wait for the silence."""
        self._database.execute(
            "UPDATE runs SET lease_owner = NULL, lease_at = NULL WHERE id = ? AND lease_fence = ?",
            (run_id, fence),
        )


_FREE = f"""(lease_owner IS NULL OR lease_at < :now - {STALE_SECONDS}
    OR lease_at > :now + {LEASE_MARGIN_SECONDS})"""


def _run(row: dict[str, Any]) -> Run:
    values = {name: row[name] for name in Run.__slots__}
    return Run(
        **values
        | {
            "state": RunState(row["state"]),
            "header": tuple(json.loads(row["header"])),
            "passed_canary": bool(row["passed_canary"]),
            "charge_new_cards": bool(row["charge_new_cards"]),
            "wait_for_cards": bool(row["wait_for_cards"]),
            "control": ControlTotals(**json.loads(row["control"])) if row["control"] else None,
            "reading": json.loads(row["reading"]) if row["reading"] else None,
            "day_limits": json.loads(row["day_limits"]) if row["day_limits"] else None,
        }
    )
