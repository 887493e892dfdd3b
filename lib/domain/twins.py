"""Twins: customers that are the same to a person, and what tells them apart."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from lib.domain import payment_methods
from lib.domain.mirror import Customer, PaymentMethod
from lib.money import Money

MOST_NAMED = 4


@dataclass(frozen=True, slots=True)
class LastPayment:
    money: Money
    created: int
    reference: str | None


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
            day = datetime.fromtimestamp(paid.created, UTC)
            what = f" for {paid.reference}" if paid.reference else ""
            history = f"last paid {paid.money} on {day.day} {day:%b %Y}{what}"
        return ", ".join([*(cards or ["no saved method"]), history])

    @property
    def described(self) -> str:
        name = f"{self.customer.name}, " if self.customer.name else ""
        return f"{self.customer.id} ({name}{self.details})"


def listed(twins: list[Twin]) -> str:
    more = f"; and {len(twins) - MOST_NAMED:,} more" if len(twins) > MOST_NAMED else ""
    return "; ".join(twin.described for twin in twins[:MOST_NAMED]) + more
