"""Takes over what customers' metadata at Stripe say of the do-not-charge switch (docs/decisions/028)."""

from __future__ import annotations

from collections.abc import Sequence

from lib.domain.holds import Hold, HoldMark, HoldStep, mark_of, step_of
from lib.domain.mirror import Customer
from lib.ids import new_id
from lib.store.stores import Stores

_BY_SYSTEM = "system"


def read_holds(stores: Stores, customers: Sequence[Customer], *, asked_at_ms: int) -> None:
    """What this answer of Stripe's does to the holds here; older news never revive what was lifted."""
    values = {one.id: one.do_not_charge for one in customers if not one.is_deleted}
    if not any(values.values()) and not stores.holds.any():
        return
    holds: dict[str, list[Hold]] = {}
    for hold in stores.holds.of(values):
        holds.setdefault(hold.customer, []).append(hold)
    at = asked_at_ms // 1000
    for customer, value in values.items():
        mark = mark_of(customer, value, at=at)
        step = step_of(mark, holds.get(customer, ()), asked_at_ms=asked_at_ms, now_ms=stores.now_ms)
        if step is HoldStep.WRITE:
            stores.holds.want_write(customer, at=at)
        elif mark is not None and step is not HoldStep.NOTHING:
            _take(stores, customer, mark, step, asked_at_ms=asked_at_ms)


def _take(
    stores: Stores, customer: str, mark: HoldMark, step: HoldStep, *, asked_at_ms: int
) -> None:
    at, hold_id = asked_at_ms // 1000, mark.id
    match step:
        case HoldStep.ADD:
            stores.holds.add(_from_stripe(hold_id, customer, mark))
        case HoldStep.SWITCH_ON_AGAIN:
            hold_id = new_id("hld")
            stores.holds.add(_from_stripe(hold_id, customer, mark))
        case HoldStep.REMEMBER:
            stores.holds.add(_lifted_elsewhere(customer, mark, asked_at_ms=asked_at_ms))
            return
        case HoldStep.LIFT:
            stores.holds.lift(mark.id, by=mark.by, reason=mark.reason, at=mark.at)
            stores.holds.confirm_lifts(customer, at_ms=asked_at_ms)
    stores.audit.record(
        at=at,
        actor=_BY_SYSTEM,
        action="customer.hold_at_stripe" if mark.is_on else "customer.release_at_stripe",
        subject=customer,
        detail={"hold": hold_id, "by": mark.by, "reason": mark.reason},
    )


def _from_stripe(hold_id: str, customer: str, mark: HoldMark) -> Hold:
    return Hold(hold_id, customer, mark.reason, mark.by, mark.at, is_from_stripe=True)


def _lifted_elsewhere(customer: str, mark: HoldMark, *, asked_at_ms: int) -> Hold:
    return Hold(
        mark.id,
        customer,
        "Set and lifted elsewhere.",
        "@elsewhere",
        mark.at,
        is_from_stripe=True,
        lifted_by=mark.by,
        lifted_at=mark.at,
        lift_reason=mark.reason,
        lift_confirmed_at_ms=asked_at_ms,
    )
