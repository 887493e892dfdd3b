"""
Finds out what became of refunds whose outcome is not known: by the payment's refunds at Stripe, then by
the same key while Stripe surely still knows it, and never by another key.
"""

from __future__ import annotations

import logging

from lib.clock import Clock, epoch, epoch_ms
from lib.domain.actors import Actor, Permission
from lib.domain.charges import (
    IN_FLIGHT_SECONDS,
    KEY_TAKEN,
    NO_TRACE_SECONDS,
    SAME_KEY_SECONDS,
)
from lib.domain.mirror import Refund
from lib.domain.refunds import UNSETTLED_STATES, RefundOrder, RefundState, state_of
from lib.domain.resolutions import LookResult, Seen, age_of, check_answered
from lib.errors import GatewayError, OutcomeUnknown, RuleViolation
from lib.services.continuity.completeness import Completeness
from lib.services.ledger.refunds import (
    RefundResult,
    apply_refund,
    find_order,
    is_refund_of,
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
        self,
        uow: UnitOfWork,
        gateway: StripeGateway,
        sender: RefundSender,
        completeness: Completeness,
        *,
        clock: Clock,
    ) -> None:
        self._uow = uow
        self._gateway = gateway
        self._sender = sender
        self._completeness = completeness
        self._clock = clock

    def resolve_due(self) -> int:
        """Look at every refund whose next look is due; returns how many are final now."""
        with self._uow.read() as stores:
            due = stores.refunds.due(now=epoch(self._clock()))
        return sum(self.resolve_or_postpone(order) is LookResult.FINAL for order in due)

    def unanswered(self) -> list[RefundOrder]:
        """Whether Stripe executed them is not known, oldest first; without those just sent."""
        sent_before = epoch(self._clock()) - IN_FLIGHT_SECONDS
        with self._uow.read() as stores:
            return stores.refunds.unanswered(sent_before=sent_before)

    def reconcile(self, *, by: Actor) -> tuple[int, int]:
        """Resolve all that can be resolved now: how many are final, and how many still are not known."""
        by.must(Permission.SYNC)
        orders = self.unanswered()
        looks = [self.resolve_or_postpone(order) for order in orders]
        return looks.count(LookResult.FINAL), len(self.unanswered())

    def resolve(self, order_id: str, *, by: Actor) -> LookResult:
        """
        Ask Stripe now what became of a refund.

        Raises:
            StaleState: its sender may still wait for the answer, so Stripe was not asked.
        """
        by.must(Permission.SYNC)
        with self._uow.read() as stores:
            order = find_order(stores, order_id)
        if order.state is RefundState.SENDING:
            check_answered(order.decided_at or 0, epoch(self._clock()))
        return self.resolve_or_postpone(order)

    def age(self, order: RefundOrder) -> int | None:
        """Seconds since it was sent, by Stripe's clock; None where that is not known."""
        stripe_now = self._gateway.answered_at
        return age_of(order.sent_after, order.decided_at or 0, order.outcome_at, stripe_now)

    def resolve_or_postpone(self, order: RefundOrder) -> LookResult:
        """Ask Stripe in every way that is safe now."""
        fresh = self._take(order)
        if fresh is None:
            return LookResult.FINAL
        trace: Seen = {"at": epoch(self._clock())}
        try:
            look = LookResult.FINAL if self._look(fresh, trace) else LookResult.NO_ANSWER
        except GatewayError as error:
            trace["error"] = str(error)
            look = LookResult.NOT_ASKED
        except Exception:
            # One refund that cannot be looked at must not stop the looks at others.
            logger.exception("refund %s cannot be resolved", order.id)
            trace["error"] = "Onfile could not read what Stripe said; its log says more."
            look = LookResult.NO_ANSWER
        if look is LookResult.FINAL:
            return look
        now = epoch(self._clock())
        with self._uow.write() as stores:
            current = find_order(stores, order.id)
            if current.state not in UNSETTLED_STATES:
                return LookResult.FINAL
            stores.refunds.look_again(
                order.id,
                at=next_refund_look(current.state, current.looks, now) or now,
                seen=trace,
            )
        return look

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
        return current if current.state in UNSETTLED_STATES else None

    def _look(self, order: RefundOrder, trace: Seen) -> bool:
        """True when it is final now; `trace` is told what was asked."""
        if order.refund is not None:
            return self._apply(self._gateway.retrieve_refund(order.refund), order)
        refusal: RefundResult | None = None
        # First what Stripe lists, then the key.
        refund, given_back = self._listed(order, trace)
        if refund is not None:
            return self._apply(refund, order)
        trace["stripe_time"] = self._gateway.answered_at
        age = self.age(order)
        if self._may_send_again(order, age, trace):
            answer, refund = self._sender.ask(order)
            trace["same_key"] = answer.http_status or "no answer"
            if refund is not None:
                return self._apply(refund, order)
            if answer.was_executed and answer.state is RefundState.REFUSED:
                return self._conclude(order, answer)
            refusal = answer if answer.state is RefundState.REFUSED else None
            refund, given_back = self._listed(order, trace)
            if refund is not None:
                return self._apply(refund, order)
        if age is None or self._is_more_given_back(order, given_back, trace):
            return False
        if refusal is not None and age >= _LISTED_SECONDS:
            return self._conclude(order, refusal)
        if age >= NO_TRACE_SECONDS:
            return self._conclude(order, RefundResult(RefundState.NOT_EXECUTED))
        return False

    def _is_more_given_back(self, order: RefundOrder, listed: int, trace: Seen) -> bool:
        """
        Whether the payment itself, which is read by its id, says that more went back than the refunds that
        Stripe lists: ours may be the one that is not listed yet.
        """
        paid = self._sender.look_at_charge(order.payment_intent)
        trace["given_back"], trace["listed"] = paid.amount_refunded, listed
        return paid.amount_refunded > listed

    def _may_send_again(self, order: RefundOrder, age: int | None, trace: Seen) -> bool:
        """
        Where the first request never arrived, that executes it: not by a ledger that is behind, and not once
        something else was given back.
        """
        if age is None or age >= SAME_KEY_SECONDS or order.code == KEY_TAKEN:
            return False
        try:
            self._completeness.verify()
            self._completeness.must_not_rest()
        except RuleViolation as error:
            trace["not_sent"] = str(error)
            return False
        paid = self._sender.look_at_charge(order.payment_intent)
        is_enough_left = paid.amount - paid.amount_refunded >= order.amount
        # Where less is left Stripe cannot execute it, and only says what it said before.
        if is_enough_left and paid.amount_refunded != order.refunded_before:
            trace["not_sent"] = "Something else was given back of this charge since it was decided."
            return False
        return True

    def _listed(self, order: RefundOrder, trace: Seen) -> tuple[Refund | None, int]:
        """The order's refund, or None and what all of the payment's that Stripe lists gave back, in minor units."""
        after: str | None = None
        given_back = 0
        while True:
            page = self._gateway.list_refunds(order.payment_intent, after=after)
            for refund in page.items:
                # Metadata may be copied by hand, to a refund of another sum.
                if refund.order_id == order.id and is_refund_of(refund, order):
                    return refund, given_back
                if state_of(refund) is not RefundState.FAILED:
                    given_back += refund.amount
            if not page.has_more:
                trace["refunds"] = "none"
                return None, given_back
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
        return current.state not in UNSETTLED_STATES

    def _conclude(self, order: RefundOrder, answer: RefundResult) -> bool:
        with self._uow.write() as stores:
            record_refund(stores, find_order(stores, order.id), answer, at=epoch(self._clock()))
        return True
