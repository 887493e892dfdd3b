"""
Charges a saved payment method off-session.

Three phases a try: (1) the attempt with its key and exact parameters is committed; (2) Stripe is
asked, outside any transaction, once; (3) the outcome is committed. Whatever dies in between leaves
a row that says so, and `settling` finds out what happened. Nothing here retries around phase 2.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import stamina

from lib.clock import Clock, epoch
from lib.domain import payment_methods
from lib.domain.actors import Actor, Permission
from lib.domain.charges import (
    IN_FLIGHT_SECONDS,
    RETRYABLE_STATES,
    Attempt,
    Charge,
    ChargeState,
    Evidence,
    Outcome,
    clean_description,
    clean_reference,
    idempotency_key,
    outcome_of,
)
from lib.domain.mirror import Customer, Decline, PaymentIntent, PaymentMethod
from lib.domain.retries import why_not_again
from lib.errors import (
    AlreadyCharged,
    Blocked,
    Busy,
    Declined,
    GatewayError,
    KeyReused,
    Misconfigured,
    NotFound,
    OutcomeUnknown,
    Refused,
    StaleState,
)
from lib.ids import new_id
from lib.money import Money, checked, format_money
from lib.services import ledger
from lib.services.charge_views import ChargeView, view_of
from lib.services.customers import CustomerService
from lib.services.ledger import Result
from lib.services.mirroring import record_payment_intents
from lib.services.payment_methods import PaymentMethodService
from lib.store.unit_of_work import Stores, UnitOfWork
from lib.stripe_gateway import mapping
from lib.stripe_gateway.gateway import StripeGateway

# A second payment of the same sum within a week is more often a mistake than not.
SIMILAR_WITHIN_SECONDS = 7 * 86_400


@dataclass(frozen=True, slots=True)
class ChargeOrder:
    """What a person asked to charge. Amounts in minor units, see lib.money."""

    customer: str
    money: Money
    reference: str
    payment_method: str | None = None
    """None: the newest usable method of the customer."""
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Review:
    """Everything known before the money moves. Nothing was sent."""

    order: ChargeOrder
    customer: Customer
    method: PaymentMethod
    chosen_for_you: bool
    """The method was not named and the customer has several usable ones."""
    warnings: tuple[str, ...]
    earlier: ChargeView | None
    """A failed charge of the same reference, which this one would try again."""


class ChargingService:
    def __init__(
        self, uow: UnitOfWork, gateway: StripeGateway, customers: CustomerService,
        methods: PaymentMethodService, *, clock: Clock, livemode: bool, public_url: str,
    ) -> None:  # fmt: skip
        self._uow = uow
        self._gateway = gateway
        self._customers = customers
        self._methods = methods
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
        """
        Check an order against our records and Stripe's, without moving money.

        Raises:
            InvalidInput, NotFound: a value to correct.
            AlreadyCharged: the reference is paid, in flight or unknown.
            Blocked: the method cannot be charged, or another try makes no sense now.
        """
        by.must(Permission.CHARGE)
        order = _cleaned(order)
        with self._uow.read() as stores:
            live = stores.charges.live_for(order.customer, order.reference)
        if live is not None and live.state is not ChargeState.PLANNED:
            raise AlreadyCharged(_already(live), charge_id=live.id)
        customer = self._customers.refresh(order.customer)
        if customer.is_deleted:
            raise Blocked("This customer was deleted at Stripe.", code="customer_deleted")
        method, chosen = self._method(order, customer)
        now = epoch(self._clock())
        with self._uow.read() as stores:
            earlier = _earlier(stores, order)
            if earlier is not None:
                _check_retry(stores, earlier, method.id, now)
            warnings = _warnings(stores, order, method, earlier, now, self._clock())
            view = (
                view_of(stores, earlier.id, public_url=self._public_url, now=now)
                if earlier
                else None
            )
        return Review(order, customer, method, chosen, warnings, view)

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
        order = _cleaned(order)
        with self._uow.read() as stores:
            tried = _tried(stores, order)
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

    def _method(self, order: ChargeOrder, customer: Customer) -> tuple[PaymentMethod, bool]:
        today = self._clock().date()
        if order.payment_method is not None:
            method = self._methods.refresh(order.payment_method)
            if method.customer is not None and method.customer != customer.id:
                raise Blocked(
                    "This payment method belongs to another customer.",
                    code="payment_method_of_another_customer",
                )
            problem = payment_methods.why_not_usable(method, today)
            if problem is not None:
                raise Blocked(
                    f"{payment_methods.label(method)} cannot be charged: {problem}.",
                    code="payment_method_not_usable",
                )
            return method, False
        asked_at_ms = int(self._clock().timestamp() * 1000)
        page = self._gateway.list_payment_methods(customer.id)
        with self._uow.write() as stores:
            stores.mirror.save_payment_methods(page.items, synced_at_ms=asked_at_ms)
        usable = [m for m in page.items if payment_methods.why_not_usable(m, today) is None]
        if not usable:
            raise Blocked(
                f"{customer.label} has no payment method that can be charged. Send a setup link first.",
                code="no_payment_method",
            )
        return usable[0], len(usable) > 1

    def _close_earlier_intent(self, charge_id: str, attempts: Sequence[Attempt]) -> None:
        """
        Cancel the failed try's PaymentIntent, so that nobody can still confirm it.

        This is also the last look before the money moves: an intent that was paid in the
        meantime, in the Stripe Dashboard say, cannot be cancelled.
        """
        intent_id = attempts[-1].payment_intent if attempts else None
        if intent_id is None:
            return
        asked_at_ms = int(self._clock().timestamp() * 1000)
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
            if not _same_tries(tried, _tried(stores, order)):
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
            raise AlreadyCharged(_already(live), charge_id=live.id)
        earlier = _earlier(stores, order)
        if live is not None and earlier is None:
            raise Blocked(
                f"A charge of {format_money(live.amount, live.currency)} for this reference is planned. Try that one again or cancel it first.",
                code="reference_planned",
            )
        if earlier is not None:
            _check_retry(stores, earlier, review.method.id, now)
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
        asked_at_ms = int(self._clock().timestamp() * 1000)
        result, intent = self.ask(attempt)
        try:
            # Around phase 3 only: a database that is busy or full must never send a charge again.
            for again in stamina.retry_context(
                on=sqlite3.OperationalError, attempts=5, timeout=30, wait_initial=0.2, wait_max=3.0
            ):
                with again:
                    self._write_down(attempt, result, intent, asked_at_ms=asked_at_ms)
            self.look_at_blocked(attempt, result)
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
                stores.mirror.save_payment_intents([intent], synced_at_ms=asked_at_ms)

    def ask(self, attempt: Attempt) -> tuple[Result, PaymentIntent | None]:
        """
        Phase 2: send exactly what the row says, under its key.

        Safe to call again for the same attempt while its key is young: Stripe then answers what
        it answered before. Only 429, which Stripe gives before executing, is repeated here.
        """
        params = json.loads(attempt.params)
        try:
            for again in stamina.retry_context(
                on=Busy, attempts=4, timeout=15, wait_initial=0.5, wait_max=4.0
            ):
                with again:
                    intent = self._gateway.create_payment_intent(
                        params, idempotency_key=attempt.idempotency_key
                    )
        except GatewayError as error:
            return _result_of(error), None
        return (
            Result(
                outcome_of(intent), payment_intent=intent.id, http_status=200,
                decline=intent.error or Decline(),
            ),
            intent,
        )  # fmt: skip

    def look_at_blocked(self, attempt: Attempt, result: Result) -> None:
        """
        Ask whether a generic decline was Stripe's own block: only the Charge says so.

        The outcome is committed already; when this read fails the reason stays generic, which is
        true as well.
        """
        generic = result.decline.decline_code in (None, "generic_decline", "fraudulent")
        if result.outcome is not Outcome.DECLINED or not generic or not result.payment_intent:
            return
        try:
            intent = self._gateway.retrieve_payment_intent(result.payment_intent)
        except GatewayError:
            return
        if intent.error is not None and intent.error.outcome_type is not None:
            with self._uow.write() as stores:
                stores.charges.set_outcome_type(
                    attempt.charge_id, attempt.number, intent.error.outcome_type
                )
                if intent.error.outcome_type == "blocked":
                    ledger.withdraw_recovery(stores, attempt.charge_id, at=epoch(self._clock()))


def _result_of(error: GatewayError) -> Result:
    """What an error says about the *first* sending of an attempt."""
    details = error.details
    intent = details.get("payment_intent")
    decline = mapping.decline(details) if details else Decline(code=error.stripe_code)
    if error.param and isinstance(error, Refused):
        decline = mapping.decline({**details, "message": f"{error.param}: {error}"})
    facts = Result(
        Outcome.UNKNOWN,
        payment_intent=intent["id"] if isinstance(intent, dict) and "id" in intent else None,
        http_status=error.http_status,
        request_id=error.request_id,
        decline=decline,
    )
    match error:
        case Declined():
            wants_customer = "authentication_required" in (decline.code, decline.decline_code)
            outcome = Outcome.NEEDS_CUSTOMER if wants_customer else Outcome.DECLINED
        case Refused():
            outcome = Outcome.DECLINED
        case Misconfigured() | Busy():
            outcome = Outcome.NOT_EXECUTED
        case KeyReused():
            return replace(facts, decline=replace(decline, code="idempotency_error"))
        case OutcomeUnknown():
            outcome = Outcome.UNKNOWN
        case _:
            raise error
    return Result(outcome, facts.payment_intent, facts.http_status, facts.request_id, facts.decline)


def _earlier(stores: Stores, order: ChargeOrder) -> Charge | None:
    """The charge row that this order would try again: same reference, same sum, not successful."""
    live = stores.charges.live_for(order.customer, order.reference)
    found = [live] if live else stores.charges.tried_for(order.customer, order.reference)
    return next(
        (
            charge
            for charge in found
            if charge.state in RETRYABLE_STATES
            and (charge.amount, charge.currency) == (order.money.amount, order.money.currency)
        ),
        None,
    )


def _tried(stores: Stores, order: ChargeOrder) -> dict[str, list[Attempt]]:
    """What was tried for this reference and did not succeed, whatever the sum."""
    return {
        charge.id: stores.charges.attempts(charge.id)
        for charge in stores.charges.tried_for(order.customer, order.reference)
    }


def _same_tries(
    before: Mapping[str, Sequence[Attempt]], after: Mapping[str, Sequence[Attempt]]
) -> bool:
    return {charge_id: len(attempts) for charge_id, attempts in before.items()} == {
        charge_id: len(attempts) for charge_id, attempts in after.items()
    }


def _cleaned(order: ChargeOrder) -> ChargeOrder:
    """
    Raises:
        InvalidInput: a value to correct.
    """
    return ChargeOrder(
        customer=order.customer.strip(),
        money=checked(order.money),
        reference=clean_reference(order.reference),
        payment_method=order.payment_method.strip() if order.payment_method else None,
        description=clean_description(order.description),
    )


def _check_retry(stores: Stores, charge: Charge, method_id: str, now: int) -> None:
    refusal = why_not_again(stores.charges.attempts(charge.id), method_id, now)
    if refusal is not None:
        raise Blocked(refusal.message, code=refusal.code)


def _warnings(
    stores: Stores, order: ChargeOrder, method: PaymentMethod, earlier: Charge | None, now: int,
    moment: datetime,
) -> tuple[str, ...]:  # fmt: skip
    found = []
    for similar in stores.charges.similar(
        customer=order.customer, amount=order.money.amount, currency=order.money.currency,
        since=now - SIMILAR_WITHIN_SECONDS, except_id=earlier.id if earlier else "",
    ):  # fmt: skip
        when = datetime.fromtimestamp(similar.created_at, UTC)
        found.append(
            f"The same amount was charged to this customer on {when:%d %b} for {similar.reference}."
        )
    if payment_methods.expires_soon(method, moment.date()):
        found.append(
            f"{payment_methods.label(method)} expires {method.exp_month:02d}/{method.exp_year}."
        )
    return tuple(found)


def _already(charge: Charge) -> str:
    amount = format_money(charge.amount, charge.currency)
    match charge.state:
        case ChargeState.SUCCEEDED:
            return f"{charge.reference} was charged already: {amount}. Nothing was charged now."
        case ChargeState.PROCESSING:
            return f"{charge.reference} is on its way: {amount} is processing at the bank."
        case ChargeState.UNKNOWN:
            return f"We do not know yet whether {amount} for {charge.reference} was charged. Nothing can be charged for it until that is settled."
        case _:
            return f"{charge.reference} is being charged right now."
