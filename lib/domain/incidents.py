"""
Incidents: what should not be, noticed by the machine and settled by people (docs/decisions/023).

An incident is closed when it is true that nothing is wrong any more: its payment was adopted, refunded or
cancelled. That it may stay as it is, two people say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

PAID_TWICE = "paid_twice"
"""A debt for which money moved twice, by two attempts that the ledger knows."""
UNEXPECTED = "unexpected_payment"
"""Money moved under marks of a try that another payment, or another sum, is of, or for a cancelled charge."""
UNEXPECTED_REFUND = "unexpected_refund"
"""Money went back under the mark of an order that another refund, or another sum, is of."""
CONFLICT = "conflict"
"""A payment with our marks that a rebuild could not take over."""
UNREADABLE = "object_unreadable"
"""An object at Stripe that the mirror could not take."""
UNEXPECTED_SESSION = "unexpected_session"
"""A Checkout Session whose link a rebuild could not take over."""

ANOTHER_PAYMENT = "another_payment"
"""Why a payment was not expected: another one is of the try whose marks it carries."""
ANOTHER_SUM = "another_sum"
"""The same: its sum, currency or customer is not what the charge says."""
CHARGE_CANCELLED = "charge_cancelled"
"""The same: its charge had been given up."""


class Resolution(StrEnum):
    """How an incident was settled."""

    ADOPTED = "adopted"
    """The payment stands: the ledger has it as an attempt of its debt."""
    REFUNDED = "refunded"
    CANCELLED = "cancelled"
    """Stripe cancelled the payment; no money moved."""
    ACCEPTED = "accepted"
    """Two people agreed that it stays as it is."""


class ProposalState(StrEnum):
    PROPOSED = "proposed"
    APPROVED = "approved"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    OVERTAKEN = "overtaken"
    """The incident was settled in another way first."""


PROPOSAL_STEPS: dict[ProposalState, frozenset[ProposalState]] = {
    state: frozenset(ProposalState) - {state} if state is ProposalState.PROPOSED else frozenset()
    for state in ProposalState
}

PROPOSABLE = (Resolution.ADOPTED, Resolution.ACCEPTED)
"""What two people agree on; a refund has two people of its own, and Stripe says what was cancelled."""


@dataclass(frozen=True, slots=True)
class Incident:
    id: str
    kind: str
    subject: str
    """What it is about: a row as "table id", or an object at Stripe by its id."""
    details: Mapping[str, Any]
    found_at: int
    settled_at: int | None = None
    settled_by: str | None = None
    note: str | None = None
    """What the person who settled it did about it, or why nothing is to do."""
    resolution: Resolution | None = None

    @property
    def is_open(self) -> bool:
        return self.settled_at is None

    @property
    def payment_intent(self) -> str | None:
        """The payment at Stripe that it is about."""
        named = self.details.get("payment_intent")
        if named is not None:
            return str(named)
        return self.subject if self.subject.startswith("pi_") else None

    @property
    def charge_id(self) -> str | None:
        """Of the marks; the ledger may not know it."""
        return _text(self.details.get("charge_id"))

    @property
    def customer(self) -> str | None:
        return _text(self.details.get("customer"))

    @property
    def reference(self) -> str | None:
        return _text(self.details.get("reference"))

    @property
    def refund_reason(self) -> str:
        """What Stripe is told when its payment goes back."""
        is_one_too_many = self.kind in (PAID_TWICE, CONFLICT) or self.reason == ANOTHER_PAYMENT
        return "duplicate" if is_one_too_many else "requested_by_customer"

    @property
    def reason(self) -> str | None:
        """Why it is one, as a code."""
        return _text(self.details.get("reason"))


@dataclass(frozen=True, slots=True)
class PaymentEvidence:
    """A PaymentIntent as the mirror holds it, with its marks and what was given back of it."""

    id: str
    status: str
    customer: str | None
    payment_method: str | None
    amount: int
    """Minor units."""
    currency: str
    reference: str | None
    description: str | None
    charge_id: str | None
    attempt: int | None
    installation: str | None
    error_code: str | None
    error_decline_code: str | None
    error_advice_code: str | None
    created: int
    refunded: int
    """Minor units that have reached the customer again."""

    @property
    def is_paid(self) -> bool:
        return self.status == "succeeded"

    @property
    def is_refunded(self) -> bool:
        return self.is_paid and self.refunded >= self.amount

    @property
    def is_cancellable(self) -> bool:
        """https://docs.stripe.com/api/payment_intents/cancel"""
        return self.status in (
            "requires_payment_method",
            "requires_capture",
            "requires_confirmation",
            "requires_action",
        )


@dataclass(frozen=True, slots=True)
class IncidentProposal:
    """How one person would settle an incident, until another one decides."""

    id: str
    incident_id: str
    resolution: Resolution
    """One of PROPOSABLE."""
    reason: str
    state: ProposalState
    proposed_by: str
    proposed_at: int
    decided_by: str | None = None
    decided_at: int | None = None
    decision_note: str | None = None

    @property
    def is_proposed(self) -> bool:
        return self.state is ProposalState.PROPOSED


def _text(value: object) -> str | None:
    return None if value is None else str(value)
