"""
Ends payments that are open at Stripe and keep a debt from being charged, with a reason: of a try whose outcome is
unknown, and of nobody's try here, such as one that was begun in the Dashboard.
"""

from __future__ import annotations

import json

from lib.clock import Clock, epoch, epoch_ms
from lib.domain.actors import Actor, Permission
from lib.domain.admit import PaymentAtStripe
from lib.domain.charges import Attempt, Evidence, Outcome
from lib.domain.identity import readable
from lib.domain.incidents import PaymentEvidence
from lib.domain.mirror import PaymentIntent
from lib.domain.payment_statuses import CANCELLABLE_STATUSES
from lib.errors import Busy, Missing, NotFound, OutcomeUnknown, Refused, StaleState
from lib.services.charges.resolve import ChargeResolver
from lib.services.continuity.completeness import Completeness
from lib.services.mirror.apply import record_payment_intents
from lib.store.stores import Stores
from lib.store.unit_of_work import UnitOfWork
from lib.stripe_gateway.gateway import StripeGateway

_SETTLED = "The outcome of this charge is known by now. Reload to see it."
_LONGEST = 500


class OpenPayments:
    def __init__(
        self,
        uow: UnitOfWork,
        gateway: StripeGateway,
        resolver: ChargeResolver,
        completeness: Completeness,
        *,
        clock: Clock,
    ) -> None:
        self._uow = uow
        self._gateway = gateway
        self._resolver = resolver
        self._completeness = completeness
        self._clock = clock

    def cancel(self, charge_id: str, *, reason: str, by: Actor) -> None:
        """
        Cancel the payment at Stripe of a try whose outcome is unknown, as a payment there is open: held and
        not captured, not confirmed, waiting for the customer.

        Raises:
            InvalidInput: no reason.
            StaleState: its outcome is known, Stripe has no open payment of it, or it ended another way.
            LedgerBehind: this file is older than what was done.
            Busy: Stripe did not close it; nothing was charged.
            GatewayError: Stripe could not be asked.
        """
        by.must(Permission.CHARGE)
        by.must_be_asked()
        needed = "Say why: it stays with the charge."
        note = readable(reason, what="reason", field="reason", needed=needed)[:_LONGEST]
        self._completeness.verify()
        self._resolver.resolve(charge_id, by=by)
        with self._uow.read() as stores:
            attempt = _unknown(stores, charge_id)
        payment = self._open_payment(attempt)
        # Before it is asked for, like everything that changes something at Stripe.
        with self._uow.write() as stores:
            _unknown(stores, charge_id)
            _note(stores, attempt, payment, note, by=by.username, at=epoch(self._clock()))
        self._end(payment)
        # One whose marks were taken off in the Dashboard is known by its key.
        self._resolver.resolve(charge_id, by=by)

    def of_nobody(self, customer: str) -> list[PaymentAtStripe]:
        """As the mirror has them: open payments that name a debt of this customer, and are no try of this ledger."""
        with self._uow.read() as stores:
            debts = stores.preflight.exact_debts([customer]).at_stripe.values()
            return [
                payment
                for payment in debts
                if payment.is_open and not _is_a_try(stores, stores.payments.evidence(payment.id))
            ]

    def cancel_of_nobody(self, payment: str, *, reason: str, by: Actor) -> PaymentIntent:
        """
        Cancel an open payment that names a customer's debt and that this ledger did not make. Any other, of a
        shop say, is none of ours to end.

        Raises:
            InvalidInput: no reason.
            NotFound: Stripe has no such payment.
            StaleState: it is a try of a charge here, names no debt, or is not open (any more).
            LedgerBehind: this file is older than what was done, so whose it is cannot be told.
            Busy: Stripe did not close it; nothing was charged.
            GatewayError: Stripe could not be asked.
        """
        by.must(Permission.CHARGE)
        needed = "Say why: it stays in the audit log."
        note = readable(reason, what="reason", field="reason", needed=needed)[:_LONGEST]
        self._completeness.verify()
        asked_at_ms = epoch_ms(self._clock())
        try:
            intent = self._gateway.retrieve_payment_intent(payment)
        except Missing as error:
            raise NotFound("Stripe has no such payment.") from error
        self._record(intent, asked_at_ms)
        with self._uow.write() as stores:
            refusal = _why_not_nobodys(stores, intent)
            if refusal is not None:
                raise StaleState(refusal)
            stores.audit.record(
                at=epoch(self._clock()),
                actor=by.username,
                action="payment.cancel",
                subject=intent.id,
                detail={
                    "customer": intent.customer,
                    "reference": intent.reference,
                    "amount": intent.amount,
                    "currency": intent.currency,
                    "note": note,
                },
            )
        return self._end(intent.id)

    def _end(self, payment: str) -> PaymentIntent:
        """
        Raises:
            StaleState, Busy: it was not cancelled.
            GatewayError: Stripe could not be asked.
        """
        asked_at_ms = epoch_ms(self._clock())
        unanswered: OutcomeUnknown | None = None
        try:
            ended = self._gateway.cancel_payment_intent(
                payment, idempotency_key=f"onfile:cancel:{payment}"
            )
        except OutcomeUnknown as error:
            unanswered = error
            ended = self._gateway.retrieve_payment_intent(payment)
        except Refused:
            ended = self._gateway.retrieve_payment_intent(payment)
        self._record(ended, asked_at_ms)
        if ended.status == "canceled":
            return ended
        if unanswered is not None:
            raise Busy(
                "Stripe did not close the payment. Nothing was charged; try again in a minute.",
                http_status=unanswered.http_status,
                request_id=unanswered.request_id,
            ) from unanswered
        raise StaleState(
            f"Stripe did not cancel it: it is {ended.status.replace('_', ' ')} by now. Reload to see what may be done."
        )

    def _open_payment(self, attempt: Attempt) -> str:
        """Its id; the look that was just made asked for it."""
        seen = json.loads(attempt.last_look or "{}")
        if seen.get("status") not in CANCELLABLE_STATUSES:
            raise StaleState("Stripe has no open payment of this charge that could be cancelled.")
        return str(seen["payment_intent"])

    def _record(self, intent: PaymentIntent, asked_at_ms: int) -> None:
        with self._uow.write() as stores:
            record_payment_intents(
                stores,
                [intent],
                synced_at_ms=asked_at_ms,
                evidence=Evidence.PAYMENT_INTENT.value,
            )


def _why_not_nobodys(stores: Stores, intent: PaymentIntent) -> str | None:
    """Of a payment as Stripe has just shown it."""
    if intent.customer is None or intent.reference is None:
        return "This payment names no debt of a customer: it is another program's to end, in the Stripe Dashboard."
    if _is_a_try(stores, intent):
        return "It is a try of a charge here. Cancel that charge, or its open payment, there."
    if intent.status not in CANCELLABLE_STATUSES:
        return f"Stripe says of it: {intent.status.replace('_', ' ')}. Only an open payment can be cancelled."
    return None


def _is_a_try(stores: Stores, payment: PaymentIntent | PaymentEvidence | None) -> bool:
    """Of a charge here: the ledger has it as one, or waits to hear of the try whose marks it carries."""
    if payment is None:
        return False
    marked = stores.charges.attempt(payment.charge_id or "", payment.attempt or 0)
    is_awaited = marked is not None and marked.is_open
    return is_awaited or stores.charges.by_payment_intent(payment.id) is not None


def _unknown(stores: Stores, charge_id: str) -> Attempt:
    if stores.charges.find(charge_id) is None:
        raise NotFound("There is no such charge.")
    attempts = stores.charges.attempts(charge_id)
    if not attempts or attempts[-1].outcome is not Outcome.UNKNOWN:
        raise StaleState(_SETTLED)
    return attempts[-1]


def _note(stores: Stores, attempt: Attempt, payment: str, note: str, *, by: str, at: int) -> None:
    detail: dict[str, object] = {"payment_intent": payment, "note": note}
    stores.charges.note(
        attempt.charge_id,
        attempt=attempt.number,
        at=at,
        actor=by,
        kind="cancel_payment",
        detail=detail,
    )
    stores.audit.record(
        at=at,
        actor=by,
        action="charge.cancel_payment",
        subject=attempt.charge_id,
        detail=detail,
    )
