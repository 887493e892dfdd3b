"""Ends the PaymentIntents of tries that failed, before the same debt is tried again or given up."""

from __future__ import annotations

from collections.abc import Sequence

from lib.clock import Clock, epoch_ms
from lib.domain.charges import Attempt, Evidence, Outcome, outcome_of
from lib.errors import AlreadyCharged, OutcomeUnknown, Refused, StaleState
from lib.services.mirror.apply import record_payment_intents
from lib.store.unit_of_work import UnitOfWork
from lib.stripe_gateway.gateway import StripeGateway


class IntentCanceller:
    def __init__(self, uow: UnitOfWork, gateway: StripeGateway, *, clock: Clock) -> None:
        self._uow = uow
        self._gateway = gateway
        self._clock = clock

    def cancel_last(self, charge_id: str, attempts: Sequence[Attempt]) -> None:
        """
        Cancel the failed try's PaymentIntent, so that nobody can still confirm it.

        This is also the last look before the money moves: an intent that was paid in the
        meantime, in the Stripe Dashboard say, cannot be cancelled.

        Raises:
            AlreadyCharged: it was paid.
            StaleState: it can still be confirmed.
            GatewayError: Stripe could not be asked.
        """
        intent_id = attempts[-1].payment_intent if attempts else None
        if intent_id is None:
            return
        asked_at_ms = epoch_ms(self._clock())
        try:
            intent = self._gateway.cancel_payment_intent(
                intent_id, idempotency_key=f"onfile:cancel:{intent_id}"
            )
        except (OutcomeUnknown, Refused):
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
        if intent.status != "canceled":
            raise StaleState(
                "The earlier payment at Stripe is still open. Look at it in Stripe, then try again."
            )
