"""What two people settle when no evidence does: an attempt's outcome, proposed by one and decided by another."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from lib.domain.charges import Outcome


class ManualOutcomeState(StrEnum):
    PROPOSED = "proposed"
    APPROVED = "approved"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    OVERTAKEN = "overtaken"
    """Evidence came first."""


MANUAL_OUTCOME_STEPS: dict[ManualOutcomeState, frozenset[ManualOutcomeState]] = {
    state: frozenset(ManualOutcomeState) - {state}
    if state is ManualOutcomeState.PROPOSED
    else frozenset()
    for state in ManualOutcomeState
}

# A request to Stripe is over within minutes. Sooner, "nothing is there" only means "not yet".
EARLIEST_SECONDS = 3_600


@dataclass(frozen=True, slots=True)
class ManualOutcome:
    id: str
    charge_id: str
    attempt: int
    outcome: Outcome
    """Succeeded or not executed."""
    payment_intent: str | None
    """The payment at Stripe that collected it; only where it succeeded."""
    reason: str
    state: ManualOutcomeState
    proposed_by: str
    proposed_at: int
    decided_by: str | None
    decided_at: int | None
    decision_note: str | None
