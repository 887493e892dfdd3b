"""Outcomes of refunds that two people settle by hand."""

from __future__ import annotations

from sqlite_utils import Database

from lib.domain.refunds import RefundOutcome, RefundState
from lib.store.outcome_proposals import OutcomeProposals


class RefundOutcomeStore(OutcomeProposals[RefundOutcome]):
    def __init__(self, database: Database) -> None:
        super().__init__(database, "refund_outcomes", RefundOutcome, RefundState)

    def proposed_for(self, order_id: str) -> RefundOutcome | None:
        return next(iter(self._many("order_id = ? AND state = 'proposed'", order_id)), None)
