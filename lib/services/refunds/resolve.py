"""
Finds out what became of refunds whose outcome is not known: by the payment's refunds at Stripe, then by
the same key while Stripe surely still knows it, and never by another key.
"""

from __future__ import annotations

import logging

from lib.clock import Clock, epoch, epoch_ms
from lib.domain.actors import Actor, Permission
from lib.domain.charges import IN_FLIGHT_SECONDS, NO_TRACE_SECONDS, SAME_KEY_SECONDS
from lib.domain.mirror import Refund
from lib.domain.refunds import RefundOrder, RefundState
from lib.errors import GatewayError, OutcomeUnknown
from lib.services.ledger.refunds import (
    UNRESOLVED,
    RefundResult,
    apply_refund,
    find_order,
    next_refund_look,
    record_refund,
)
from lib.services.refunds.send import RefundSender
from lib.store.unit_of_work import UnitOfWork
from lib.stripe_gateway.gateway import StripeGateway

logger = logging.getLogger(__name__)

# A refund made this long ago is surely in Stripe's lists.
_LISTED_SECONDS = 300


class RefundResolver:
    def __init__(
        self, uow: UnitOfWork, gateway: StripeGateway, sender: RefundSender, *, clock: Clock
    ) -> None:
        self._uow = uow
        self._gateway = gateway
        self._sender = sender
        self._clock = clock

    def resolve_due(self) -> int:
        """Look at every refund whose next look is due; returns how many are final now."""
        with self._uow.read() as stores:
            due = stores.refunds.due(now=epoch(self._clock()))
        return sum(self._resolve_or_postpone(order) for order in due)

    def resolve(self, order_id: str, *, by: Actor) -> bool:
        """Ask Stripe now what became of a refund; True when it is final afterwards."""
        by.must(Permission.SYNC)
        with self._uow.read() as stores:
            order = find_order(stores, order_id)
        if order.state not in UNRESOLVED or (
            order.state is RefundState.SENDING
            and epoch(self._clock()) - (order.decided_at or 0) < IN_FLIGHT_SECONDS
        ):
            return False
        return self._resolve_or_postpone(order)

    def _resolve_or_postpone(self, order: RefundOrder) -> bool:
        fresh = self._take(order)
        if fresh is None:
            return True
        try:
            if self._look(fresh):
                return True
        except GatewayError:
            logger.info("refund %s cannot be looked at now", order.id, exc_info=True)
        now = epoch(self._clock())
        with self._uow.write() as stores:
            current = find_order(stores, order.id)
            if current.state not in UNRESOLVED:
                return True
            stores.refunds.look_again(
                order.id, at=next_refund_look(current.state, current.looks, now) or now
            )
        return False

    def _take(self, order: RefundOrder) -> RefundOrder | None:
        """The order as it is now; one whose sender is gone becomes unknown. None when it is final."""
        with self._uow.write() as stores:
            current = find_order(stores, order.id)
            if current.state is RefundState.SENDING:
                record_refund(
                    stores,
                    current,
                    RefundResult(RefundState.UNKNOWN),
                    at=epoch(self._clock()),
                )
                current = find_order(stores, order.id)
        return current if current.state in UNRESOLVED else None

    def _look(self, order: RefundOrder) -> bool:
        """True when it is final now."""
        if order.refund is not None:
            return self._apply(self._gateway.retrieve_refund(order.refund), order)
        age = epoch(self._clock()) - (order.decided_at or 0)
        # A clock that jumped while the request was on its way makes it look a day old at once.
        since = order.outcome_at or epoch(self._clock())
        refusal: RefundResult | None = None
        # First what Stripe lists, then the key, which may be older than a wrong clock made it seem.
        refund = self._listed(order)
        if refund is not None:
            return self._apply(refund, order)
        if 0 <= age < SAME_KEY_SECONDS and order.code != "idempotency_error":
            answer, refund = self._sender.ask(order)
            if refund is not None:
                return self._apply(refund, order)
            refusal = answer if answer.state is RefundState.REFUSED else None
            refund = self._listed(order)
            if refund is not None:
                return self._apply(refund, order)
        if refusal is not None and age >= _LISTED_SECONDS:
            return self._conclude(order, refusal)
        if age >= NO_TRACE_SECONDS and epoch(self._clock()) - since >= _LISTED_SECONDS:
            return self._conclude(order, RefundResult(RefundState.NOT_EXECUTED))
        return False

    def _listed(self, order: RefundOrder) -> Refund | None:
        after: str | None = None
        while True:
            page = self._gateway.list_refunds(order.payment_intent, after=after)
            for refund in page.items:
                if refund.order_id == order.id:
                    return refund
            if not page.has_more:
                return None
            if page.last_id is None:
                raise OutcomeUnknown("Stripe's list cannot be read to its end.")
            after = page.last_id

    def _apply(self, refund: Refund, order: RefundOrder) -> bool:
        asked_at_ms = epoch_ms(self._clock())
        with self._uow.write() as stores:
            stores.payments.save_refunds([refund], synced_at_ms=asked_at_ms)
            apply_refund(stores, refund, at=asked_at_ms // 1000)
            current = find_order(stores, order.id)
        self._sender.refresh(order)
        return current.state not in UNRESOLVED

    def _conclude(self, order: RefundOrder, answer: RefundResult) -> bool:
        with self._uow.write() as stores:
            record_refund(stores, find_order(stores, order.id), answer, at=epoch(self._clock()))
        return True
