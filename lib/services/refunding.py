"""
Gives back what was charged: one person asks, another approves, and Stripe is asked under one key.

The three phases of a charge: the order with its key and exact parameters is committed with the approval;
Stripe is asked once, outside any transaction; the outcome is committed. What gets lost in between
is found out by evidence, and never by another key.
"""

from __future__ import annotations

import json
import logging
import sqlite3
from dataclasses import dataclass

import stamina

from lib.clock import Clock, epoch, epoch_ms
from lib.domain.actors import Actor, Permission
from lib.domain.charges import (
    IN_FLIGHT_SECONDS,
    NO_TRACE_SECONDS,
    SAME_KEY_SECONDS,
    Attempt,
    Charge,
    Outcome,
)
from lib.domain.mirror import Refund, StripeCharge
from lib.domain.refunds import REASONS, RefundOrder, RefundState, idempotency_key
from lib.errors import (
    Busy,
    GatewayError,
    InvalidInput,
    Misconfigured,
    NotFound,
    OutcomeUnknown,
    Refused,
    RuleViolation,
    StaleState,
)
from lib.ids import new_id
from lib.money import Money, format_money
from lib.services import refund_ledger, second_person
from lib.services.mirroring import record_payment_intents, record_payments
from lib.services.users import UserService
from lib.store.unit_of_work import Stores, UnitOfWork
from lib.stripe_gateway.gateway import StripeGateway

logger = logging.getLogger(__name__)

# A refund made this long ago is surely in Stripe's lists.
_LISTED_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Refundable:
    """What could be given back now, as Stripe says."""

    charge: Charge
    attempt: Attempt
    payment_intent: str
    refunded: int
    """Minor units that were given back before, here or in the Stripe Dashboard."""
    left: int
    """Minor units."""


class RefundService:
    def __init__(
        self, uow: UnitOfWork, gateway: StripeGateway, users: UserService, *, clock: Clock
    ) -> None:
        self._uow = uow
        self._gateway = gateway
        self._users = users
        self._clock = clock

    def of_charge(self, charge_id: str) -> list[RefundOrder]:
        """Oldest first."""
        with self._uow.read() as stores:
            return stores.refunds.of_charge(charge_id)

    def to_decide(self) -> list[RefundOrder]:
        """What waits for a second person, oldest first."""
        with self._uow.read() as stores:
            return stores.refunds.to_decide()

    def refundable(self, charge_id: str) -> Refundable:
        """
        Asks Stripe how much of a charge can still be given back.

        Raises:
            NotFound: no such charge.
            StaleState: it was not paid, it is disputed, or all of it was given back.
            GatewayError: Stripe could not be asked.
        """
        with self._uow.read() as stores:
            charge, attempt, intent = _paid(stores, charge_id)
        at_stripe = self._charge_at_stripe(intent)
        left = charge.amount - at_stripe.amount_refunded
        if left <= 0:
            raise StaleState("All of this charge was given back already.")
        return Refundable(charge, attempt, intent, at_stripe.amount_refunded, left)

    def request(
        self, charge_id: str, *, money: Money, reason: str, note: str, by: Actor
    ) -> RefundOrder:
        """
        Ask for a refund of a charge, whole or in part. Nothing moves before somebody else approves.

        Raises:
            InvalidInput: no reason of REASONS, no note, or more than what is left.
            StaleState: another one waits or is under way; or as `refundable`.
        """
        by.must(Permission.CHARGE)
        if reason not in REASONS:
            raise InvalidInput("Choose why the money goes back.", field="reason")
        if not note.strip():
            raise InvalidInput("Say why, for whoever approves it.", field="note")
        found = self.refundable(charge_id)
        if money.currency != found.charge.currency or not 0 < money.amount <= found.left:
            raise InvalidInput(
                f"At most {format_money(found.left, found.charge.currency)} can be given back.",
                field="amount",
                code="refund_amount",
            )
        now = epoch(self._clock())
        order = RefundOrder(
            id=new_id("rfd"), charge_id=charge_id, attempt=found.attempt.number,
            payment_intent=found.payment_intent, amount=money.amount, currency=money.currency,
            reason=reason, note=note.strip()[:500], refunded_before=found.refunded,
            state=RefundState.REQUESTED, requested_by=by.username, requested_at=now,
            decided_by=None, decided_at=None, decision_note=None, idempotency_key=None,
            params=None, looks=0, refund=None, outcome_at=None, code=None, message=None,
            request_id=None,
        )  # fmt: skip
        with self._uow.write() as stores:
            if any(other.is_open for other in stores.refunds.of_charge(charge_id)):
                raise StaleState("A refund of this charge waits already, or is under way.")
            stores.refunds.add(order)
            refund_ledger.note(stores, order, "refund_requested", by=by.username, at=now)
        return order

    def withdraw(self, order_id: str, *, by: Actor) -> RefundOrder:
        """Take a request back before it is decided."""
        by.must(Permission.CHARGE)
        now = epoch(self._clock())
        with self._uow.write() as stores:
            order = _found(stores, order_id)
            if not stores.refunds.close(
                order_id, after=RefundState.WITHDRAWN, by=None, at=now, note=None
            ):
                raise StaleState("This refund was decided already. Reload to see its state.")
            refund_ledger.note(stores, order, "refund_withdrawn", by=by.username, at=now)
            return _found(stores, order_id)

    def reject(self, order_id: str, *, by: Actor, password: str, note: str) -> RefundOrder:
        """Raises like `approve`; a reason is needed."""
        if not note.strip():
            raise InvalidInput("Say why, for whoever asked.", field="note")
        self._users.confirm(by.username, password)
        now = epoch(self._clock())
        with self._uow.write() as stores:
            order = _found(stores, order_id)
            refusal = _why_not(stores, order, by)
            if refusal is not None:
                refund_ledger.refused(stores, order, "reject", str(refusal), by=by.username, at=now)
            else:
                stores.refunds.close(
                    order_id, after=RefundState.REJECTED, by=by.username, at=now,
                    note=note.strip()[:500],
                )  # fmt: skip
                refund_ledger.note(stores, order, "refund_rejected", by=by.username, at=now)
            decided = _found(stores, order_id)
        if refusal is not None:
            raise refusal
        return decided

    def approve(self, order_id: str, *, by: Actor, password: str) -> RefundOrder:
        """
        Agree, and send it. Returns the order in whatever state it reached.

        Raises:
            NotSignedIn: the password is wrong.
            NotPermitted: by whoever asked for it, or by somebody who may not approve (any more).
            StaleState: decided already, or Stripe gave back something else in the meantime.
            OutcomeUnknown: it was sent, and the answer could not be written down.
            GatewayError: Stripe could not be asked how the charge stands; nothing was decided.
        """
        self._users.confirm(by.username, password)
        with self._uow.read() as stores:
            order = _found(stores, order_id)
            refusal = _why_not(stores, order, by)
        at_stripe = None if refusal else self._charge_at_stripe(order.payment_intent)
        now = epoch(self._clock())
        with self._uow.write() as stores:
            order = _found(stores, order_id)
            refusal = _why_not(stores, order, by)
            if (
                refusal is None
                and at_stripe is not None
                and at_stripe.amount_refunded != order.refunded_before
            ):
                refusal = StaleState(
                    "Something was given back of this charge since this was asked for. Reject it, and have it asked for again."
                )
            if refusal is not None:
                refund_ledger.refused(
                    stores, order, "approve", str(refusal), by=by.username, at=now
                )
            else:
                if not stores.refunds.send(
                    order_id, by=by.username, at=now, idempotency_key=idempotency_key(order.id),
                    params=json.dumps(_params(order), sort_keys=True),
                    next_look_at=now + IN_FLIGHT_SECONDS,
                ):  # fmt: skip
                    raise StaleState("This refund was decided already. Reload to see its state.")
                refund_ledger.note(stores, order, "refund_approved", by=by.username, at=now)
            order = _found(stores, order_id)
        if refusal is not None:
            raise refusal
        return self._execute(order)

    def settle_due(self) -> int:
        """Look at every refund whose next look is due; returns how many are final now."""
        with self._uow.read() as stores:
            due = stores.refunds.due(now=epoch(self._clock()))
        return sum(self._settle_or_postpone(order) for order in due)

    def look_now(self, order_id: str, *, by: Actor) -> bool:
        """Ask Stripe now what became of a refund; True when it is final afterwards."""
        by.must(Permission.SYNC)
        with self._uow.read() as stores:
            order = _found(stores, order_id)
        if order.state not in refund_ledger.UNSETTLED or (
            order.state is RefundState.SENDING
            and epoch(self._clock()) - (order.decided_at or 0) < IN_FLIGHT_SECONDS
        ):
            return False
        return self._settle_or_postpone(order)

    def _execute(self, order: RefundOrder) -> RefundOrder:
        """Phases 2 and 3."""
        asked_at_ms = epoch_ms(self._clock())
        answer, refund = self._ask(order)
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
        self._refresh(order)
        with self._uow.read() as stores:
            return _found(stores, order.id)

    def _record_reply(
        self, stores: Stores, order: RefundOrder, answer: refund_ledger.Answer,
        refund: Refund | None, *, asked_at_ms: int,
    ) -> None:  # fmt: skip
        current = _found(stores, order.id)
        if current.state is RefundState.SENDING or refund is not None:
            refund_ledger.record(stores, current, answer, at=epoch(self._clock()))
        # Otherwise this took so long that it was settled meanwhile, and a refusal of our own
        # request no longer says that nothing was executed.
        if refund is not None:
            record_payments(stores, "refunds", [refund], synced_at_ms=asked_at_ms)

    def _ask(self, order: RefundOrder) -> tuple[refund_ledger.Answer, Refund | None]:
        """Send exactly what the row says, under its key; safe to repeat while the key is young."""
        params = json.loads(order.params or "{}")
        key = order.idempotency_key or ""
        try:
            for again in stamina.retry_context(
                on=Busy, attempts=4, timeout=15, wait_initial=0.5, wait_max=4.0
            ):
                with again:
                    if epoch(self._clock()) - (order.decided_at or 0) >= SAME_KEY_SECONDS:
                        return refund_ledger.Answer(RefundState.UNKNOWN), None
                    refund = self._gateway.create_refund(params, idempotency_key=key)
        except GatewayError as error:
            return _answer_of(error), None
        return refund_ledger.answer(refund), refund

    def _settle_or_postpone(self, order: RefundOrder) -> bool:
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
            current = _found(stores, order.id)
            if current.state not in refund_ledger.UNSETTLED:
                return True
            stores.refunds.look_again(
                order.id, at=refund_ledger.next_look(current.state, current.looks, now) or now
            )
        return False

    def _take(self, order: RefundOrder) -> RefundOrder | None:
        """The order as it is now; one whose sender is gone becomes unknown. None when it is final."""
        with self._uow.write() as stores:
            current = _found(stores, order.id)
            if current.state is RefundState.SENDING:
                refund_ledger.record(
                    stores, current, refund_ledger.Answer(RefundState.UNKNOWN),
                    at=epoch(self._clock()),
                )  # fmt: skip
                current = _found(stores, order.id)
        return current if current.state in refund_ledger.UNSETTLED else None

    def _look(self, order: RefundOrder) -> bool:
        """True when it is final now."""
        if order.refund is not None:
            return self._apply(self._gateway.retrieve_refund(order.refund), order)
        age = epoch(self._clock()) - (order.decided_at or 0)
        refused: refund_ledger.Answer | None = None
        if 0 <= age < SAME_KEY_SECONDS and order.code != "idempotency_error":
            answer, refund = self._ask(order)
            if refund is not None:
                return self._apply(refund, order)
            refused = answer if answer.state is RefundState.REFUSED else None
        found = self._listed(order)
        if found is not None:
            return self._apply(found, order)
        if refused is not None and age >= _LISTED_SECONDS:
            return self._conclude(order, refused)
        if age >= NO_TRACE_SECONDS:
            return self._conclude(order, refund_ledger.Answer(RefundState.NOT_EXECUTED))
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
            refund_ledger.apply(stores, refund, at=asked_at_ms // 1000)
            current = _found(stores, order.id)
        self._refresh(order)
        return current.state not in refund_ledger.UNSETTLED

    def _conclude(self, order: RefundOrder, answer: refund_ledger.Answer) -> bool:
        with self._uow.write() as stores:
            refund_ledger.record(stores, _found(stores, order.id), answer, at=epoch(self._clock()))
        return True

    def _refresh(self, order: RefundOrder) -> None:
        """So that pages show at once how much of the payment is left; a sync brings it anyway."""
        try:
            self._charge_at_stripe(order.payment_intent, refuse_disputed=False)
        except GatewayError:
            logger.info("payment %s could not be read again", order.payment_intent, exc_info=True)

    def _charge_at_stripe(self, intent_id: str, *, refuse_disputed: bool = True) -> StripeCharge:
        asked_at_ms = epoch_ms(self._clock())
        intent = self._gateway.retrieve_payment_intent(intent_id)
        with self._uow.write() as stores:
            record_payment_intents(
                stores, [intent], synced_at_ms=asked_at_ms, evidence="payment_intent"
            )
        if intent.charge is None:
            raise OutcomeUnknown("Stripe does not say what was paid.")
        if refuse_disputed and intent.charge.is_disputed:
            raise StaleState(
                "The customer disputed this charge at the bank: it is decided there, and cannot be given back here."
            )
        return intent.charge


def _paid(stores: Stores, charge_id: str) -> tuple[Charge, Attempt, str]:
    charge = stores.charges.find(charge_id)
    if charge is None:
        raise NotFound("There is no such charge.")
    for attempt in stores.charges.attempts(charge_id):
        if attempt.outcome is Outcome.SUCCEEDED and attempt.payment_intent is not None:
            return charge, attempt, attempt.payment_intent
    raise StaleState("Nothing was paid that could be given back.")


def _found(stores: Stores, order_id: str) -> RefundOrder:
    order = stores.refunds.find(order_id)
    if order is None:
        raise NotFound("There is no such refund.")
    return order


def _why_not(stores: Stores, order: RefundOrder, by: Actor) -> RuleViolation | None:
    refusal = second_person.why_not(stores, by, makers={order.requested_by})
    if refusal is not None:
        return refusal
    if order.state is not RefundState.REQUESTED:
        return StaleState("This refund was decided already. Reload to see its state.")
    return None


def _params(order: RefundOrder) -> dict[str, object]:
    return {
        "payment_intent": order.payment_intent,
        "amount": order.amount,
        "reason": order.reason,
        "metadata": {"onfile_refund_id": order.id, "onfile_charge_id": order.charge_id},
        # Named so that it is in the mirror with its customer.
        "expand": ["charge"],
    }


def _answer_of(error: GatewayError) -> refund_ledger.Answer:
    """What an error says about the *first* sending of a refund."""
    match error:
        case Refused():
            state = RefundState.REFUSED
        case Misconfigured() | Busy():
            state = RefundState.NOT_EXECUTED
        case _:
            # Declined (402) is not documented for refunds: somebody has to look.
            state = RefundState.UNKNOWN
    return refund_ledger.Answer(
        state, code=error.stripe_code or error.code, message=str(error),
        request_id=error.request_id,
    )  # fmt: skip
