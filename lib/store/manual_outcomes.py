"""Outcomes that two people settle by hand."""

from __future__ import annotations

from typing import Any

from sqlite_utils import Database

from lib.domain.charges import Outcome
from lib.domain.manual_outcomes import ManualOutcome, ManualOutcomeState

_COLUMNS = tuple(ManualOutcome.__slots__)


class ManualOutcomeStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, proposal: ManualOutcome) -> None:
        """
        Raises:
            sqlite3.IntegrityError: another one is proposed for this charge.
        """
        self._database.execute(
            f"INSERT INTO manual_outcomes ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})",
            [getattr(proposal, name) for name in _COLUMNS],
        )

    def find(self, proposal_id: str) -> ManualOutcome | None:
        return next(iter(self._many("id = ?", proposal_id)), None)

    def of_charge(self, charge_id: str) -> list[ManualOutcome]:
        """Oldest first."""
        return self._many("charge_id = ? ORDER BY proposed_at, id", charge_id)

    def to_decide(self) -> list[ManualOutcome]:
        """Oldest first."""
        return self._many("state = 'proposed' ORDER BY proposed_at, id")

    def close(
        self,
        proposal_id: str,
        *,
        after: ManualOutcomeState,
        at: int,
        by: str | None = None,
        note: str | None = None,
    ) -> bool:
        """Decide, withdraw or overtake a proposal; False when it is none any more."""
        cursor = self._database.execute(
            """UPDATE manual_outcomes SET state = ?, decided_by = ?, decided_at = ?, decision_note = ?
               WHERE id = ? AND state = 'proposed'""",
            (after.value, by, at, note, proposal_id),
        )
        return cursor.rowcount == 1

    def _many(self, condition: str, *parameters: object) -> list[ManualOutcome]:
        rows = self._database.query(
            f"SELECT {', '.join(_COLUMNS)} FROM manual_outcomes WHERE {condition}", list(parameters)
        )
        return [_manual_outcome_of(row) for row in rows]


def _manual_outcome_of(row: dict[str, Any]) -> ManualOutcome:
    known = {"state": ManualOutcomeState(row["state"]), "outcome": Outcome(row["outcome"])}
    return ManualOutcome(**row | known)
