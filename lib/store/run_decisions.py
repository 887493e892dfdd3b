"""Decisions on charge runs, append-only: who approved or rejected what was submitted, and who approved it again."""

from __future__ import annotations

from typing import Any

from sqlite_utils import Database

from lib.domain.runs import ApprovalDecision, Run

_DECISIONS = """
    SELECT id, run_id, decision, digest, submitted_by, submitted_at, by, at, reason,
        0 AS is_renewal FROM run_decisions
    UNION ALL
    SELECT id, run_id, 'approve', digest, submitted_by, submitted_at, by, at, reason, 1
    FROM run_renewals"""


class RunDecisionStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def decide(self, decision: ApprovalDecision, *, run: Run) -> None:
        """
        Raises:
            sqlite3.IntegrityError: by the maker, a second time, or not about what is submitted.
        """
        self._database.execute(
            """INSERT INTO run_decisions (run_id, decision, digest, submitted_by, submitted_at, by,
                   at, reason) VALUES (?, ?, ?, ?, ?, ?, ?, ?)""",
            (
                decision.run_id,
                decision.decision,
                decision.digest,
                run.submitted_by,
                run.submitted_at,
                decision.by,
                decision.at,
                decision.reason,
            ),
        )

    def renew(self, decision: ApprovalDecision, *, run: Run) -> None:
        """
        Raises:
            sqlite3.IntegrityError: by the maker, or not about what was approved.
        """
        self._database.execute(
            """INSERT INTO run_renewals (run_id, digest, submitted_by, submitted_at, by, at, reason)
               VALUES (?, ?, ?, ?, ?, ?, ?)""",
            (
                decision.run_id,
                decision.digest,
                run.submitted_by,
                run.submitted_at,
                decision.by,
                decision.at,
                decision.reason,
            ),
        )

    def of(self, run_id: str) -> list[ApprovalDecision]:
        """First ones in their order, then those that were given again."""
        rows = self._database.query(
            f"SELECT * FROM ({_DECISIONS}) WHERE run_id = ? ORDER BY is_renewal, id", (run_id,)
        )
        return [_decision(row) for row in rows]

    def approvals(self, run: Run) -> list[ApprovalDecision]:
        """Those of what is submitted now, and then those that were given again."""
        rows = self._database.query(
            f"""SELECT * FROM ({_DECISIONS}) WHERE run_id = ? AND decision = 'approve'
                   AND digest = ? AND submitted_by = ? AND submitted_at = ?
               ORDER BY is_renewal, id""",
            (run.id, run.digest, run.submitted_by, run.submitted_at),
        )
        return [_decision(row) for row in rows]


def _decision(row: dict[str, Any]) -> ApprovalDecision:
    values = {name: row[name] for name in ApprovalDecision.__slots__}
    return ApprovalDecision(**values | {"is_renewal": bool(row["is_renewal"])})
