"""An incident with its evidence: the ledger's attempts beside Stripe's payments, and which ways out are open."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from lib.domain.charges import Attempt, Charge
from lib.domain.incidents import (
    CONFLICT,
    PAID_TWICE,
    UNEXPECTED,
    Incident,
    IncidentProposal,
    PaymentEvidence,
)
from lib.domain.refunds import RefundOrder, RefundState
from lib.errors import NotFound
from lib.services.ledger.adoption import debt_of, holder_of
from lib.store.stores import Stores
from lib.store.unit_of_work import UnitOfWork

_OF_PAYMENTS = (UNEXPECTED, PAID_TWICE, CONFLICT)
_UNDER_WAY = (
    RefundState.REQUESTED,
    RefundState.SENDING,
    RefundState.UNKNOWN,
    RefundState.PENDING,
)


@dataclass(frozen=True, slots=True)
class IncidentView:
    incident: Incident
    payment: PaymentEvidence | None
    """What it is about, as the mirror holds it."""
    payments: tuple[PaymentEvidence, ...]
    """That one and every other of the same debt, oldest first."""
    charges: tuple[Charge, ...]
    attempts: tuple[Attempt, ...]
    """The ledger's, of the debt and of the charge that the marks name."""
    refunds: tuple[RefundOrder, ...]
    """Orders of these payments, oldest first."""
    proposals: tuple[IncidentProposal, ...]
    """Oldest first."""
    why_not_adopt: str | None
    why_not_refund: str | None
    why_not_cancel: str | None

    @property
    def proposal(self) -> IncidentProposal | None:
        """The one that waits for a second person."""
        return next((one for one in self.proposals if one.is_proposed), None)

    @property
    def customer(self) -> str | None:
        return self.incident.customer or (self.payment.customer if self.payment else None)

    @property
    def reference(self) -> str | None:
        return self.incident.reference or (self.payment.reference if self.payment else None)

    @property
    def is_of_a_payment(self) -> bool:
        """Whether anything may be done about a payment."""
        return self.incident.kind in _OF_PAYMENTS and self.payment is not None

    @property
    def needs_two(self) -> bool:
        """Whether adopting it is a decision of two people."""
        return self.incident.kind == CONFLICT

    @property
    def refundable(self) -> tuple[PaymentEvidence, ...]:
        """Payments of which one can be given back."""
        return tuple(
            one
            for one in self.payments
            if one.is_paid
            and not one.is_refunded
            and one.customer is not None
            and (self.incident.kind == PAID_TWICE or one.id == self.incident.payment_intent)
        )

    @property
    def state(self) -> str:
        """open, proposed, refund_requested, refund_pending or settled."""
        if not self.incident.is_open:
            return "settled"
        if self.proposal is not None:
            return "proposed"
        under_way = [order.state for order in self.refunds if order.state in _UNDER_WAY]
        if RefundState.REQUESTED in under_way:
            return "refund_requested"
        return "refund_pending" if under_way else "open"


class IncidentViews:
    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def incident(self, incident_id: str) -> IncidentView:
        """
        Raises:
            NotFound: no such incident.
        """
        with self._uow.read() as stores:
            return view_of(stores, incident_of(stores, incident_id))

    def listing(self, *, is_open: bool | None, limit: int) -> list[IncidentView]:
        """Newest first; of both states where None."""
        with self._uow.read() as stores:
            incidents = stores.incidents.newest(is_open=is_open, limit=limit)
            return [view_of(stores, incident) for incident in incidents]

    def count_open(self) -> int:
        with self._uow.read() as stores:
            return stores.incidents.count_open()


def incident_of(stores: Stores, incident_id: str) -> Incident:
    """
    Raises:
        NotFound: no such incident.
    """
    incident = stores.incidents.find(incident_id)
    if incident is None:
        raise NotFound("There is no such incident.")
    return incident


def view_of(stores: Stores, incident: Incident) -> IncidentView:
    named = incident.payment_intent
    payment = stores.payments.evidence(named) if named else None
    customer, reference = incident.customer, incident.reference
    if payment is not None:
        marked_customer, marked_reference = debt_of(stores, payment)
        customer, reference = marked_customer or customer, marked_reference or reference
    payments = {payment.id: payment} if payment is not None else {}
    attempts: list[Attempt] = []
    if customer is not None and reference is not None:
        attempts = stores.charges.attempts_for(customer, reference)
        payments |= {one.id: one for one in stores.payments.evidence_of_debt(customer, reference)}
    attempts += _others(stores, incident, payment, attempts)
    for attempt in attempts:
        if attempt.payment_intent and attempt.payment_intent not in payments:
            own = stores.payments.evidence(attempt.payment_intent)
            payments |= {own.id: own} if own is not None else {}
    charges = stores.charges.many(
        list({*(attempt.charge_id for attempt in attempts), incident.charge_id or ""})
    )
    refunds = [
        order
        for charge_id in charges
        for order in stores.refunds.of_charge(charge_id)
        if order.payment_intent in payments
    ]
    return IncidentView(
        incident,
        payment,
        tuple(sorted(payments.values(), key=lambda one: (one.created, one.id))),
        tuple(charges.values()),
        tuple(attempts),
        tuple(sorted(refunds, key=lambda order: (order.requested_at, order.id))),
        tuple(stores.incidents.proposals(incident.id)),
        why_not_adopt=why_not_adopt(stores, incident, payment),
        why_not_refund=why_not_refund(incident, payment, refunds)
        or _why_not_the_only_one(incident, payments.values(), attempts),
        why_not_cancel=why_not_cancel(stores, incident, payment),
    )


def _others(
    stores: Stores,
    incident: Incident,
    payment: PaymentEvidence | None,
    attempts: Iterable[Attempt],
) -> list[Attempt]:
    """Attempts of the charge that the marks name, and that of the payment itself, of whatever debt."""
    known = {(one.charge_id, one.number) for one in attempts}
    more = stores.charges.attempts(incident.charge_id) if incident.charge_id else []
    holder = stores.charges.by_payment_intent(payment.id) if payment is not None else None
    every = {(one.charge_id, one.number): one for one in [*more, *filter(None, [holder])]}
    return [one for key, one in every.items() if key not in known]


def why_not_adopt(
    stores: Stores, incident: Incident, payment: PaymentEvidence | None
) -> str | None:
    """Why the ledger cannot take the payment as its debt's own, for staff; None when it can."""
    if incident.kind == PAID_TWICE:
        return "The debt is paid already. Refund one of the payments, or have two people agree that both stand."
    problem = _no_payment(incident, payment)
    if problem is not None or payment is None:
        return problem
    if payment.status not in ("succeeded", "processing"):
        return f"Stripe says of it: {payment.status.replace('_', ' ')}. No money moved that could stand."
    if payment.is_refunded:
        return "It was given back."
    holder = holder_of(stores, payment)
    if holder is not None and any(
        order.state in _UNDER_WAY and order.payment_intent == payment.id
        for order in stores.refunds.of_charge(holder.charge_id)
    ):
        return "A refund of it waits, or is under way. Have that rejected or taken back first."
    if holder is not None and not holder.is_surplus:
        return None
    customer, reference = debt_of(stores, payment)
    if customer is None or reference is None:
        return "Its marks do not say what it was for. Refund it, or have two people agree that it stays as it is."
    other = stores.charges.live_attempt(customer, reference)
    if other is not None and other.payment_intent != payment.id:
        named = f" ({other.payment_intent})" if other.payment_intent else ""
        return f"Another payment of {reference} is in the ledger, or on its way{named}. One of the two goes back."
    return None


def why_not_refund(
    incident: Incident, payment: PaymentEvidence | None, refunds: Iterable[RefundOrder]
) -> str | None:
    problem = _no_payment(incident, payment)
    if problem is not None or payment is None:
        return problem
    if any(order.state in _UNDER_WAY for order in refunds):
        return "A refund waits already, or is under way."
    if incident.kind == PAID_TWICE:
        return None
    if not payment.is_paid:
        return f"Stripe says of it: {payment.status.replace('_', ' ')}. Nothing was paid that could be given back."
    if payment.is_refunded:
        return "It was given back."
    return None


def _why_not_the_only_one(
    incident: Incident, payments: Iterable[PaymentEvidence], attempts: Iterable[Attempt]
) -> str | None:
    """A try that was given up was paid, and the next one perhaps was not: given back, the debt would have no payment."""
    standing = sum(one.is_paid and not one.is_refunded for one in payments)
    if incident.kind != PAID_TWICE or standing > 1:
        return None
    if any(one.is_open for one in attempts):
        return "Only one payment of this debt is known to be paid, and Onfile still finds out what became of the other try. Look again once that is known."
    return "Only one payment of this debt was made in the end. Have two people agree that it stays as it is."


def why_not_cancel(
    stores: Stores, incident: Incident, payment: PaymentEvidence | None
) -> str | None:
    problem = _no_payment(incident, payment)
    if problem is not None or payment is None:
        return problem
    if not payment.is_cancellable:
        return f"Stripe says of it: {payment.status.replace('_', ' ')}. Only an open payment can be cancelled."
    holder = holder_of(stores, payment)
    if holder is not None:
        return "It is a try of this ledger, which finds out by itself how it ends."
    return None


def _no_payment(incident: Incident, payment: PaymentEvidence | None) -> str | None:
    if incident.kind not in _OF_PAYMENTS:
        return "It is about no payment."
    if payment is None:
        return "Onfile has not read this payment. Read everything on Sync health, then look again."
    if payment.customer is None:
        return "It belongs to no customer at Stripe, so Onfile cannot touch it. Look at it in the Stripe Dashboard, then have two people agree."
    return None
