"""The request for one refund order, what Stripe's answer means, and how it is recorded."""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Callable
from dataclasses import replace

from lib.clock import Clock, epoch, epoch_ms
from lib.domain.mirror import Dispute, Refund, StripeCharge
from lib.domain.refunds import UNSETTLED_STATES, RefundOrder, RefundState
from lib.errors import Busy, GatewayError, Misconfigured, OutcomeUnknown, Refused
from lib.services.ledger.refunds import (
    RefundResult,
    find_order,
    is_refund_of,
    record_refund,
    result_of,
)
from lib.services.ledger.send_and_record import SendAndRecord, SendState
from lib.services.ledger.unexpected import note_other_refund
from lib.services.mirror.apply import record_payment_intents, record_payments
from lib.store.stores import Stores
from lib.store.unit_of_work import UnitOfWork
from lib.stripe_gateway.gateway import StripeGateway

logger = logging.getLogger(__name__)


class RefundSender(SendAndRecord[RefundOrder, RefundResult, Refund]):
    def __init__(self, uow: UnitOfWork, gateway: StripeGateway, *, clock: Clock) -> None:
        super().__init__(uow, clock=clock)
        self._gateway = gateway

    def refund(self, order: RefundOrder) -> RefundOrder:
        """
        Phases 2 and 3 of an approved order; returns it in whatever state it reached.

        Raises:
            OutcomeUnknown: it was sent, and the answer could not be written down.
        """
        try:
            self.send(order)
        except sqlite3.Error as error:
            raise OutcomeUnknown(
                "Stripe was asked, but its answer could not be written down. Onfile finds out by itself; do not refund this in another way."
            ) from error
        self.refresh(order)
        with self._uow.read() as stores:
            return find_order(stores, order.id)

    @property
    def stripe_time(self) -> int | None:
        """Stripe's clock at its last answer."""
        return self._gateway.answered_at

    def _state(self, row: RefundOrder) -> SendState:
        with self._uow.read() as stores:
            state = find_order(stores, row.id).state
        return SendState(
            is_open=state in UNSETTLED_STATES,
            is_untouched=state is RefundState.SENDING,
            requested_at=row.decided_at or 0,
        )

    def _request(self, row: RefundOrder, last_look: Callable[[], None]) -> Refund:
        return self._gateway.create_refund(
            json.loads(row.params or "{}"),
            idempotency_key=row.idempotency_key or "",
            last_look=last_look,
        )

    def _result_of(self, row: RefundOrder, made: Refund) -> RefundResult:
        if not is_refund_of(made, row):
            return RefundResult(RefundState.UNKNOWN, http_status=200)
        return replace(result_of(made), http_status=200)

    def _result_of_error(self, error: GatewayError) -> RefundResult:
        match error:
            case Refused():
                state = RefundState.REFUSED
            case Misconfigured() | Busy():
                state = RefundState.NOT_EXECUTED
            case _:
                # Declined (402) is not documented for refunds: somebody has to look.
                state = RefundState.UNKNOWN
        return RefundResult(
            state,
            code=error.stripe_code or error.code,
            message=str(error),
            request_id=error.request_id,
            http_status=error.http_status,
            is_replayed=error.is_replayed,
        )

    def _result_of_none(self, *, was_never_sent: bool) -> RefundResult:
        return RefundResult(RefundState.NOT_EXECUTED if was_never_sent else RefundState.UNKNOWN)

    def record(
        self,
        stores: Stores,
        row: RefundOrder,
        result: RefundResult,
        made: Refund | None,
        *,
        asked_at_ms: int,
    ) -> None:
        current = find_order(stores, row.id)
        if current.state is RefundState.SENDING or result.was_executed:
            record_refund(stores, current, result, at=epoch(self._clock()))
        # Otherwise this took so long that it was resolved meanwhile, and a refusal of our own
        # request no longer says that nothing was executed.
        if made is not None and not is_refund_of(made, row):
            note_other_refund(stores, row, made, at=epoch(self._clock()))
        if made is not None:
            record_payments(stores, "refunds", [made], synced_at_ms=asked_at_ms)

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

    def look_at_disputes(self, intent_id: str) -> list[Dispute]:
        """
        Every dispute of a payment as it stands at Stripe now; the mirror learns it, too.

        Raises:
            GatewayError: Stripe could not be asked.
        """
        asked_at_ms = epoch_ms(self._clock())
        disputes = self._gateway.list_disputes(intent_id).items
        with self._uow.write() as stores:
            record_payments(stores, "disputes", disputes, synced_at_ms=asked_at_ms)
        return list(disputes)


def params_of(order: RefundOrder, installation: str) -> dict[str, object]:
    """Exactly what is sent for an order, whenever it is."""
    return {
        "payment_intent": order.payment_intent,
        "amount": order.amount,
        "reason": order.reason,
        "metadata": {
            "onfile_refund_id": order.id,
            "onfile_charge_id": order.charge_id,
            "onfile_installation": installation,
        },
        # Named so that it is in the mirror with its customer.
        "expand": ["charge"],
    }
