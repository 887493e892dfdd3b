"""Proposals of one admin, to which another has to agree."""

from __future__ import annotations

import json
from typing import Any

from sqlite_utils import Database

from lib.domain.admin_changes import AdminChange, AdminProposal, AdminProposalState


class AdminProposalStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, proposal: AdminProposal) -> None:
        """
        Raises:
            sqlite3.IntegrityError: the same waits already.
        """
        change = proposal.change
        self._database.execute(
            """INSERT INTO admin_proposals (id, action, subject, params, proposed_by, proposed_at)
               VALUES (?, ?, ?, ?, ?, ?)""",
            (
                proposal.id,
                change.action,
                change.subject,
                json.dumps(change.params, sort_keys=True),
                proposal.proposed_by,
                proposal.proposed_at,
            ),
        )

    def find(self, proposal_id: str) -> AdminProposal | None:
        return next(iter(self._many("id = ?", proposal_id)), None)

    def to_decide(self) -> list[AdminProposal]:
        """Oldest first."""
        return self._many("state = 'proposed' ORDER BY proposed_at, id")

    def waiting_for(self, action: str, subject: str) -> AdminProposal | None:
        waiting = "state = 'proposed' AND action = ? AND subject = ?"
        return next(iter(self._many(waiting, action, subject)), None)

    def close(
        self, proposal_id: str, *, after: AdminProposalState, at: int, by: str | None = None
    ) -> bool:
        """False when it is decided already."""
        cursor = self._database.execute(
            """UPDATE admin_proposals SET state = ?, decided_by = ?, decided_at = ?
               WHERE id = ? AND state = 'proposed'""",
            (after.value, by, at, proposal_id),
        )
        return cursor.rowcount == 1

    def _many(self, condition: str, *parameters: object) -> list[AdminProposal]:
        rows = self._database.query(
            f"SELECT * FROM admin_proposals WHERE {condition}", list(parameters)
        )
        return [_proposal(row) for row in rows]


def _proposal(row: dict[str, Any]) -> AdminProposal:
    return AdminProposal(
        id=row["id"],
        change=AdminChange(row["action"], row["subject"], json.loads(row["params"])),
        state=AdminProposalState(row["state"]),
        proposed_by=row["proposed_by"],
        proposed_at=row["proposed_at"],
        decided_by=row["decided_by"],
        decided_at=row["decided_at"],
    )
