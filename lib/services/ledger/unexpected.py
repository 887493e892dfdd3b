"""Payments that the ledger did not expect: of an older copy, twice for one debt, under copied marks."""

from __future__ import annotations

from lib.domain.charges import COMMITTED_STATES, STATE_AFTER, Attempt, Charge, outcome_of
from lib.domain.mirror import PaymentIntent, Refund
from lib.domain.refunds import RefundOrder
from lib.ids import new_id
from lib.store.meta import BEHIND, DECISIONS_REST, INSTALLATION
from lib.store.unit_of_work import Stores

PAID_TWICE = "paid_twice"
"""The kind of incident: a debt for which money moved twice."""
UNEXPECTED = "unexpected_payment"
"""The kind of incident: money moved under marks of a try that another payment, or another sum, is of."""
UNEXPECTED_REFUND = "unexpected_refund"
"""The kind of incident: a refund was answered with another one."""


def note_paid_twice(stores: Stores, charge: Charge, attempt: Attempt, *, at: int) -> None:
    """
    Another try of this debt was paid, too: behind our back, in the Dashboard, say. Both payments are
    written down; a person must look, and give one of them back.
    """
    detail = {
        "attempt": attempt.number,
        "payment_intent": attempt.payment_intent,
        "customer": charge.customer,
        "reference": charge.reference,
        "amount": charge.amount,
        "currency": charge.currency,
    }
    stores.audit.record(
        at=at,
        actor="system",
        action="charge.paid_twice_suspected",
        subject=charge.id,
        detail=detail,
    )
    stores.incidents.add(
        new_id("inc"),
        kind=PAID_TWICE,
        subject=attempt.payment_intent or charge.id,
        details={"charge_id": charge.id, **detail},
        at=at,
    )


def note_unexpected(stores: Stores, intent: PaymentIntent, charge: Charge, *, at: int) -> None:
    """A payment with the marks of a known try that cannot be that try: somebody must look at it."""
    if STATE_AFTER[outcome_of(intent)] not in COMMITTED_STATES or stores.incidents.about(intent.id):
        return
    _note_payment(stores, intent, charge, at=at)


def _note_payment(stores: Stores, intent: PaymentIntent, charge: Charge, *, at: int) -> None:
    details = {
        "charge_id": charge.id,
        "attempt": intent.attempt,
        "customer": intent.customer,
        "reference": charge.reference,
        "amount": intent.amount,
        "currency": intent.currency,
        "status": intent.status,
        "expected": {
            "customer": charge.customer,
            "amount": charge.amount,
            "currency": charge.currency,
        },
    }
    stores.incidents.add(new_id("inc"), kind=UNEXPECTED, subject=intent.id, details=details, at=at)
    stores.audit.record(
        at=at,
        actor="system",
        action="charge.unexpected_payment",
        subject=charge.id,
        detail={"payment_intent": intent.id, "amount": intent.amount, "currency": intent.currency},
    )


def note_other_answer(stores: Stores, attempt: Attempt, made: PaymentIntent, *, at: int) -> None:
    """Stripe, or what stands before it, answered a try with a payment that is not the one asked for."""
    charge = stores.charges.find(attempt.charge_id)
    if charge is not None and not stores.incidents.about(made.id):
        _note_payment(stores, made, charge, at=at)


def note_other_refund(stores: Stores, order: RefundOrder, made: Refund, *, at: int) -> None:
    """The same of a refund."""
    if stores.incidents.about(made.id):
        return
    details = {
        "charge_id": order.charge_id,
        "payment_intent": made.payment_intent,
        "amount": made.amount,
        "currency": made.currency,
        "status": made.status,
        "expected": {
            "payment_intent": order.payment_intent,
            "amount": order.amount,
            "currency": order.currency,
        },
    }
    stores.incidents.add(
        new_id("inc"), kind=UNEXPECTED_REFUND, subject=made.id, details=details, at=at
    )
    stores.audit.record(
        at=at,
        actor="system",
        action="refund.unexpected",
        subject=order.charge_id,
        detail={"refund": made.id, "amount": made.amount, "currency": made.currency},
    )


def note_unknown_mark(stores: Stores, intent: PaymentIntent, *, at: int) -> None:
    """
    A payment with this installation's marks and no attempt here: the ledger is behind Stripe.

    An attempt is committed before its request leaves, so the file is an older one (docs/decisions/008).
    """
    if intent.charge_id is None or intent.attempt is None:
        return
    if intent.installation not in (None, stores.meta.value(INSTALLATION)):
        return
    if stores.charges.attempt(intent.charge_id, intent.attempt) is not None:
        return
    if stores.meta.value(BEHIND) is not None or stores.incidents.about(intent.id):
        return
    stores.meta.set(BEHIND, str(at))
    # Stripe knows payments, not decisions: what was cancelled or refused since is not in this file.
    stores.meta.set(DECISIONS_REST, str(at))
    stores.audit.record(
        at=at,
        actor="system",
        action="ledger.behind",
        subject=intent.id,
        detail={
            "charge": intent.charge_id,
            "attempt": intent.attempt,
            "amount": intent.amount,
            "currency": intent.currency,
            "reference": intent.reference,
        },
    )
