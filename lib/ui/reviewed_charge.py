"""A reviewed charge as the person at the screen was shown it."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import uuid4

from lib.domain.payment_methods import label as method_label
from lib.domain.twins import HAS_TWIN
from lib.money import Money
from lib.services.charges.orders import ChargeOrder
from lib.services.charges.review import Review
from lib.ui import charge_words, confirm, despite
from lib.ui.context import PageContext
from lib.ui.formats import ago


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
    is_named: bool
    """The person chose the method, rather than leaving the one that was chosen for them."""
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
    def has_twin(self) -> bool:
        return any(code == HAS_TWIN for code, _ in self.stopped)

    @property
    def to_open(self) -> tuple[despite.Stopped, ...]:
        """What a person opens with a reason; which of two customers is meant, they choose."""
        return tuple(one for one in self.stopped if one[0] != HAS_TWIN)

    @property
    def order(self) -> ChargeOrder:
        method = self.method if self.is_named else None
        return ChargeOrder(
            self.customer, self.money, self.reference, method, self.description or None
        )

    @property
    def why_typed(self) -> str:
        """Why the sum has to be typed; empty when it need not be."""
        if confirm.is_large(self.money):
            return "a large sum"
        return "see the warning" if self.warnings else ""


def of_review(ctx: PageContext, review: Review) -> Reviewed:
    order, method, earlier = review.order, review.method, review.earlier
    history = ""
    if earlier is not None:
        when = ago(earlier.charge.updated_at, ctx.now)
        happened = earlier.what_happened or charge_words.REASONS["outcome_unknown"]
        history = f"Tried before, {when}: {happened} This is try {review.last_number + 1}."
    return Reviewed(
        form=uuid4().hex,
        fingerprint=review.fingerprint,
        customer=review.customer.id,
        name=review.customer.label,
        email=(review.customer.email or "") if review.customer.name else "",
        method=method.id,
        is_named=order.payment_method is not None,
        method_label=method_label(method),
        expiry=f"expires {method.exp_month:02d}/{method.exp_year}" if method.exp_year else "",
        amount=order.money.amount,
        currency=order.money.currency,
        reference=order.reference,
        description=order.description or "",
        warnings=review.warnings,
        stopped=tuple((finding.code, finding.message) for finding in review.stopped),
        attempts=review.last_number,
        earlier=history,
    )
