"""
Charges a saved payment method off-session.

Three phases a try: (1) the attempt with its key and exact parameters is committed; (2) Stripe is
asked, outside any transaction, once; (3) the outcome is committed. Whatever dies in between leaves
a row that says so, and `settling` finds out what happened. Nothing here retries around phase 2.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence

import stamina

from lib.clock import Clock, epoch, epoch_ms
from lib.domain.actors import Actor, Permission
from lib.domain.charges import (
    IN_FLIGHT_SECONDS,
    RETRYABLE_STATES,
    Attempt,
    Charge,
    ChargeState,
    Evidence,
    Outcome,
    idempotency_key,
    outcome_of,
)
from lib.domain.mirror import PaymentIntent
from lib.errors import (
    AlreadyCharged,
    Blocked,
    NotFound,
    OutcomeUnknown,
    Refused,
    StaleState,
)
from lib.ids import new_id
from lib.money import Money, format_money
from lib.services import ledger
from lib.services.charge_views import ChargeView, view_of
from lib.services.ledger import Result
from lib.services.mirroring import record_payment_intents
from lib.services.reviewing import (
    ChargeOrder,
    Review,
    ReviewService,
    already,
    check_retry,
    cleaned,
    earlier_of,
    same_tries,
    tries_of,
)
from lib.services.sending import Sender
from lib.store.unit_of_work import Stores, UnitOfWork
from lib.stripe_gateway.gateway import StripeGateway


class ChargingService:
    def __init__(
        self, uow: UnitOfWork, gateway: StripeGateway, reviewing: ReviewService, sender: Sender, *,
        clock: Clock, livemode: bool, public_url: str,
    ) -> None:  # fmt: skip
        self._uow = uow
        self._gateway = gateway
        self._reviewing = reviewing
        self._sender = sender
        self._clock = clock
        self._livemode = livemode
        self._public_url = public_url

    def view(self, charge_id: str) -> ChargeView:
        """
        Raises:
            NotFound: no such charge.
        """
        with self._uow.read() as stores:
            found = view_of(
                stores, charge_id, public_url=self._public_url, now=epoch(self._clock())
            )
        if found is None:
            raise NotFound("There is no such charge.")
        return found

    def review(self, order: ChargeOrder, *, by: Actor) -> Review:
        """See ReviewService.review: everything known before the money moves."""
        return self._reviewing.review(order, by=by)

    def charge(
        self, order: ChargeOrder, *, by: Actor, expected_attempts: int | None = None
    ) -> ChargeView:
        """
        Charge now. Returns the charge in whatever state it reached; a decline is no exception.

        `expected_attempts` is how many tries of this reference the person saw (0 for none): a
        double click or a second tab then finds the count changed and nothing is sent twice.

        Raises:
            AlreadyCharged, Blocked, InvalidInput, NotFound, NotPermitted, StaleState
            OutcomeUnknown: it was sent, and the answer could not be written down.
            GatewayError: a check before the charge could not be made; no charge was sent.
        """
        by.must(Permission.CHARGE)
        order = cleaned(order)
        with self._uow.read() as stores:
            tried = tries_of(stores, order)
        review = self.review(order, by=by)
        # Also those of another sum: they are tries to collect the same debt.
        for charge_id, attempts in tried.items():
            self._close_earlier_intent(charge_id, attempts)
        attempt = self._plan(review, tried, by=by, expected_attempts=expected_attempts)
        return self._execute(attempt)

    def retry(
        self, charge_id: str, *, by: Actor, payment_method: str | None = None,
        expected_attempts: int | None = None,
    ) -> ChargeView:  # fmt: skip
        """Try a failed or never-executed charge again, as a new attempt with a new key."""
        found = self.view(charge_id).charge
        return self.charge(
            ChargeOrder(
                customer=found.customer,
                money=Money(found.amount, found.currency),
                reference=found.reference,
                payment_method=payment_method,
                description=found.description,
            ),
            by=by,
            expected_attempts=expected_attempts,
        )

    def cancel(self, charge_id: str, *, by: Actor) -> ChargeView:
        """Give up a charge that is not in flight, paid or unknown; the reference becomes free."""
        by.must(Permission.CHARGE)
        now = epoch(self._clock())
        found = self.view(charge_id)
        if found.charge.state not in RETRYABLE_STATES:
            raise StaleState("This charge can no longer be cancelled. Reload to see its state.")
        self._close_earlier_intent(charge_id, found.attempts)
        with self._uow.write() as stores:
            attempts = stores.charges.attempts(charge_id)
            if len(attempts) != len(found.attempts) or not stores.charges.move(
                charge_id, before=found.charge.state, after=ChargeState.CANCELLED, at=now
            ):
                raise StaleState("This charge changed a moment ago. Reload to see its state.")
            ledger.withdraw_recovery(stores, charge_id, at=now)
            stores.charges.note(
                charge_id, attempt=None, at=now, actor=by.username, kind="cancelled", detail={}
            )
            stores.audit.record(
                at=now, actor=by.username, action="charge.cancel", subject=charge_id, detail={}
            )
        return self.view(charge_id)

    def _close_earlier_intent(self, charge_id: str, attempts: Sequence[Attempt]) -> None:
        """
        Cancel the failed try's PaymentIntent, so that nobody can still confirm it.

        This is also the last look before the money moves: an intent that was paid in the
        meantime, in the Stripe Dashboard say, cannot be cancelled.
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
                stores, [intent], synced_at_ms=asked_at_ms,
                evidence=Evidence.PAYMENT_INTENT.value,
            )  # fmt: skip
        if outcome_of(intent) in (Outcome.SUCCEEDED, Outcome.PROCESSING):
            raise AlreadyCharged(
                "This was paid in the meantime; nothing was charged now.",
                charge_id=charge_id,
            )
        if intent.status != "canceled":
            raise StaleState(
                "The earlier payment at Stripe is still open. Look at it in Stripe, then try again."
            )

    def _plan(
        self, review: Review, tried: Mapping[str, Sequence[Attempt]], *, by: Actor,
        expected_attempts: int | None,
    ) -> Attempt:  # fmt: skip
        """
        Phase 1: one transaction that leaves an attempt row, or changes nothing.

        `tried` is what was known of the reference when its open PaymentIntents were closed.
        """
        order, now = review.order, epoch(self._clock())
        with self._uow.write() as stores:
            if not same_tries(tried, tries_of(stores, order)):
                raise StaleState(
                    "This reference was tried a moment ago by somebody else. Look at it before trying again."
                )
            charge = self._claim(stores, review, by=by, now=now)
            earlier = stores.charges.attempts(charge.id)
            if expected_attempts is not None and len(earlier) != expected_attempts:
                raise StaleState(
                    "This charge was tried a moment ago, perhaps by a double click. Look at it before trying again."
                )
            number = len(earlier) + 1
            params: dict[str, object] = {
                "amount": charge.amount,
                "currency": charge.currency,
                "customer": charge.customer,
                "payment_method": review.method.id,
                "off_session": True,
                "confirm": True,
                # Without this Stripe considers methods that redirect and wants a return_url.
                "allowed_payment_method_types": [review.method.type],
                "metadata": {
                    "onfile_charge_id": charge.id,
                    "onfile_attempt": str(number),
                    "onfile_reference": charge.reference,
                },
            }
            if order.description:
                params["description"] = order.description
            stores.charges.add_attempt(
                charge.id, number=number, idempotency_key=idempotency_key(charge.id, number),
                params=params, by=by.username, at=now, next_look_at=now + IN_FLIGHT_SECONDS,
            )  # fmt: skip
            detail = {
                "amount": charge.amount, "currency": charge.currency, "attempt": number,
                "customer": charge.customer, "payment_method": review.method.id,
                "reference": charge.reference,
            }  # fmt: skip
            stores.charges.note(
                charge.id, attempt=number, at=now, actor=by.username, kind="sent", detail=detail
            )
            stores.audit.record(
                at=now, actor=by.username, action="charge.send", subject=charge.id, detail=detail
            )
            planned = stores.charges.attempt(charge.id, number)
        if planned is None:
            raise LookupError(charge.id)
        return planned

    def _claim(self, stores: Stores, review: Review, *, by: Actor, now: int) -> Charge:
        """The charge row, moved to `attempting` by compare-and-swap, or a new one."""
        order = review.order
        live = stores.charges.live_for(order.customer, order.reference)
        if live is not None and live.state is not ChargeState.PLANNED:
            raise AlreadyCharged(already(live), charge_id=live.id)
        earlier = earlier_of(stores, order)
        check_retry(stores, order, earlier, review.method.id, now)
        if live is not None and earlier is None:
            raise Blocked(
                f"A charge of {format_money(live.amount, live.currency)} for this reference is planned. Try that one again or cancel it first.",
                code="reference_planned",
            )
        if earlier is not None:
            if not stores.charges.move(
                earlier.id, before=earlier.state, after=ChargeState.ATTEMPTING, at=now,
                payment_method=review.method.id,
            ):  # fmt: skip
                raise StaleState("This charge changed a moment ago. Reload to see its state.")
            return earlier
        charge = Charge(
            id=new_id("chg"),
            customer=order.customer,
            payment_method=review.method.id,
            amount=order.money.amount,
            currency=order.money.currency,
            reference=order.reference,
            description=order.description,
            state=ChargeState.ATTEMPTING,
            created_by=by.username,
            created_at=now,
            updated_at=now,
        )
        if not stores.charges.add(charge, livemode=self._livemode):
            raise AlreadyCharged(
                "Another charge for this reference was started a moment ago.", charge_id=""
            )
        return charge

    def _execute(self, attempt: Attempt) -> ChargeView:
        """Phases 2 and 3."""
        asked_at_ms = epoch_ms(self._clock())
        result, intent = self._sender.ask(attempt)
        try:
            # Around phase 3 only: a database that is busy or full must never send a charge again.
            for again in stamina.retry_context(
                on=sqlite3.OperationalError, attempts=5, timeout=30, wait_initial=0.2, wait_max=3.0
            ):
                with again:
                    self._write_down(attempt, result, intent, asked_at_ms=asked_at_ms)
            self._sender.look_at_blocked(attempt, result)
            return self.view(attempt.charge_id)
        except sqlite3.Error as error:
            raise OutcomeUnknown(
                "Stripe was asked, but its answer could not be written down. Onfile finds out by itself; do not charge this in another way."
            ) from error

    def _write_down(
        self, attempt: Attempt, result: Result, intent: PaymentIntent | None, *, asked_at_ms: int
    ) -> None:
        with self._uow.write() as stores:
            current = stores.charges.attempt(attempt.charge_id, attempt.number)
            if current is None or current.outcome is None or result.was_executed:
                ledger.record(
                    stores, attempt, result, evidence=Evidence.REPLY.value, at=epoch(self._clock())
                )
            # Otherwise this took so long that `settling` asked as well, and a refusal of our own
            # request no longer says that nothing was executed.
            if intent is not None:
                stores.payments.save_payment_intents([intent], synced_at_ms=asked_at_ms)
