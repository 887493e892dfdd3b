"""Payments that the ledger did not expect: of an older copy, twice for one debt, under copied marks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lib.domain.charges import COMMITTED_STATES, STATE_AFTER, Attempt, Charge, outcome_of
from lib.domain.incidents import (
    ANOTHER_PAYMENT,
    ANOTHER_SUM,
    CHARGE_CANCELLED,
    PAID_TWICE,
    UNEXPECTED,
    UNEXPECTED_REFUND,
)
from lib.domain.mirror import CheckoutSession, PaymentIntent, Refund
from lib.domain.refunds import RefundOrder
from lib.ids import new_id
from lib.store.meta import BEHIND, DECISIONS_REST, INSTALLATION
from lib.store.stores import Stores


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


def note_late_payment(
    stores: Stores, charge: Charge, payment_intent: str, *, attempt: int, at: int
) -> None:
    """A charge that was given up was paid all the same: it stands, or goes back, as a person says."""
    if stores.incidents.about(payment_intent):
        return
    details = {
        "reason": CHARGE_CANCELLED,
        "payment_intent": payment_intent,
        "charge_id": charge.id,
        "attempt": attempt,
        "customer": charge.customer,
        "reference": charge.reference,
        "amount": charge.amount,
        "currency": charge.currency,
    }
    _add_payment(stores, payment_intent, charge, details, at=at)


def _note_payment(stores: Stores, intent: PaymentIntent, charge: Charge, *, at: int) -> None:
    is_as_asked = (intent.amount, intent.currency, intent.customer) == (
        charge.amount,
        charge.currency,
        charge.customer,
    )
    details = {
        "reason": ANOTHER_PAYMENT if is_as_asked else ANOTHER_SUM,
        "payment_intent": intent.id,
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
    _add_payment(stores, intent.id, charge, details, at=at)


def _add_payment(
    stores: Stores, payment_intent: str, charge: Charge, details: Mapping[str, object], *, at: int
) -> None:
    stores.incidents.add(
        new_id("inc"), kind=UNEXPECTED, subject=payment_intent, details=details, at=at
    )
    stores.audit.record(
        at=at,
        actor="system",
        action="charge.unexpected_payment",
        subject=charge.id,
        detail={name: details[name] for name in ("payment_intent", "amount", "currency", "reason")},
    )


def note_other_answer(stores: Stores, attempt: Attempt, made: PaymentIntent, *, at: int) -> None:
    """Stripe, or what stands before it, answered a try with a payment that is not the one asked for."""
    charge = stores.charges.find(attempt.charge_id)
    if charge is not None and not stores.incidents.about(made.id):
        _note_payment(stores, made, charge, at=at)


def note_other_refund(stores: Stores, order: RefundOrder, made: Refund, *, at: int) -> None:
    """Stripe answered a refund order with another refund, or shows another one with its mark."""
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
    if stores.charges.attempt(intent.charge_id, intent.attempt) is not None:
        return
    _note_behind(
        stores,
        intent.id,
        intent.installation,
        {
            "charge": intent.charge_id,
            "attempt": intent.attempt,
            "amount": intent.amount,
            "currency": intent.currency,
            "reference": intent.reference,
        },
        at=at,
    )


def note_unknown_refund(stores: Stores, refund: Refund, *, at: int) -> None:
    """The same of a refund: its order is committed before its request leaves, too."""
    if refund.order_id is None:
        return
    order = stores.refunds.find(refund.order_id)
    if order is not None and order.idempotency_key is not None:
        return
    detail = {
        "charge": refund.charge_id,
        "refund": refund.order_id,
        "amount": refund.amount,
        "currency": refund.currency,
    }
    _note_behind(stores, refund.id, refund.installation, detail, at=at)


def note_unknown_links(stores: Stores, sessions: Sequence[CheckoutSession], *, at: int) -> None:
    """The same of pages of links. Those of before there were ids prove nothing."""
    # A whole account's may be another installation's: they must not cost a look each.
    whose = {session.installation for session in sessions if session.installation is not None}
    if not whose or stores.meta.value(INSTALLATION) not in whose:
        return
    for session in sessions:
        if session.installation is not None:
            _note_behind(stores, session.id, session.installation, {"link": session.link_id}, at=at)


def _note_behind(
    stores: Stores,
    subject: str,
    installation: str | None,
    detail: Mapping[str, object],
    *,
    at: int,
) -> None:
    if stores.meta.value(BEHIND) is not None or not _is_ours(stores, installation):
        return
    if stores.incidents.about(subject):
        return
    stores.meta.set(BEHIND, str(at))
    if stores.charges.any() or stores.runs.any():
        # Stripe knows payments, not decisions: what was cancelled or refused since is not in this file.
        stores.meta.set(DECISIONS_REST, str(at))
    stores.audit.record(
        at=at, actor="system", action="ledger.behind", subject=subject, detail=detail
    )


def _is_ours(stores: Stores, installation: str | None) -> bool:
    """Marks without an id are the oldest installation's; a ledger without charges asks whose they are."""
    ours = stores.meta.value(INSTALLATION) or ""
    if installation is not None:
        return installation == ours
    return stores.charges.any() and stores.marks.owns_unnamed(ours)
