"""Phases 2 and 3 of a refund: ask Stripe exactly what its row says, once, and write down the answer."""

from __future__ import annotations

import json
import logging
import sqlite3
from functools import partial

import stamina

from lib.clock import Clock, epoch, epoch_ms
from lib.domain.charges import SAME_KEY_SECONDS
from lib.domain.mirror import Refund, StripeCharge
from lib.domain.refunds import RefundOrder, RefundState
from lib.errors import Busy, GatewayError, Misconfigured, OutcomeUnknown, Refused
from lib.services.ledger import refunds as ledger
from lib.services.mirror.apply import record_payment_intents, record_payments
from lib.store.unit_of_work import Stores, UnitOfWork
from lib.stripe_gateway.gateway import StripeGateway

logger = logging.getLogger(__name__)


class _GivenUp(Exception):
    """The order must not be sent any more; `state` is what can be said of it."""

    def __init__(self, state: RefundState) -> None:
        super().__init__(state.value)
        self.state = state


class RefundSender:
    def __init__(self, uow: UnitOfWork, gateway: StripeGateway, *, clock: Clock) -> None:
        self._uow = uow
        self._gateway = gateway
        self._clock = clock

    def send(self, order: RefundOrder) -> RefundOrder:
        """
        Phases 2 and 3 of an approved order; returns it in whatever state it reached.

        Raises:
            OutcomeUnknown: it was sent, and the answer could not be written down.
        """
        asked_at_ms = epoch_ms(self._clock())
        answer, refund = self.ask(order)
        try:
            # Around phase 3 only: what is sent is never sent again because a database is busy.
            for again in stamina.retry_context(
                on=sqlite3.OperationalError, attempts=5, timeout=30, wait_initial=0.2, wait_max=3.0
            ):
                with again, self._uow.write() as stores:
                    self._record_reply(stores, order, answer, refund, asked_at_ms=asked_at_ms)
        except sqlite3.Error as error:
            raise OutcomeUnknown(
                "Stripe was asked, but its answer could not be written down. Onfile finds out by itself; do not refund this in another way."
            ) from error
        self.refresh(order)
        with self._uow.read() as stores:
            return ledger.find_order(stores, order.id)

    def _record_reply(
        self,
        stores: Stores,
        order: RefundOrder,
        answer: ledger.RefundResult,
        refund: Refund | None,
        *,
        asked_at_ms: int,
    ) -> None:
        current = ledger.find_order(stores, order.id)
        if current.state is RefundState.SENDING or refund is not None:
            ledger.record(stores, current, answer, at=epoch(self._clock()))
        # Otherwise this took so long that it was settled meanwhile, and a refusal of our own
        # request no longer says that nothing was executed.
        if refund is not None:
            record_payments(stores, "refunds", [refund], synced_at_ms=asked_at_ms)

    def ask(self, order: RefundOrder) -> tuple[ledger.RefundResult, Refund | None]:
        """Send exactly what the row says, under its key; safe to repeat while the key is young."""
        params = json.loads(order.params or "{}")
        key = order.idempotency_key or ""
        try:
            for again in stamina.retry_context(
                on=Busy, attempts=4, timeout=15, wait_initial=0.5, wait_max=4.0
            ):
                with again:
                    refund = self._gateway.create_refund(
                        params, idempotency_key=key, last_look=partial(self._last_look, order)
                    )
        except _GivenUp as given_up:
            return ledger.RefundResult(given_up.state), None
        except GatewayError as error:
            return _answer_of(error), None
        return ledger.result_of(refund), refund

    def _last_look(self, order: RefundOrder) -> None:
        """
        Raises:
            _GivenUp: the key may be too old, or others concluded that nothing was executed.
        """
        with self._uow.read() as stores:
            state = ledger.find_order(stores, order.id).state
        if state not in ledger.UNRESOLVED:
            raise _GivenUp(RefundState.UNKNOWN)
        if epoch(self._clock()) - (order.decided_at or 0) >= SAME_KEY_SECONDS:
            # Whoever takes an order over writes that down first, so it was never sent by anybody.
            is_ours_alone = state is RefundState.SENDING
            raise _GivenUp(RefundState.NOT_EXECUTED if is_ours_alone else RefundState.UNKNOWN)

    def refresh(self, order: RefundOrder) -> None:
        """So that pages show at once how much of the payment is left; a sync brings it anyway."""
        try:
            self.look_at_charge(order.payment_intent)
        except GatewayError:
            logger.info("payment %s could not be read again", order.payment_intent, exc_info=True)

    def look_at_charge(self, intent_id: str) -> StripeCharge:
        """
        How the payment stands at Stripe now; the mirror learns it, too.

        Raises:
            GatewayError: Stripe could not be asked.
        """
        asked_at_ms = epoch_ms(self._clock())
        intent = self._gateway.retrieve_payment_intent(intent_id)
        with self._uow.write() as stores:
            record_payment_intents(
                stores, [intent], synced_at_ms=asked_at_ms, evidence="payment_intent"
            )
        if intent.charge is None:
            raise OutcomeUnknown("Stripe does not say what was paid.")
        return intent.charge


def _answer_of(error: GatewayError) -> ledger.RefundResult:
    """What an error says about the *first* sending of a refund."""
    match error:
        case Refused():
            state = RefundState.REFUSED
        case Misconfigured() | Busy():
            state = RefundState.NOT_EXECUTED
        case _:
            # Declined (402) is not documented for refunds: somebody has to look.
            state = RefundState.UNKNOWN
    return ledger.RefundResult(
        state,
        code=error.stripe_code or error.code,
        message=str(error),
        request_id=error.request_id,
    )
