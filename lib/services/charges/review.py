"""
What is asked to be charged, and everything that is checked before money moves. Nothing is sent.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from lib.clock import Clock, epoch
from lib.domain import payment_methods
from lib.domain.actors import Actor, Permission
from lib.domain.charges import (
    RETRYABLE_STATES,
    Attempt,
    Charge,
    ChargeState,
    clean_description,
    clean_reference,
)
from lib.domain.mirror import Customer, PaymentMethod
from lib.domain.payment_methods import MethodChoice
from lib.domain.preflight import SIMILAR_WITHIN_SECONDS, judge
from lib.domain.retries import choose_method, why_not_again
from lib.domain.runs import RowRequest
from lib.domain.twins import MOST_NAMED
from lib.errors import AlreadyCharged, Blocked
from lib.money import Money, checked, format_money
from lib.services.charges.view import ChargeView, view_of
from lib.services.collect.customers import CustomerService
from lib.services.collect.payment_methods import PaymentMethodService
from lib.services.staff.limits import check_single
from lib.store.unit_of_work import Stores, UnitOfWork

# `already_charged` to another customer with the same address: what is this one's was refused before.
_ALSO_SAID = (
    "already_charged",
    "reference_alike",
    "amount_unusual",
    "expires_soon",
    "similar_charge",
    "in_another_run",
)


@dataclass(frozen=True, slots=True)
class ChargeOrder:
    """What a person asked to charge. Amounts in minor units, see lib.money."""

    customer: str
    money: Money
    reference: str
    payment_method: str | None = None
    """None: see lib.domain.payment_methods.choose."""
    description: str | None = None
    suffix: str | None = None
    """The end of the text on the customer's statement."""
    run_id: str | None = None
    """The run whose approval covers it, though no run is executing."""
    attempt: int | None = None
    """
    The number this try must get, from 1; with another one nothing is sent, as somebody was faster.
    None: whatever number it has when it is reviewed.
    """


@dataclass(frozen=True, slots=True)
class Review:
    """Everything known before the money moves. Nothing was sent."""

    order: ChargeOrder
    customer: Customer
    method: PaymentMethod
    warnings: tuple[str, ...]
    """What a person should look at, such as which of several methods was chosen for them."""
    earlier: ChargeView | None
    """A failed charge of the same reference, which this one would try again."""

    @property
    def attempts_before(self) -> int:
        return len(self.earlier.attempts) if self.earlier is not None else 0

    @property
    def fingerprint(self) -> str:
        """Another one as soon as anything differs of what a person is shown before they agree."""
        customer, method = self.customer, self.method
        shown = (
            (customer.id, customer.name, customer.email),
            (method.id, method.type, method.brand, method.last4, method.exp_month, method.exp_year),
            (self.order.money.amount, self.order.money.currency),
            (self.order.reference, self.order.description),
            self.warnings,
            (self.earlier.charge.id, self.earlier.what_happened) if self.earlier else None,
            self.attempts_before,
        )
        return hashlib.sha256(json.dumps(shown).encode()).hexdigest()


class ReviewService:
    def __init__(
        self,
        uow: UnitOfWork,
        customers: CustomerService,
        methods: PaymentMethodService,
        *,
        clock: Clock,
        public_url: str,
    ) -> None:
        self._uow = uow
        self._customers = customers
        self._methods = methods
        self._clock = clock
        self._public_url = public_url

    def review(self, order: ChargeOrder, *, by: Actor, is_approved: bool = False) -> Review:
        """
        Check an order against our records and Stripe's, without moving money.

        Args:
            is_approved: two people agreed to the sum already, in a run.

        Raises:
            InvalidInput, NotFound: a value to correct.
            AlreadyCharged: the reference is paid, in flight or unknown.
            Blocked: the method cannot be charged, or another try makes no sense now.
        """
        by.must(Permission.CHARGE)
        order = normalized(order)
        with self._uow.read() as stores:
            live = stores.charges.live_for(order.customer, order.reference)
        if live is not None and live.state is not ChargeState.PLANNED:
            raise AlreadyCharged(already_charged(live), charge_id=live.id)
        customer = self._customers.refresh(order.customer)
        if customer.is_deleted:
            raise Blocked("This customer was deleted at Stripe.", code="customer_deleted")
        now = epoch(self._clock())
        choice = self._method(order, customer, now)
        method = choice.method
        with self._uow.read() as stores:
            check_single(stores, order.money, now=now, is_approved=is_approved)
            earlier = earlier_charge(stores, order)
            check_retry(stores, order, method.id, now)
            warnings = _warnings(stores, order, choice, earlier, now)
            view = (
                view_of(stores, earlier.id, public_url=self._public_url, now=now)
                if earlier
                else None
            )
        return Review(order, customer, method, warnings, view)

    def _method(self, order: ChargeOrder, customer: Customer, now: int) -> MethodChoice:
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
            return MethodChoice(method, None)
        methods = self._methods.refresh_newest(customer.id)
        with self._uow.read() as stores:
            attempts = stores.charges.attempts_for(order.customer, order.reference)
        choice = choose_method(
            methods, customer.default_payment_method, tried=attempts, money=order.money, now=now
        )
        if choice is None:
            raise Blocked(
                f"{customer.label} has no payment method that can be charged. Send a setup link first.",
                code="no_payment_method",
            )
        return choice


def normalized(order: ChargeOrder) -> ChargeOrder:
    """
    Raises:
        InvalidInput: a value to correct.
    """
    return replace(
        order,
        customer=order.customer.strip(),
        money=checked(order.money),
        reference=clean_reference(order.reference),
        payment_method=order.payment_method.strip() if order.payment_method else None,
        description=clean_description(order.description),
    )


def earlier_charge(stores: Stores, order: ChargeOrder) -> Charge | None:
    """The charge row that this order would try again: same reference, same sum, not successful."""
    live = stores.charges.live_for(order.customer, order.reference)
    candidates = [live] if live else stores.charges.tried_for(order.customer, order.reference)
    return next(
        (
            charge
            for charge in candidates
            if charge.state in RETRYABLE_STATES
            and (charge.amount, charge.currency) == (order.money.amount, order.money.currency)
        ),
        None,
    )


def attempts_of(stores: Stores, order: ChargeOrder) -> dict[str, list[Attempt]]:
    """What was tried for this reference and did not succeed, whatever the sum."""
    return {
        charge.id: stores.charges.attempts(charge.id)
        for charge in stores.charges.tried_for(order.customer, order.reference)
    }


def same_attempts(
    before: Mapping[str, Sequence[Attempt]], after: Mapping[str, Sequence[Attempt]]
) -> bool:
    return {charge_id: len(attempts) for charge_id, attempts in before.items()} == {
        charge_id: len(attempts) for charge_id, attempts in after.items()
    }


def check_retry(stores: Stores, order: ChargeOrder, method_id: str, now: int) -> None:
    """
    Raises:
        Blocked: another try makes no sense, or not yet.
    """
    attempts = stores.charges.attempts_for(order.customer, order.reference)
    refusal = why_not_again(attempts, method_id, now, money=order.money)
    if refusal is not None:
        raise Blocked(
            refusal.message,
            code=refusal.code,
            reason=refusal.reason,
            not_before=refusal.not_before,
        )


def _warnings(
    stores: Stores, order: ChargeOrder, choice: MethodChoice, earlier: Charge | None, now: int
) -> tuple[str, ...]:
    warnings = [choice.note] if choice.note is not None else []
    for similar in stores.charges.similar(
        customer=order.customer,
        amount=order.money.amount,
        currency=order.money.currency,
        since=now - SIMILAR_WITHIN_SECONDS,
        except_id=earlier.id if earlier else "",
    ):
        when = datetime.fromtimestamp(similar.created_at, UTC)
        warnings.append(
            f"The same amount was charged to this customer on {when:%d %b} for {similar.reference}."
        )
    warnings += [
        f"Another customer has the same address: {twin.described}. Check that {order.customer} is meant."
        for twin in stores.twins.others(order.customer)[:MOST_NAMED]
    ]
    return (*warnings, *_as_a_row_of_a_run(stores, order, choice.method, now))


def _as_a_row_of_a_run(
    stores: Stores, order: ChargeOrder, method: PaymentMethod, now: int
) -> Iterator[str]:
    """What a run would say of this charge that the ledger alone does not know."""
    request = RowRequest(0, (), order.customer, order.money, order.reference, method.id)
    facts = stores.preflight.facts(
        customers=[order.customer], emails=[], methods=[method.id], except_run="", now=now
    )
    for finding in judge(request, facts, now=now).findings:
        is_ours = (
            finding.code == "similar_charge"
            and facts.similar[order.customer, order.money.currency, order.money.amount].is_ours
        )
        if finding.code in _ALSO_SAID and not is_ours:
            yield finding.message


def already_charged(charge: Charge) -> str:
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
