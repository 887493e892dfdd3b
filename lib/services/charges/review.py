"""Everything that is checked before money moves. Nothing is sent."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from lib.clock import Clock, epoch
from lib.domain import payment_methods
from lib.domain.actors import Actor, Permission
from lib.domain.admit import may_be_opened
from lib.domain.charges import RETRYABLE_STATES, Attempt, Charge, last_number
from lib.domain.days import day_in_words
from lib.domain.mirror import Customer, PaymentMethod
from lib.domain.newer_methods import UsualMethod, usual_method
from lib.domain.payment_methods import MethodChoice
from lib.domain.preflight import SIMILAR_WITHIN_SECONDS, remarks
from lib.domain.retries import choose_method, open_methods, why_not_again
from lib.domain.runs import Finding
from lib.errors import Blocked
from lib.money import Money
from lib.services.charges.admit import findings_of
from lib.services.charges.orders import ChargeOrder, normalized
from lib.services.charges.view import ChargeView, view_of
from lib.services.collect.customers import CustomerService
from lib.services.collect.payment_methods import PaymentMethodService
from lib.services.staff.limits import check_single
from lib.store.stores import Stores
from lib.store.unit_of_work import UnitOfWork


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
    stopped: tuple[Finding, ...] = ()
    """What keeps it back until a person says for each why it may be charged all the same."""

    @property
    def last_number(self) -> int:
        """Of the try before this one; 0 where there was none."""
        return last_number(self.earlier.attempts) if self.earlier is not None else 0

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
            [(finding.code, finding.message) for finding in self.stopped],
            (self.earlier.charge.id, self.earlier.what_happened) if self.earlier else None,
            self.last_number,
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

    def meant(self, order: ChargeOrder) -> ChargeOrder:
        """
        What the order says, cleaned; its customer without letters that nobody sees, unless the account
        made the id with them.

        Raises:
            InvalidInput: a value to correct.
        """
        with self._uow.read() as stores:
            customer = stores.mirror.id_pasted(order.customer)
        return replace(normalized(order), customer=customer)

    def review(self, order: ChargeOrder, *, by: Actor) -> Review:
        """
        Check an order against our records and Stripe's, without moving money.

        Raises:
            InvalidInput, NotFound: a value to correct.
            AlreadyCharged: the reference is paid, in flight or unknown, here or at Stripe.
            Blocked: the method cannot be charged, or another try makes no sense now.
        """
        by.must(Permission.CHARGE)
        order = self.meant(order)
        customer, named = self._refresh(order)
        if customer.is_deleted:
            raise Blocked("This customer was deleted at Stripe.", code="customer_deleted")
        now = epoch(self._clock())
        choice = self._method(order, customer, named, now)
        method = choice.method
        with self._uow.read() as stores:
            check_single(stores, order.money, now=now, run_id=order.run_id)
            findings = findings_of(stores, order, method, now=now, in_run=order.run_id is not None)
            earlier = earlier_charge(stores, order)
            check_retry(stores, order, method.id, now)
            warnings = (
                *_warnings(stores, order, customer, choice, earlier, now),
                *(one.message for one in findings if not may_be_opened(one)),
            )
            view = (
                view_of(stores, earlier.id, public_url=self._public_url, now=now)
                if earlier
                else None
            )
        stopped = tuple(filter(may_be_opened, findings))
        return Review(order, customer, method, warnings, view, stopped)

    def usual_method(
        self, customer_id: str, *, reference: str = "", money: Money | None = None
    ) -> UsualMethod:
        """
        Of a customer, for a debt where one is named; by what is known here, so that a page can ask
        before anything is reviewed.
        """
        now = epoch(self._clock())
        with self._uow.read() as stores:
            customer = stores.mirror.customer(customer_id)
            methods = stores.mirror.payment_methods_of(customer_id)
            tried = stores.charges.attempts_for(customer_id, reference)
            never_again = stores.preflight.never_again(methods)
            today = stores.meta.today(now)
        default = customer.default_payment_method if customer else None
        chargeable = open_methods(
            methods, tried=tried, money=money, now=now, today=today, never_again=never_again
        )
        return usual_method(chargeable, default)

    def _refresh(self, order: ChargeOrder) -> tuple[Customer, PaymentMethod | None]:
        """
        The order's customer and the method it names, if any, as Stripe has them now: one request where
        they belong together.
        """
        if order.payment_method is None:
            return self._customers.refresh(order.customer), None
        bundle = self._methods.refresh_with_customer(order.payment_method)
        customer = bundle.customer
        if customer is None or customer.id != order.customer:
            customer = self._customers.refresh(order.customer)
        return customer, bundle.payment_method

    def _method(
        self, order: ChargeOrder, customer: Customer, method: PaymentMethod | None, now: int
    ) -> MethodChoice:
        """`method`: the one that the order names."""
        with self._uow.read() as stores:
            today = stores.meta.today(now)
        if method is not None:
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
            never_again = stores.preflight.never_again(methods)
            confirmation = stores.confirmations.of([customer.id]).get(customer.id)
        choice = choose_method(
            methods,
            customer.default_payment_method,
            tried=attempts,
            money=order.money,
            now=now,
            today=today,
            never_again=never_again,
        )
        if choice is None and confirmation is not None:
            raise Blocked(confirmation.sentence, code="method_confirming")
        if choice is None:
            raise Blocked(
                f"{customer.label} has no payment method that can be charged. Send a setup link first.",
                code="no_payment_method",
            )
        return choice


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
            refusal.in_words(stores.meta.timezone),
            code=refusal.code,
            reason=refusal.reason,
            not_before=refusal.not_before,
        )


def _warnings(
    stores: Stores,
    order: ChargeOrder,
    customer: Customer,
    choice: MethodChoice,
    earlier: Charge | None,
    now: int,
) -> Iterator[str]:
    if choice.note is not None:
        yield choice.note
    for similar in stores.charges.similar(
        customer=order.customer,
        amount=order.money.amount,
        currency=order.money.currency,
        since=now - SIMILAR_WITHIN_SECONDS,
        except_id=earlier.id if earlier else "",
    ):
        when = day_in_words(similar.created_at, stores.meta.timezone)
        yield f"The same amount was charged to this customer on {when} for {similar.reference}."
    facts = stores.preflight.facts(
        customers=[customer.id], emails=[], methods=[], except_run="", now=now
    )
    for remark in remarks(order.money, customer, choice.method, facts, now=now):
        known = facts.similar.get((customer.id, order.money.currency, order.money.amount))
        # Ours stand above, with their references.
        if remark.code != "similar_charge" or known is None or not known.is_ours:
            yield remark.message
