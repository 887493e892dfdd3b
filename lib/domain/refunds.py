"""
Refunds that staff order: one person asks, another approves, Stripe is asked once under one key.

    requested ─▶ sending ─▶ succeeded ─▶ failed (the bank gave the money back to us later)
        │           ├─────▶ pending ─▶ succeeded | failed
        │           ├─────▶ refused | not_executed (nothing happened)
        │           └─────▶ unknown ─▶ any of these, by evidence or by two people
        └─▶ rejected | withdrawn
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from lib.domain.manual_outcomes import ManualOutcomeState
from lib.domain.mirror import Refund


class RefundState(StrEnum):
    REQUESTED = "requested"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    SENDING = "sending"
    UNKNOWN = "unknown"
    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    REFUSED = "refused"
    NOT_EXECUTED = "not_executed"


OPEN_STATES = (RefundState.REQUESTED, RefundState.SENDING, RefundState.UNKNOWN)
"""In which no other refund of the same charge may be ordered."""

REASONS = {
    "duplicate": "Charged twice",
    "fraudulent": "Fraud",
    "requested_by_customer": "On request, or wrong sum",
}
"""The reasons that Stripe takes: https://docs.stripe.com/api/refunds/create"""


def why(reason: str | None) -> str:
    """As `REASONS` has it; what Stripe alone gives as a reason, such as `expired_uncaptured_charge`, in its words."""
    return REASONS.get(reason or "") or (reason or "").replace("_", " ").capitalize()


NOT_KNOWN = "(not known)"
"""In place of whoever asked for a refund that was taken over: Stripe keeps no people."""

_DAY_SECONDS = 86_400

BY_TWO_PEOPLE = "two_people"
"""In place of evidence; lib/services/refunds/settle_by_hand.py."""

_BY_EVIDENCE = frozenset(
    {
        RefundState.PENDING,
        RefundState.SUCCEEDED,
        RefundState.FAILED,
        RefundState.REFUSED,
        RefundState.NOT_EXECUTED,
    }
)
REFUND_STEPS: dict[RefundState, frozenset[RefundState]] = {
    RefundState.REQUESTED: frozenset(
        {RefundState.SENDING, RefundState.REJECTED, RefundState.WITHDRAWN}
    ),
    RefundState.SENDING: _BY_EVIDENCE | {RefundState.UNKNOWN},
    RefundState.UNKNOWN: _BY_EVIDENCE,
    RefundState.PENDING: frozenset({RefundState.SUCCEEDED, RefundState.FAILED}),
    # A bank may return a refund weeks later: https://docs.stripe.com/refunds#failed-refunds
    RefundState.SUCCEEDED: frozenset({RefundState.FAILED}),
    # Proof that arrives after we gave up looking is the truth all the same.
    RefundState.NOT_EXECUTED: frozenset(
        {RefundState.PENDING, RefundState.SUCCEEDED, RefundState.FAILED}
    ),
    RefundState.REFUSED: frozenset(
        {RefundState.PENDING, RefundState.SUCCEEDED, RefundState.FAILED}
    ),
    RefundState.REJECTED: frozenset(),
    RefundState.WITHDRAWN: frozenset(),
    RefundState.FAILED: frozenset(),
}

UNSETTLED_STATES = (RefundState.SENDING, RefundState.UNKNOWN, RefundState.PENDING)
"""Stripe was, or may have been, asked, and its last word is not known yet."""

UNFINISHED_STATES = (*OPEN_STATES, RefundState.PENDING)
GIVEN_BACK_STATES = (RefundState.PENDING, RefundState.SUCCEEDED)
"""Stripe took the order: the money went back, or is on its way."""
ANSWERED_STATES = (*GIVEN_BACK_STATES, RefundState.FAILED)


@dataclass(frozen=True, slots=True)
class RefundOrder:
    id: str
    charge_id: str
    attempt: int
    """The one whose money goes back."""
    payment_intent: str
    amount: int
    """Minor units."""
    currency: str
    reason: str
    """One of REASONS."""
    note: str
    refunded_before: int
    """Minor units that Stripe had given back of this payment when it was asked for."""
    state: RefundState
    requested_by: str
    requested_at: int
    decided_by: str | None = None
    decided_at: int | None = None
    decision_note: str | None = None
    idempotency_key: str | None = None
    params: str | None = None
    """Exactly what is sent to Stripe, as JSON; None until it is approved."""
    looks: int = 0
    refund: str | None = None
    """Stripe's id."""
    outcome_at: int | None = None
    code: str | None = None
    message: str | None = None
    request_id: str | None = None
    last_look: str | None = None
    """JSON of what the last look at Stripe asked and found; see lib.domain.resolutions."""
    sent_after: int | None = None
    """Stripe's clock at its last answer before this was sent; None where there had been none yet."""

    evidence: str | None = None
    """BY_TWO_PEOPLE where no evidence settled it; None otherwise."""

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_STATES


def may_become(before: RefundState, after: RefundState) -> bool:
    """Whether news may replace what is recorded; late news never goes backwards."""
    return after in REFUND_STEPS[before]


def state_of(refund: Refund) -> RefundState:
    """What Stripe's status means: https://docs.stripe.com/api/refunds/object#refund_object-status"""
    match refund.status:
        case "succeeded":
            return RefundState.SUCCEEDED
        case "failed" | "canceled":
            return RefundState.FAILED
        case _:
            # pending, requires_action, and whatever is added: the money is not there yet.
            return RefundState.PENDING


@dataclass(frozen=True, slots=True)
class RefundOutcome:
    """What became of an order that no evidence settles: proposed by one person, decided by another."""

    id: str
    order_id: str
    outcome: RefundState
    """Succeeded or not executed."""
    refund: str | None
    """Stripe's id of the refund that gave the money back; only where it succeeded."""
    reason: str
    state: ManualOutcomeState
    proposed_by: str
    proposed_at: int
    decided_by: str | None = None
    decided_at: int | None = None
    decision_note: str | None = None

    @property
    def is_proposed(self) -> bool:
        return self.state is ManualOutcomeState.PROPOSED


def why_not_the_refund(
    refund: Refund, order: RefundOrder, holder: RefundOrder | None
) -> str | None:
    """
    Why a refund at Stripe cannot be what this order gave back, for staff; None when it can be.

    `holder` is the order that the refund is known to belong to.
    """
    if refund.payment_intent != order.payment_intent:
        return "That refund is of another payment."
    if (refund.amount, refund.currency) != (order.amount, order.currency):
        return "That refund is of another sum."
    if holder is not None and holder.id != order.id:
        return "That refund belongs to another request already."
    if refund.order_id not in (None, order.id):
        return "That refund carries the mark of another request."
    if order.decided_at is not None and refund.created < order.decided_at - _DAY_SECONDS:
        return "That refund was made before this one was sent."
    if state_of(refund) is RefundState.FAILED:
        return "Stripe says that this refund failed: nothing was given back."
    return None
