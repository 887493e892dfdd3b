"""Stripe's event types that mean something here, and what to ask Stripe for when one arrives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lib.domain.charges import Evidence
from lib.domain.mirror import Event
from lib.services.mirror.refetch import Refetcher

Ask = Callable[[Refetcher, str], object]


@dataclass(frozen=True, slots=True)
class EventFamily:
    """What happens to objects of one type."""

    events: tuple[str, ...]
    """Beginnings of the event types that are about such an object."""
    refresh: Ask
    forget: Ask | None = None
    """For objects of which it matters that they are gone."""
    gone: frozenset[str] = frozenset()
    """Event types after which the object never comes back, so there is nothing to ask."""
    begins: frozenset[str] = frozenset()
    """Event types that say no more than that the object is there."""
    knows: Callable[[Refetcher, str], bool] = lambda ask, id_: False
    """Whether it is here, so that such an event is no news."""


# By Stripe's `object`. To mirror one more type: a method of the Refetcher, and a line here.
EVENT_FAMILIES: dict[str, EventFamily] = {
    "checkout.session": EventFamily(("checkout.session.",), lambda ask, id_: ask.session(id_)),
    "setup_intent": EventFamily(
        ("setup_intent.",),
        lambda ask, id_: ask.setup_intent(id_),
        begins=frozenset({"setup_intent.created"}),
        knows=lambda ask, id_: ask.knows_setup_intent(id_),
    ),
    "payment_method": EventFamily(
        ("payment_method.",),
        lambda ask, id_: ask.payment_method(id_),
        forget=lambda ask, id_: ask.forget_payment_method(id_),
        gone=frozenset({"payment_method.detached"}),
    ),
    "payment_intent": EventFamily(
        ("payment_intent.",),
        lambda ask, id_: ask.payment_intent(id_, evidence=Evidence.EVENT),
        begins=frozenset({"payment_intent.created"}),
        knows=lambda ask, id_: ask.knows_payment_intent(id_),
    ),
    "customer": EventFamily(
        ("customer.created", "customer.updated", "customer.deleted"),
        lambda ask, id_: ask.customer(id_),
        forget=lambda ask, id_: ask.forget_customer(id_),
    ),
    "charge": EventFamily(("charge.",), lambda ask, id_: ask.charge(id_)),
    "refund": EventFamily(("refund.", "charge.refund."), lambda ask, id_: ask.refund(id_)),
    "dispute": EventFamily(("charge.dispute.",), lambda ask, id_: ask.dispute(id_)),
}
_BY_BEGINNING = sorted(
    ((beginning, name) for name, kind in EVENT_FAMILIES.items() for beginning in kind.events),
    # The longest says most: charge.dispute.created is about a dispute, not about a charge.
    key=lambda pair: -len(pair[0]),
)

TYPE_NOT_NEEDED = "type_not_needed"
WRONG_LIVEMODE = "wrong_livemode"
OTHER_ACCOUNT = "other_account"
OTHER_PURPOSE = "other_purpose"
VANISHED = "vanished"
LEFT_OUT = "left_out"


def family_of(event_type: str, object_type: str | None) -> str | None:
    """
    The name in `KINDS` of what an event is about; None when its type means nothing to us.

    Stripe's `object` decides; the event type does where that is missing or has a new name.
    """
    by_type = next((name for start, name in _BY_BEGINNING if event_type.startswith(start)), None)
    if by_type is None:
        return None
    return object_type if object_type in EVENT_FAMILIES else by_type


def why_ignored(event: Event, *, livemode: bool) -> str | None:
    """A stable code when the event is not for us; None when it has to be processed."""
    if event.account is not None:
        return OTHER_ACCOUNT
    if event.livemode != livemode:
        return WRONG_LIVEMODE
    if family_of(event.type, event.object_type) is None:
        return TYPE_NOT_NEEDED
    if event.object_type == "checkout.session" and event.mode not in (None, "setup"):
        # A session never changes its mode, so the event may say so and a request is saved.
        return OTHER_PURPOSE
    return None
