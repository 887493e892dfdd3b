"""
Refunds that staff order: one person asks, another approves, Stripe is asked once under one key.

    requested ─▶ sending ─▶ succeeded ─▶ failed (the bank gave the money back to us later)
        │           ├─────▶ pending ─▶ succeeded | failed
        │           ├─────▶ refused | not_executed (nothing happened)
        │           └─────▶ unknown ─▶ any of these, by evidence only
        └─▶ rejected | withdrawn
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

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
    "requested_by_customer": "The customer asked for it, or the sum was wrong",
}
"""The reasons that Stripe takes: https://docs.stripe.com/api/refunds/create"""

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
    decided_by: str | None
    decided_at: int | None
    decision_note: str | None
    idempotency_key: str | None
    params: str | None
    """Exactly what is sent to Stripe, as JSON; None until it is approved."""
    looks: int
    refund: str | None
    """Stripe's id."""
    outcome_at: int | None
    code: str | None
    message: str | None
    request_id: str | None

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
