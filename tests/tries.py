"""A charge tried again as staff do it: by the order that the screen shows."""

from __future__ import annotations

from lib.domain.actors import Actor
from lib.services.charges.charge import ChargeService
from lib.services.charges.view import ChargeView


def try_again(
    charges: ChargeService,
    charge_id: str,
    *,
    by: Actor,
    payment_method: str | None = None,
    attempt: int | None = None,
) -> ChargeView:
    """A new attempt under a new key; raises like `ChargeService.charge`."""
    order = charges.order_again(charge_id, payment_method=payment_method, attempt=attempt)
    return charges.charge(order, by=by)
