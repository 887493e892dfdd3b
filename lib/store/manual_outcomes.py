"""Outcomes of charges that two people settle by hand."""

from __future__ import annotations

from sqlite_utils import Database

from lib.domain.charges import Outcome
from lib.domain.manual_outcomes import ManualOutcome
from lib.store.outcome_proposals import OutcomeProposals


class ManualOutcomeStore(OutcomeProposals[ManualOutcome]):
    def __init__(self, database: Database) -> None:
        super().__init__(database, "manual_outcomes", ManualOutcome, Outcome)

    def of_charge(self, charge_id: str) -> list[ManualOutcome]:
        """Oldest first."""
        return self._many("charge_id = ? ORDER BY proposed_at, id", charge_id)
