"""Ends the PaymentIntents of tries that failed, before the same debt is tried again or given up."""

from __future__ import annotations

from collections.abc import Sequence

from lib.clock import Clock, epoch_ms
from lib.domain.charges import Attempt, Evidence, Outcome, outcome_of
from lib.errors import AlreadyCharged, Busy, OutcomeUnknown, Refused, StaleState
from lib.services.mirror.apply import record_payment_intents
from lib.store.unit_of_work import UnitOfWork
from lib.stripe_gateway.gateway import StripeGateway


class IntentCanceller:
    def __init__(self, uow: UnitOfWork, gateway: StripeGateway, *, clock: Clock) -> None:
        self._uow = uow
        self._gateway = gateway
        self._clock = clock

    def cancel_tries(self, charge_id: str, attempts: Sequence[Attempt]) -> None:
        """
        Cancel the failed try's PaymentIntent, so that nobody can still confirm it, and any that Stripe showed late.

        This is also the last look before the money moves: an intent that was paid in the
        meantime, in the Stripe Dashboard say, cannot be cancelled.

        Raises:
            AlreadyCharged: one was paid.
            StaleState: one can still be confirmed.
            Busy: Stripe did not answer, and one can still be confirmed.
            GatewayError: Stripe could not be asked.
        """
        for intent_id in self._to_cancel(charge_id, attempts):
            self._cancel(charge_id, intent_id)

    def _to_cancel(self, charge_id: str, attempts: Sequence[Attempt]) -> list[str]:
        """Of the newest try whatever the mirror says of it; others that are open by it."""
        if not attempts:
            return []
        last, made = attempts[-1].payment_intent, {one.payment_intent for one in attempts}
        with self._uow.read() as stores:
            charge = stores.charges.find(charge_id)
            debt = (
                stores.payments.evidence_of_debt(charge.customer, charge.reference)
                if charge is not None
                else []
            )
        earlier = [
            payment.id
            for payment in debt
            if payment.is_cancellable
            and payment.id != last
            and (payment.charge_id == charge_id or payment.id in made)
        ]
        return earlier if last is None else [*earlier, last]

    def _cancel(self, charge_id: str, intent_id: str) -> None:
        asked_at_ms = epoch_ms(self._clock())
        unanswered: OutcomeUnknown | None = None
        try:
            intent = self._gateway.cancel_payment_intent(
                intent_id, idempotency_key=f"onfile:cancel:{intent_id}"
            )
        except OutcomeUnknown as error:
            unanswered = error
            intent = self._gateway.retrieve_payment_intent(intent_id)
        except Refused:
            intent = self._gateway.retrieve_payment_intent(intent_id)
        with self._uow.write() as stores:
            record_payment_intents(
                stores,
                [intent],
                synced_at_ms=asked_at_ms,
                evidence=Evidence.PAYMENT_INTENT.value,
            )
        if outcome_of(intent) in (Outcome.SUCCEEDED, Outcome.PROCESSING):
            raise AlreadyCharged(
                "This was paid in the meantime; nothing was charged now.",
                charge_id=charge_id,
            )
        if intent.status != "canceled" and unanswered is not None:
            # It passes by itself, unlike a refusal: what waits for this waits on.
            raise Busy(
                "Stripe did not close the earlier payment of this reference. Nothing was charged; try again in a minute.",
                http_status=unanswered.http_status,
                request_id=unanswered.request_id,
            ) from unanswered
        if intent.status != "canceled":
            raise StaleState(
                "The earlier payment at Stripe is still open. Look at it in Stripe, then try again."
            )
