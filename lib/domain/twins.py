"""Twins: customers that are the same to a person, and what tells them apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lib.domain import payment_methods
from lib.domain.days import day_in_words
from lib.domain.identity import address_key, difference
from lib.domain.mirror import Customer, PaymentMethod
from lib.domain.runs import Finding, Severity
from lib.money import Money

MOST_NAMED = 4
HAS_TWIN = "customer_has_twin"
"""Code of what is found where a customer is named and another one has the same address."""


@dataclass(frozen=True, slots=True)
class LastPayment:
    money: Money
    created: int
    reference: str | None
    timezone: str = "UTC"


@dataclass(frozen=True, slots=True)
class Twin:
    customer: Customer
    methods: tuple[PaymentMethod, ...] = ()
    """Saved ones, newest first."""
    last_payment: LastPayment | None = None
    """Also one that was made elsewhere."""

    @property
    def details(self) -> str:
        """ "Visa ···· 4242, last paid $12.00 on 3 Nov 2026 for INV-1"."""
        cards = [payment_methods.label(method) for method in self.methods[:2]]
        paid = self.last_payment
        if paid is None:
            history = "never paid"
        else:
            day = day_in_words(paid.created, paid.timezone)
            what = f" for {paid.reference}" if paid.reference else ""
            history = f"last paid {paid.money} on {day}{what}"
        return ", ".join([*(cards or ["no saved method"]), history])

    @property
    def described(self) -> str:
        name = f"{self.customer.name}, " if self.customer.name else ""
        return f"{self.customer.id} ({name}{self.details})"


def chosen_beside(others: Sequence[Twin]) -> str:
    """Reason why one of several was meant, for the audit log: who stood beside it."""
    return f"Chosen on the page beside {listed(others)}."


def listed(twins: Sequence[Twin]) -> str:
    more = f"; and {len(twins) - MOST_NAMED:,} more" if len(twins) > MOST_NAMED else ""
    return "; ".join(twin.described for twin in twins[:MOST_NAMED]) + more


def has_twin(sharing: Sequence[Twin], severity: Severity = Severity.STOPPED) -> Finding:
    """
    Args:
        sharing: the customer that is named, and the others with their address.
    """
    one = sharing[0].customer
    address = one.email or ""
    alike = [twin.customer for twin in sharing if is_drawn_alike(address, twin.customer)]
    looks = (
        f", or one that looks like it and is another (of {alike[0].id}: {difference(address, alike[0].email or '')})"
        if alike
        else ""
    )
    return Finding(
        HAS_TWIN,
        severity,
        f"{len(sharing):,} customers have the address {address[:80]}{looks}: {listed(sharing)}. Is {one.id} meant?",
        "customer",
        about=tuple(sorted(twin.customer.id for twin in sharing[1:])),
    )


def is_drawn_alike(address: str, customer: Customer) -> bool:
    """Of customers beside each other: that this one has another address, which looks like this one."""
    return address_key(customer.email or "") != address_key(address)


def looks_known(address: str, alike: Sequence[Twin]) -> Finding:
    """
    Args:
        alike: customers with another address, which a person takes for this one.
    """
    first = alike[0].customer
    return Finding(
        HAS_TWIN,
        Severity.STOPPED,
        f"{address[:80]} looks like the address of {listed(alike)}, and is another one: "
        f"{difference(address, first.email or '')}. Is a new customer meant? Otherwise type the address again by hand.",
        "customer",
        about=tuple(sorted(twin.customer.id for twin in alike)),
    )
