"""Outcomes that two people agree on when no evidence settles an attempt: proposed by one, decided by another."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from lib.domain.charges import Attempt, Charge, Outcome
from lib.domain.mirror import PaymentIntent


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
_DAY_SECONDS = 86_400


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

    @property
    def is_proposed(self) -> bool:
        return self.state is ManualOutcomeState.PROPOSED


def why_not_the_payment(
    intent: PaymentIntent, charge: Charge, attempt: Attempt, holder: Attempt | None
) -> str | None:
    """
    Why a payment at Stripe cannot be what this attempt moved, for staff; None when it can be.

    `holder` is the attempt that the payment is known to belong to.
    """
    if (intent.customer, intent.amount, intent.currency) != (
        charge.customer,
        charge.amount,
        charge.currency,
    ):
        return "That payment is of another customer, or of another sum."
    if holder is not None and holder.idempotency_key != attempt.idempotency_key:
        return "That payment belongs to another charge already."
    if intent.charge_id not in (None, charge.id):
        return "That payment carries the mark of another charge."
    if intent.reference not in (None, charge.reference):
        return f"That payment is of another reference, {intent.reference}."
    if intent.created < attempt.requested_at - _DAY_SECONDS:
        return "That payment was made before this charge was sent."
    if intent.status != "succeeded":
        return f"Stripe says of that payment: {intent.status.replace('_', ' ')}."
    return None
