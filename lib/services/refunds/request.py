"""
Gives back what was charged: one person asks, another approves, and Stripe is asked under one key.

The three phases of a charge: the order with its key and exact parameters is committed with the approval;
Stripe is asked once, outside any transaction; the outcome is committed. What gets lost in between
is found out by evidence, and never by another key.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from lib.clock import Clock, epoch
from lib.domain.actors import Actor, Permission
from lib.domain.charges import IN_FLIGHT_SECONDS, Attempt, Charge, Outcome
from lib.domain.idempotency_keys import refund_key
from lib.domain.identity import readable
from lib.domain.mirror import Dispute, StripeCharge
from lib.domain.refunds import REASONS, RefundOrder, RefundState
from lib.errors import InvalidInput, LedgerBehind, NotFound, RuleViolation, StaleState
from lib.ids import new_id
from lib.money import Money, format_money
from lib.services.continuity.completeness import Completeness
from lib.services.ledger.file_check import is_behind
from lib.services.ledger.refunds import find_order, note_refund, note_refusal
from lib.services.refunds.send import RefundSender, params_of
from lib.services.staff import dual_approval
from lib.services.staff.users import UserService
from lib.store.meta import INSTALLATION
from lib.store.stores import Stores
from lib.store.unit_of_work import UnitOfWork


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


class RefundRequests:
    def __init__(
        self,
        uow: UnitOfWork,
        users: UserService,
        sender: RefundSender,
        completeness: Completeness,
        *,
        clock: Clock,
    ) -> None:
        self._uow = uow
        self._users = users
        self.sender = sender
        self._completeness = completeness
        self._clock = clock

    def of_charge(self, charge_id: str) -> list[RefundOrder]:
        """Oldest first."""
        with self._uow.read() as stores:
            return stores.refunds.of_charge(charge_id)

    def disputes(self, charge_id: str) -> list[Dispute]:
        """What the mirror knows of disputes of a charge, newest first."""
        with self._uow.read() as stores:
            paid = [a for a in stores.charges.attempts(charge_id) if a.payment_intent is not None]
            return [
                dispute
                for attempt in paid
                for dispute in stores.payments.disputes_of(str(attempt.payment_intent))
            ]

    def to_decide(self) -> list[RefundOrder]:
        """What waits for a second person, oldest first."""
        with self._uow.read() as stores:
            return stores.refunds.to_decide()

    def listing(self, *, by: Actor) -> list[RefundOrder]:
        """All that were ever asked for, newest first."""
        by.must(Permission.VIEW)
        with self._uow.read() as stores:
            return stores.refunds.all()

    def refundable(self, charge_id: str, *, attempt: int | None = None) -> Refundable:
        """
        Asks Stripe how much of a charge can still be given back.

        Args:
            attempt: of which try, where several were paid.

        Raises:
            NotFound: no such charge.
            StaleState: it was not paid, it is disputed, or all of it was given back.
            GatewayError: Stripe could not be asked.
        """
        with self._uow.read() as stores:
            charge, paid, intent = _paid(stores, charge_id, attempt)
        at_stripe = self._payment(intent)
        left = charge.amount - at_stripe.amount_refunded
        if left <= 0:
            raise StaleState("All of this charge was given back already.")
        return Refundable(charge, paid, intent, at_stripe.amount_refunded, left)

    def request(
        self,
        charge_id: str,
        *,
        money: Money,
        reason: str,
        note: str,
        by: Actor,
        attempt: int | None = None,
    ) -> RefundOrder:
        """
        Ask for a refund of a charge, whole or in part. Nothing moves before somebody else approves.

        Args:
            attempt: of which try, where several were paid.

        Raises:
            InvalidInput: no reason of REASONS, no note, nothing, or more than what is left.
            StaleState: another one waits or is under way; or as `refundable`.
        """
        by.must(Permission.CHARGE)
        by.must_be_asked()
        if reason not in REASONS:
            raise InvalidInput("Choose why the money goes back.", field="reason")
        note = readable(note, what="note", field="note", needed="Say why, for whoever approves it.")
        refundable = self.refundable(charge_id, attempt=attempt)
        if money.amount <= 0:
            raise InvalidInput(
                "A refund is of more than nothing. Type how much is given back, without a sign.",
                field="amount",
                code="refund_amount",
            )
        if money.currency != refundable.charge.currency or money.amount > refundable.left:
            raise InvalidInput(
                f"At most {format_money(refundable.left, refundable.charge.currency)} can be given back.",
                field="amount",
                code="refund_amount",
            )
        now = epoch(self._clock())
        order = RefundOrder(
            id=new_id("rfd"),
            charge_id=charge_id,
            attempt=refundable.attempt.number,
            payment_intent=refundable.payment_intent,
            amount=money.amount,
            currency=money.currency,
            reason=reason,
            note=note[:500],
            refunded_before=refundable.refunded,
            state=RefundState.REQUESTED,
            requested_by=by.username,
            requested_at=now,
        )
        with self._uow.write() as stores:
            if any(other.is_open for other in stores.refunds.of_charge(charge_id)):
                raise StaleState("A refund of this charge waits already, or is under way.")
            stores.refunds.add(order)
            note_refund(stores, order, "refund_requested", by=by.username, at=now)
        return order

    def withdraw(self, order_id: str, *, by: Actor) -> RefundOrder:
        """Take a request back before it is decided."""
        by.must(Permission.CHARGE)
        now = epoch(self._clock())
        with self._uow.write() as stores:
            order = find_order(stores, order_id)
            if not stores.refunds.close(
                order_id, after=RefundState.WITHDRAWN, by=None, at=now, note=None
            ):
                raise StaleState("This refund was decided already. Reload to see its state.")
            note_refund(stores, order, "refund_withdrawn", by=by.username, at=now)
            return find_order(stores, order_id)

    def reject(self, order_id: str, *, by: Actor, password: str, note: str) -> RefundOrder:
        """Raises like `approve`; a reason is needed."""
        note = readable(note, what="note", field="note", needed="Say why, for whoever asked.")
        by = self._users.asked_again(by, password)
        now = epoch(self._clock())
        with self._uow.write() as stores:
            order = find_order(stores, order_id)
            refusal = _why_not(stores, order, by, now)
            if refusal is not None:
                note_refusal(stores, order, "reject", str(refusal), by=by.username, at=now)
            else:
                stores.refunds.close(
                    order_id,
                    after=RefundState.REJECTED,
                    by=by.username,
                    at=now,
                    note=note[:500],
                )
                note_refund(stores, order, "refund_rejected", by=by.username, at=now)
            decided = find_order(stores, order_id)
        if refusal is not None:
            raise refusal
        return decided

    def approve(self, order_id: str, *, by: Actor, password: str) -> RefundOrder:
        """
        Agree, and send it. Returns the order in whatever state it reached.

        Raises:
            NotSignedIn: the password is wrong.
            NotPermitted: by whoever asked for it, or by somebody who may not approve (any more).
            LedgerBehind: this file is older than what was done; it may have been decided already.
            StaleState: decided already, or Stripe gave back something else in the meantime.
            OutcomeUnknown: it was sent, and the answer could not be written down.
            GatewayError: Stripe could not be asked how the charge stands; nothing was decided.
        """
        by = self._users.asked_again(by, password)
        with self._uow.read() as stores:
            order = find_order(stores, order_id)
            refusal = _why_not(stores, order, by, epoch(self._clock()))
        if refusal is None:
            # What was rejected since may be an open order again in an older copy of the file.
            self._completeness.verify()
        at_stripe = None if refusal else self._payment(order.payment_intent)
        now = epoch(self._clock())
        with self._uow.write() as stores:
            order = find_order(stores, order_id)
            refusal = _why_not(stores, order, by, now)
            if (
                refusal is None
                and at_stripe is not None
                and at_stripe.amount_refunded != order.refunded_before
            ):
                refusal = StaleState(
                    "Something was given back of this charge since this was asked for. Reject it, and have it asked for again."
                )
            if refusal is None and is_behind(stores, self._uow.anchor.head()):
                refusal = LedgerBehind()
            if refusal is not None:
                note_refusal(stores, order, "approve", str(refusal), by=by.username, at=now)
            else:
                if not stores.refunds.send(
                    order_id,
                    by=by.username,
                    at=now,
                    idempotency_key=refund_key(order.id),
                    params=json.dumps(
                        params_of(order, stores.meta.value(INSTALLATION) or ""), sort_keys=True
                    ),
                    next_look_at=now + IN_FLIGHT_SECONDS,
                    sent_after=self.sender.stripe_time,
                ):
                    raise StaleState("This refund was decided already. Reload to see its state.")
                note_refund(stores, order, "refund_approved", by=by.username, at=now)
            order = find_order(stores, order_id)
        if refusal is not None:
            raise refusal
        return self.sender.refund(order)

    def _payment(self, intent_id: str) -> StripeCharge:
        charge = self.sender.look_at_charge(intent_id)
        if charge.is_disputed and not all(
            dispute.allows_refund for dispute in self.sender.look_at_disputes(intent_id)
        ):
            raise StaleState(
                "The customer disputed this charge at the bank, and the bank took the money: it is decided there, and cannot be given back here."
            )
        return charge


def _paid(stores: Stores, charge_id: str, number: int | None) -> tuple[Charge, Attempt, str]:
    charge = stores.charges.find(charge_id)
    if charge is None:
        raise NotFound("There is no such charge.")
    for attempt in stores.charges.attempts(charge_id):
        if number not in (None, attempt.number):
            continue
        if attempt.outcome is Outcome.SUCCEEDED and attempt.payment_intent is not None:
            return charge, attempt, attempt.payment_intent
    raise StaleState("Nothing was paid that could be given back.")


def _why_not(stores: Stores, order: RefundOrder, by: Actor, now: int) -> RuleViolation | None:
    refusal = dual_approval.why_not(stores, by, makers={order.requested_by}, now=now)
    if refusal is not None:
        return refusal
    if order.state is not RefundState.REQUESTED:
        return StaleState("This refund was decided already. Reload to see its state.")
    return None
