"""The ways to settle an incident's payment: the ledger adopts it, it is refunded, or it is cancelled."""

from __future__ import annotations

from lib.clock import Clock, epoch, epoch_ms
from lib.domain.actors import Actor, Permission
from lib.domain.charges import Evidence
from lib.domain.identity import readable
from lib.domain.incidents import CONFLICT, Incident, PaymentEvidence, Resolution
from lib.domain.mirror import PaymentIntent
from lib.domain.refunds import RefundOrder
from lib.errors import (
    InvalidInput,
    LedgerBehind,
    Missing,
    OutcomeUnknown,
    Refused,
    StaleState,
)
from lib.money import Money
from lib.services.incidents.view import IncidentView, incident_of, view_of, why_not_adopt
from lib.services.ledger.adoption import holder_of, take_up
from lib.services.ledger.incidents import close, note_incident
from lib.services.mirror.apply import record_payment_intents
from lib.services.refunds.request import RefundRequests
from lib.store.meta import BEHIND
from lib.store.stores import Stores
from lib.store.unit_of_work import UnitOfWork
from lib.stripe_gateway.gateway import StripeGateway

_LONGEST_NOTE = 500


class IncidentPayments:
    def __init__(
        self,
        uow: UnitOfWork,
        gateway: StripeGateway,
        refunds: RefundRequests,
        *,
        clock: Clock,
        livemode: bool,
    ) -> None:
        self._uow = uow
        self._gateway = gateway
        self._refunds = refunds
        self._clock = clock
        self._livemode = livemode

    def adopt(self, incident_id: str, *, reason: str, by: Actor) -> Incident:
        """
        The payment stands: the ledger takes it as its debt's own, and the incident is closed.

        Raises:
            InvalidInput: no reason; or a conflict, which two people settle.
            StaleState: settled already, or the ledger cannot take it.
            GatewayError: Stripe could not be asked how the payment stands.
        """
        by.must(Permission.CHARGE)
        by.must_be_asked()
        note = checked_reason(reason)
        with self._uow.read() as stores:
            incident = open_one(stores, incident_id)
        if incident.kind == CONFLICT:
            raise InvalidInput(
                "Two people settle a conflict: propose that the payment stands, and somebody else agrees.",
                code="needs_two_people",
            )
        self.look(incident)
        now = epoch(self._clock())
        with self._uow.write() as stores:
            incident = open_one(stores, incident_id)
            adopt_payment(stores, incident, by=by.username, at=now, livemode=self._livemode)
            close(stores, incident, Resolution.ADOPTED, by=by.username, note=note, at=now)
            return incident_of(stores, incident_id)

    def refund(
        self,
        incident_id: str,
        *,
        note: str,
        by: Actor,
        reason: str | None = None,
        payment_intent: str | None = None,
    ) -> RefundOrder:
        """
        Ask for all of the payment back. Somebody else approves it like any refund, and the incident is
        closed once Stripe says that the money went back.

        The ledger takes the payment up first, as a charge of its own where the debt's is another one.

        Args:
            reason: one of Stripe's (lib/domain/refunds.py); None for what fits the incident.
            payment_intent: which one, where a debt was paid twice.

        Raises:
            InvalidInput: no note, or not one of the payments.
            StaleState: settled already, nothing to give back, or a refund is under way.
            GatewayError: Stripe could not be asked how the payment stands.
        """
        by.must(Permission.CHARGE)
        by.must_be_asked()
        why = checked_reason(note)
        with self._uow.read() as stores:
            incident = open_one(stores, incident_id)
        self.look(incident, payment_intent)
        now = epoch(self._clock())
        with self._uow.write() as stores:
            incident = open_one(stores, incident_id)
            payment = _to_refund(view_of(stores, incident), payment_intent)
            is_new = holder_of(stores, payment) is None
            attempt = take_up(stores, payment, by=by.username, at=now, livemode=self._livemode)
            if is_new:
                note_incident(
                    stores,
                    incident,
                    "taken_up",
                    by=by.username,
                    at=now,
                    payment_intent=payment.id,
                    charge=attempt.charge_id,
                    note=why,
                )
        order = self._refunds.request(
            attempt.charge_id,
            money=Money(payment.amount - payment.refunded, payment.currency),
            reason=reason or incident.refund_reason,
            note=why,
            by=by,
            attempt=attempt.number,
        )
        with self._uow.write() as stores:
            note_incident(
                stores,
                incident,
                "refund_requested",
                by=by.username,
                at=now,
                refund=order.id,
                payment_intent=payment.id,
                note=why,
            )
        return order

    def cancel(self, incident_id: str, *, reason: str, by: Actor) -> Incident:
        """
        Cancel a payment at Stripe that is open and no try of this ledger.

        Raises:
            InvalidInput: no reason.
            StaleState: settled already, not open, or ours; or Stripe did not cancel it.
            GatewayError: Stripe could not be asked.
        """
        by.must(Permission.CHARGE)
        by.must_be_asked()
        note = checked_reason(reason)
        with self._uow.read() as stores:
            incident = open_one(stores, incident_id)
        self.look(incident)
        now = epoch(self._clock())
        with self._uow.write() as stores:
            incident = open_one(stores, incident_id)
            view = view_of(stores, incident)
            if view.why_not_cancel is not None or view.payment is None:
                raise StaleState(view.why_not_cancel or "There is no such payment.")
            # Before it is asked for, like everything that changes something at Stripe.
            note_incident(
                stores,
                incident,
                "cancel_payment",
                by=by.username,
                at=now,
                payment_intent=view.payment.id,
                note=note,
            )
        asked_at_ms = epoch_ms(self._clock())
        intent = self._cancel(view.payment.id)
        with self._uow.write() as stores:
            if intent.status == "canceled":
                close(stores, incident, Resolution.CANCELLED, by=by.username, note=note, at=now)
            record_payment_intents(
                stores,
                [intent],
                synced_at_ms=asked_at_ms,
                evidence=Evidence.PAYMENT_INTENT.value,
            )
        if intent.status != "canceled":
            raise StaleState(
                f"Stripe did not cancel it: it is {intent.status.replace('_', ' ')} by now. Reload to see what may be done."
            )
        with self._uow.read() as stores:
            return incident_of(stores, incident_id)

    def look(self, incident: Incident, payment_intent: str | None = None) -> None:
        """
        Read the incident's payment at Stripe, so that nothing is decided on an old answer.

        Raises:
            LedgerBehind: what the ledger lacks is taken over first.
            StaleState: Stripe has no such payment.
            GatewayError: Stripe could not be asked.
        """
        with self._uow.read() as stores:
            if stores.meta.value(BEHIND) is not None:
                raise LedgerBehind
        named = payment_intent or incident.payment_intent
        if named is None:
            return
        asked_at_ms = epoch_ms(self._clock())
        try:
            intent = self._gateway.retrieve_payment_intent(named)
        except Missing as error:
            raise StaleState(
                f"Stripe has no payment {named}. Have two people agree how this is settled."
            ) from error
        with self._uow.write() as stores:
            record_payment_intents(
                stores,
                [intent],
                synced_at_ms=asked_at_ms,
                evidence=Evidence.PAYMENT_INTENT.value,
            )

    def _cancel(self, payment_intent: str) -> PaymentIntent:
        try:
            return self._gateway.cancel_payment_intent(
                payment_intent, idempotency_key=f"onfile:cancel:{payment_intent}"
            )
        except (OutcomeUnknown, Refused):
            return self._gateway.retrieve_payment_intent(payment_intent)


def checked_reason(text: str) -> str:
    """
    Raises:
        InvalidInput: nothing stands there.
    """
    cleaned = readable(text, what="reason", field="reason")
    if not cleaned:
        raise InvalidInput("Say why: it stays with the incident.", field="reason")
    return cleaned[:_LONGEST_NOTE]


def open_one(stores: Stores, incident_id: str) -> Incident:
    """
    Raises:
        NotFound, StaleState: settled already.
    """
    incident = incident_of(stores, incident_id)
    if not incident.is_open:
        raise StaleState("This incident is settled already. Reload to see how.")
    return incident


def adopt_payment(stores: Stores, incident: Incident, *, by: str, at: int, livemode: bool) -> None:
    """
    Raises:
        StaleState: the ledger cannot take it as its debt's own.
    """
    payment = stores.payments.evidence(incident.payment_intent or "")
    problem = why_not_adopt(stores, incident, payment)
    if problem is not None or payment is None:
        raise StaleState(problem or "There is no such payment.")
    take_up(stores, payment, by=by, at=at, livemode=livemode)


def _to_refund(view: IncidentView, payment_intent: str | None) -> PaymentEvidence:
    if view.why_not_refund is not None:
        raise StaleState(view.why_not_refund)
    named = payment_intent or view.incident.payment_intent
    for payment in view.refundable:
        if payment.id == named:
            return payment
    if payment_intent is not None:
        raise InvalidInput("Choose one of the payments of this incident.", field="payment_intent")
    raise StaleState("Nothing of it can be given back.")
