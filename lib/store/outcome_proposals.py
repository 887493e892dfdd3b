"""Outcomes that two people settle by hand, of charges or of refunds: one table each, with the same life."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from sqlite_utils import Database

from lib.domain.manual_outcomes import ManualOutcome, ManualOutcomeState
from lib.domain.refunds import RefundOutcome

Proposal = TypeVar("Proposal", bound=ManualOutcome | RefundOutcome)


class OutcomeProposals(Generic[Proposal]):
    def __init__(
        self,
        database: Database,
        table: str,
        kind: type[Proposal],
        outcome_of: Callable[[str], object],
    ) -> None:
        self._database = database
        self._table = table
        self._kind = kind
        self._outcome_of = outcome_of
        self._columns = tuple(kind.__slots__)

    def add(self, proposal: Proposal) -> None:
        """
        Raises:
            sqlite3.IntegrityError: another one is proposed for the same.
        """
        columns = self._columns
        self._database.execute(
            f"INSERT INTO {self._table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})",
            [getattr(proposal, name) for name in columns],
        )

    def find(self, proposal_id: str) -> Proposal | None:
        return next(iter(self._many("id = ?", proposal_id)), None)

    def to_decide(self) -> list[Proposal]:
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
            f"""UPDATE {self._table} SET state = ?, decided_by = ?, decided_at = ?, decision_note = ?
               WHERE id = ? AND state = 'proposed'""",
            (after.value, by, at, note, proposal_id),
        )
        return cursor.rowcount == 1

    def _many(self, condition: str, *parameters: object) -> list[Proposal]:
        rows = self._database.query(
            f"SELECT {', '.join(self._columns)} FROM {self._table} WHERE {condition}",
            list(parameters),
        )
        return [self._proposal_of(row) for row in rows]

    def _proposal_of(self, row: dict[str, Any]) -> Proposal:
        known = {
            "state": ManualOutcomeState(row["state"]),
            "outcome": self._outcome_of(row["outcome"]),
        }
        return self._kind(**row | known)
