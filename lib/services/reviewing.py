"""
What is asked to be charged, and everything that is checked before money moves. Nothing is sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
from lib.domain.retries import why_not_again
from lib.errors import AlreadyCharged, Blocked
from lib.money import Money, checked, format_money
from lib.services.charge_views import ChargeView, view_of
from lib.services.customers import CustomerService
from lib.services.limits import check_single
from lib.services.payment_methods import PaymentMethodService
from lib.store.unit_of_work import Stores, UnitOfWork

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


class ReviewService:
    def __init__(
        self, uow: UnitOfWork, customers: CustomerService, methods: PaymentMethodService, *,
        clock: Clock, public_url: str,
    ) -> None:  # fmt: skip
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
        order = cleaned(order)
        with self._uow.read() as stores:
            live = stores.charges.live_for(order.customer, order.reference)
        if live is not None and live.state is not ChargeState.PLANNED:
            raise AlreadyCharged(already(live), charge_id=live.id)
        customer = self._customers.refresh(order.customer)
        if customer.is_deleted:
            raise Blocked("This customer was deleted at Stripe.", code="customer_deleted")
        method, chosen = self._method(order, customer)
        now = epoch(self._clock())
        with self._uow.read() as stores:
            check_single(stores, order.money, now=now, is_approved=is_approved)
            earlier = earlier_of(stores, order)
            check_retry(stores, order, earlier, method.id, now)
            warnings = _warnings(stores, order, method, earlier, now, self._clock())
            view = (
                view_of(stores, earlier.id, public_url=self._public_url, now=now)
                if earlier
                else None
            )
        return Review(order, customer, method, chosen, warnings, view)

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
        found = self._methods.refresh_newest(customer.id)
        usable = [m for m in found if payment_methods.why_not_usable(m, today) is None]
        if not usable:
            raise Blocked(
                f"{customer.label} has no payment method that can be charged. Send a setup link first.",
                code="no_payment_method",
            )
        return usable[0], len(usable) > 1


def cleaned(order: ChargeOrder) -> ChargeOrder:
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


def earlier_of(stores: Stores, order: ChargeOrder) -> Charge | None:
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


def tries_of(stores: Stores, order: ChargeOrder) -> dict[str, list[Attempt]]:
    """What was tried for this reference and did not succeed, whatever the sum."""
    return {
        charge.id: stores.charges.attempts(charge.id)
        for charge in stores.charges.tried_for(order.customer, order.reference)
    }


def same_tries(
    before: Mapping[str, Sequence[Attempt]], after: Mapping[str, Sequence[Attempt]]
) -> bool:
    return {charge_id: len(attempts) for charge_id, attempts in before.items()} == {
        charge_id: len(attempts) for charge_id, attempts in after.items()
    }


def check_retry(
    stores: Stores, order: ChargeOrder, earlier: Charge | None, method_id: str, now: int
) -> None:
    """
    Another sum is another charge but the same debt: its tries count towards the limit, and a card
    that must not be charged again stays so. Only the waiting time is the charge's own: after
    "not enough money" a smaller sum may be charged at once.

    Raises:
        Blocked: another try makes no sense, or not yet.
    """
    every = sorted(
        (attempt for attempts in tries_of(stores, order).values() for attempt in attempts),
        key=lambda attempt: attempt.requested_at,
    )
    refusal = why_not_again(every, method_id, now)
    if refusal is not None and refusal.not_before is not None:
        own = stores.charges.attempts(earlier.id) if earlier is not None else []
        refusal = why_not_again(own, method_id, now)
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


def already(charge: Charge) -> str:
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
