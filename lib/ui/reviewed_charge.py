"""A reviewed charge as the person at the screen was shown it."""

from __future__ import annotations

from dataclasses import dataclass

from lib.money import Money
from lib.services.charges.orders import ChargeOrder
from lib.ui import confirm, despite


@dataclass(frozen=True, slots=True)
class Reviewed:
    """What the person was shown. Ids and texts only."""

    form: str
    """Ends the keys of this review's widgets."""
    fingerprint: str
    customer: str
    name: str
    email: str
    method: str
    method_label: str
    expiry: str
    amount: int
    currency: str
    reference: str
    description: str
    warnings: tuple[str, ...]
    stopped: tuple[despite.Stopped, ...]
    attempts: int
    earlier: str

    @property
    def money(self) -> Money:
        return Money(self.amount, self.currency)

    @property
    def order(self) -> ChargeOrder:
        return ChargeOrder(
            self.customer, self.money, self.reference, self.method, self.description or None
        )

    @property
    def why_typed(self) -> str:
        """Why the sum has to be typed; empty when it need not be."""
        if confirm.is_large(self.money):
            return "a large sum"
        return "see the warning" if self.warnings else ""
