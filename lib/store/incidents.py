"""Incidents: what should not be, each open until it is settled, none ever deleted."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from sqlite_utils import Database

from lib.domain.incidents import Incident, IncidentProposal, ProposalState, Resolution

_PROPOSAL = tuple(IncidentProposal.__slots__)
_THESE = "(SELECT value FROM json_each(?))"
# The indexes of open incidents have these words.
_CUSTOMER, _REFERENCE = (
    "json_extract(details, '$.customer')",
    "json_extract(details, '$.reference')",
)
_CHARGE = "json_extract(details, '$.charge_id')"


class IncidentStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self, incident_id: str, *, kind: str, subject: str, details: Mapping[str, object], at: int
    ) -> bool:
        """False when one of this kind about this subject is open already."""
        cursor = self._database.execute(
            """INSERT INTO incidents (id, kind, subject, details, found_at) VALUES (?, ?, ?, ?, ?)
               ON CONFLICT (kind, subject) WHERE settled_at IS NULL DO NOTHING""",
            (incident_id, kind, subject, json.dumps(details), at),
        )
        return cursor.rowcount == 1

    def find(self, incident_id: str) -> Incident | None:
        return next(iter(self._many("id = ?", incident_id)), None)

    def open(self, *, kind: str | None = None, limit: int = -1) -> list[Incident]:
        """Newest first."""
        return self._many("settled_at IS NULL AND (? IS NULL OR kind = ?)", kind, kind, limit=limit)

    def newest(self, *, is_open: bool | None, limit: int) -> list[Incident]:
        """Newest first; of both states where None."""
        if is_open is None:
            return self._many("1", limit=limit)
        condition = "settled_at IS NULL" if is_open else "settled_at IS NOT NULL"
        return self._many(condition, limit=limit)

    def any_open(self) -> bool:
        return bool(
            list(self._database.query("SELECT 1 FROM incidents WHERE settled_at IS NULL LIMIT 1"))
        )

    def count_open(self) -> int:
        rows = self._database.query("SELECT count(*) AS n FROM incidents WHERE settled_at IS NULL")
        return int(next(iter(rows))["n"])

    def about(self, subject: str) -> list[Incident]:
        """Settled ones too; newest first."""
        return self._many("subject = ?", subject)

    def open_about(self, subjects: Iterable[str]) -> list[Incident]:
        """Open ones about any of these subjects, newest first."""
        return self._many(f"settled_at IS NULL AND subject IN {_THESE}", json.dumps(list(subjects)))

    def open_of_debt(self, customer: str, reference: str) -> list[Incident]:
        """Open ones that name this customer and reference, newest first."""
        return self._many(
            f"settled_at IS NULL AND {_CUSTOMER} = ? AND {_REFERENCE} = ?", customer, reference
        )

    def open_of_charges(self, charge_ids: Iterable[str]) -> list[Incident]:
        """Open ones that name any of these charges, newest first."""
        return self._many(
            f"settled_at IS NULL AND {_CHARGE} IN {_THESE}", json.dumps(list(charge_ids))
        )

    def settle(
        self, incident_id: str, *, resolution: Resolution, by: str, note: str, at: int
    ) -> bool:
        """
        False when it is settled already, or there is none.

        Raises:
            sqlite3.IntegrityError: two people have to agree to this, and did not.
        """
        cursor = self._database.execute(
            """UPDATE incidents SET settled_at = ?, settled_by = ?, note = ?, resolution = ?
               WHERE id = ? AND settled_at IS NULL""",
            (at, by, note, resolution.value, incident_id),
        )
        return cursor.rowcount == 1

    def propose(self, proposal: IncidentProposal) -> None:
        """
        Raises:
            sqlite3.IntegrityError: another one is proposed for this incident.
        """
        self._database.execute(
            f"""INSERT INTO incident_proposals ({", ".join(_PROPOSAL)})
                VALUES ({", ".join("?" * len(_PROPOSAL))})""",
            [getattr(proposal, name) for name in _PROPOSAL],
        )

    def proposal(self, incident_id: str) -> IncidentProposal | None:
        """The one that nobody has decided on."""
        return next((one for one in self.proposals(incident_id) if one.is_proposed), None)

    def proposals(self, incident_id: str) -> list[IncidentProposal]:
        """Oldest first."""
        rows = self._database.query(
            f"""SELECT {", ".join(_PROPOSAL)} FROM incident_proposals WHERE incident_id = ?
                ORDER BY proposed_at, rowid""",
            (incident_id,),
        )
        return [_proposal_of(row) for row in rows]

    def proposals_to_decide(self) -> list[IncidentProposal]:
        """Oldest first."""
        rows = self._database.query(
            f"""SELECT {", ".join(_PROPOSAL)} FROM incident_proposals WHERE state = 'proposed'
                ORDER BY proposed_at, rowid"""
        )
        return [_proposal_of(row) for row in rows]

    def close_proposal(
        self,
        proposal_id: str,
        *,
        after: ProposalState,
        at: int,
        by: str | None = None,
        note: str | None = None,
    ) -> bool:
        """Decide, withdraw or overtake a proposal; False when it is none any more."""
        cursor = self._database.execute(
            """UPDATE incident_proposals SET state = ?, decided_by = ?, decided_at = ?, decision_note = ?
               WHERE id = ? AND state = 'proposed'""",
            (after.value, by, at, note, proposal_id),
        )
        return cursor.rowcount == 1

    def _many(self, condition: str, *parameters: object, limit: int = -1) -> list[Incident]:
        rows = self._database.query(
            f"SELECT * FROM incidents WHERE {condition} ORDER BY found_at DESC, id DESC LIMIT ?",
            [*parameters, limit],
        )
        return [_incident_of(row) for row in rows]


def _incident_of(row: dict[str, Any]) -> Incident:
    resolution = Resolution(row["resolution"]) if row["resolution"] else None
    return Incident(**row | {"details": json.loads(row["details"]), "resolution": resolution})


def _proposal_of(row: dict[str, Any]) -> IncidentProposal:
    known = {"state": ProposalState(row["state"]), "resolution": Resolution(row["resolution"])}
    return IncidentProposal(**row | known)
