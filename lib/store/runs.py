"""Charge runs: rows, decisions, limits and the lease. Every change of state is compare-and-swap."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sqlite_utils import Database

from lib.domain.runs import (
    LEASE_MARGIN_SECONDS,
    STALE_SECONDS,
    Decision,
    Finding,
    Limits,
    RowState,
    Run,
    RunRow,
    RunState,
    Severity,
    verdict,
)

_ROW = """INSERT INTO run_rows (run_id, number, cells, customer, payment_method, amount, currency,
              reference, description, suffix, state, findings, verdict, charge_id)
          VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""


class RunStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    # Runs

    def add(self, run: Run, *, livemode: bool) -> None:
        self._database.execute(
            """INSERT INTO runs (id, livemode, name, state, header, file_name, file_digest, follows,
                   created_by, created_at, canary)
               VALUES (?, ?, ?, 'draft', ?, ?, ?, ?, ?, ?, ?)""",
            (run.id, int(livemode), run.name, json.dumps(run.header, ensure_ascii=False),
             run.file_name, run.file_digest, run.follows, run.created_by, run.created_at,
             run.canary),
        )  # fmt: skip

    def find(self, run_id: str) -> Run | None:
        rows = self._database.query("SELECT * FROM runs WHERE id = ?", (run_id,))
        return next((_run(row) for row in rows), None)

    def same_file(self, file_digest: str) -> list[Run]:
        """Runs made from exactly this file, newest first."""
        rows = self._database.query(
            "SELECT * FROM runs WHERE file_digest = ? ORDER BY created_at DESC, id DESC",
            (file_digest,),
        )
        return [_run(row) for row in rows]

    def move(
        self, run_id: str, *, before: RunState, after: RunState, at: int,
        stop_code: str | None = None, stop_message: str | None = None,
    ) -> bool:  # fmt: skip
        """
        Change the state if it is still `before`; a run that does not run has no lease.

        Raises:
            sqlite3.IntegrityError: a step that is not allowed, or an approval is missing.
        """
        cursor = self._database.execute(
            """UPDATE runs SET state = :after, stop_code = :code, stop_message = :message,
                   lease_owner = NULL, lease_at = NULL,
                   started_at = iif(:after = 'running', coalesce(started_at, :at), started_at),
                   finished_at = iif(:after IN ('finished', 'cancelled'), :at, finished_at)
               WHERE id = :id AND state = :before""",
            {
                "id": run_id, "before": before.value, "after": after.value, "at": at,
                "code": stop_code, "message": stop_message,
            },
        )  # fmt: skip
        return cursor.rowcount == 1

    def submit(
        self, run_id: str, *, digest: str, approvals_needed: int, canary: int,
        charge_new_cards: bool, by: str, at: int,
    ) -> bool:  # fmt: skip
        cursor = self._database.execute(
            """UPDATE runs SET state = 'awaiting_approval', digest = ?, approvals_needed = ?,
                   canary = ?, passed_canary = 0, charge_new_cards = ?, submitted_by = ?,
                   submitted_at = ?
               WHERE id = ? AND state = 'draft'""",
            (digest, approvals_needed, canary, int(charge_new_cards), by, at, run_id),
        )
        return cursor.rowcount == 1

    def back_to_draft(self, run_id: str, *, before: RunState) -> bool:
        """Rows may change again, and no approval that was given counts any more."""
        cursor = self._database.execute(
            """UPDATE runs SET state = 'draft', digest = NULL, submitted_by = NULL,
                   submitted_at = NULL, approvals_needed = 1, stop_code = NULL, stop_message = NULL
               WHERE id = ? AND state = ?""",
            (run_id, before.value),
        )
        return cursor.rowcount == 1

    def pass_canary(self, run_id: str) -> None:
        self._database.execute("UPDATE runs SET passed_canary = 1 WHERE id = ?", (run_id,))

    # Rows

    def add_rows(self, rows: Iterable[RunRow]) -> None:
        self._database.conn.executemany(
            _ROW,
            (
                (row.run_id, row.number, json.dumps(row.cells, ensure_ascii=False), row.customer,
                 row.payment_method, row.amount, row.currency, row.reference, row.description,
                 row.suffix, row.state.value, _findings_text(row.findings),
                 verdict(row.findings), row.charge_id)
                for row in rows
            ),
        )  # fmt: skip

    def drop_rows(self, run_id: str) -> None:
        """Of a draft, to write them anew."""
        self._database.execute("DELETE FROM run_rows WHERE run_id = ?", (run_id,))

    def rows(
        self, run_id: str, *, states: Sequence[RowState] = tuple(RowState), after: int = 0,
        limit: int = -1,
    ) -> list[RunRow]:  # fmt: skip
        """In the order of the file, from the row after `after` on."""
        marks = ", ".join("?" * len(states))
        rows = self._database.query(
            f"""SELECT * FROM run_rows WHERE run_id = ? AND state IN ({marks}) AND number > ?
                ORDER BY number LIMIT ?""",
            (run_id, *(state.value for state in states), after, limit),
        )
        return [_row(row) for row in rows]

    def row(self, run_id: str, number: int) -> RunRow | None:
        rows = self._database.query(
            "SELECT * FROM run_rows WHERE run_id = ? AND number = ?", (run_id, number)
        )
        return next((_row(row) for row in rows), None)

    def mark_row(
        self, run_id: str, number: int, *, before: RowState, after: RowState,
        charge_id: str | None = None, findings: Sequence[Finding] | None = None,
    ) -> bool:  # fmt: skip
        """Change a row's state if it is still `before`."""
        cursor = self._database.execute(
            """UPDATE run_rows SET state = ?, charge_id = coalesce(?, charge_id),
                   findings = coalesce(?, findings), verdict = coalesce(?, verdict)
               WHERE run_id = ? AND number = ? AND state = ?""",
            (after.value, charge_id, None if findings is None else _findings_text(findings),
             None if findings is None else verdict(findings), run_id, number, before.value),
        )  # fmt: skip
        return cursor.rowcount == 1

    def cancel_planned(self, run_id: str) -> int:
        cursor = self._database.execute(
            "UPDATE run_rows SET state = 'cancelled' WHERE run_id = ? AND state = 'planned'",
            (run_id,),
        )
        return int(cursor.rowcount)

    def counts(self, run_id: str) -> dict[str, int]:
        """Rows by state; of those that were sent, by the state of their charge."""
        rows = self._database.query(
            """SELECT iif(r.state = 'sent', c.state, r.state) AS state, count(*) AS n
               FROM run_rows r LEFT JOIN charges c ON c.id = r.charge_id
               WHERE r.run_id = ? GROUP BY 1""",
            (run_id,),
        )
        return {row["state"]: row["n"] for row in rows}

    def totals(self, run_id: str) -> dict[str, dict[str, int]]:
        """Minor units by currency and state, as `counts` knows states."""
        rows = self._database.query(
            """SELECT r.currency, iif(r.state = 'sent', c.state, r.state) AS state,
                   sum(r.amount) AS amount
               FROM run_rows r LEFT JOIN charges c ON c.id = r.charge_id
               WHERE r.run_id = ? AND r.amount IS NOT NULL AND r.currency IS NOT NULL
               GROUP BY 1, 2 ORDER BY 1, 2""",
            (run_id,),
        )
        found: dict[str, dict[str, int]] = {}
        for row in rows:
            found.setdefault(row["currency"], {})[row["state"]] = row["amount"]
        return found

    # Decisions

    def decide(self, decision: Decision, *, run: Run) -> None:
        """
        Raises:
            sqlite3.IntegrityError: by the maker, a second time, or not about what is submitted.
        """
        self._database.execute(
            """INSERT INTO run_decisions (run_id, verdict, digest, submitted_by, submitted_at, by,
                   at, reason) VALUES (?, ?, ?, ?, ?, ?, ?, ?)""",
            (decision.run_id, decision.verdict, decision.digest, run.submitted_by,
             run.submitted_at, decision.by, decision.at, decision.reason),
        )  # fmt: skip

    def decisions(self, run_id: str) -> list[Decision]:
        rows = self._database.query(
            "SELECT * FROM run_decisions WHERE run_id = ? ORDER BY id", (run_id,)
        )
        return [_decision(row) for row in rows]

    def approvals(self, run: Run) -> list[Decision]:
        """Those of what is submitted now."""
        rows = self._database.query(
            """SELECT * FROM run_decisions WHERE run_id = ? AND verdict = 'approve' AND digest = ?
                   AND submitted_by = ? AND submitted_at = ? ORDER BY id""",
            (run.id, run.digest, run.submitted_by, run.submitted_at),
        )
        return [_decision(row) for row in rows]

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

    def give_back(self, run_id: str, *, fence: int) -> None:
        """So that the next executor need not wait for the silence."""
        self._database.execute(
            "UPDATE runs SET lease_owner = NULL, lease_at = NULL WHERE id = ? AND lease_fence = ?",
            (run_id, fence),
        )

    # Limits

    def limits(self) -> dict[str, Limits]:
        """By currency."""
        return {
            row["currency"]: Limits(row["per_charge"], row["per_run"], row["per_day"])
            for row in self._database.query("SELECT * FROM limits ORDER BY currency")
        }

    def set_limits(self, currency: str, limits: Limits, *, by: str, at: int) -> None:
        self._database.execute(
            """INSERT INTO limits (currency, per_charge, per_run, per_day, set_by, set_at)
               VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (currency) DO UPDATE SET
                   per_charge = excluded.per_charge, per_run = excluded.per_run,
                   per_day = excluded.per_day, set_by = excluded.set_by, set_at = excluded.set_at""",
            (currency, limits.per_charge, limits.per_run, limits.per_day, by, at),
        )

    def charged_since(self, since: int) -> Mapping[str, int]:
        """Minor units by currency that were charged, or may have been, since a moment."""
        rows = self._database.query(
            """SELECT currency, sum(amount) AS amount FROM charges
               WHERE state IN ('attempting', 'succeeded', 'processing', 'unknown')
                   AND id IN (SELECT charge_id FROM attempts WHERE requested_at >= ?)
               GROUP BY currency""",
            (since,),
        )
        return {row["currency"]: row["amount"] for row in rows}


_FREE = f"""(lease_owner IS NULL OR lease_at < :now - {STALE_SECONDS}
    OR lease_at > :now + {LEASE_MARGIN_SECONDS})"""


def _findings_text(findings: Iterable[Finding]) -> str:
    return json.dumps([asdict(finding) for finding in findings], ensure_ascii=False)


def _run(row: dict[str, Any]) -> Run:
    values = {name: row[name] for name in Run.__slots__}
    return Run(
        **values
        | {
            "state": RunState(row["state"]),
            "header": tuple(json.loads(row["header"])),
            "passed_canary": bool(row["passed_canary"]),
            "charge_new_cards": bool(row["charge_new_cards"]),
        }
    )


def _row(row: dict[str, Any]) -> RunRow:
    values = {name: row[name] for name in RunRow.__slots__}
    findings = (
        Finding(one["code"], Severity(one["severity"]), one["message"], one["column"])
        for one in json.loads(row["findings"])
    )
    return RunRow(
        **values
        | {
            "cells": tuple(json.loads(row["cells"])),
            "state": RowState(row["state"]),
            "findings": tuple(findings),
        }
    )


def _decision(row: dict[str, Any]) -> Decision:
    return Decision(**{name: row[name] for name in Decision.__slots__})
