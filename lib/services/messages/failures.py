"""Failures of charges as their customers are told of them, and the links that mend them."""

from __future__ import annotations

from collections.abc import Sequence

from lib.domain.links import SetupLink
from lib.services.charges.view import ChargeView
from lib.wording.messages import Owed


def is_told(view: ChargeView) -> bool:
    """Whether its customer is told of this failure, because they can do something about it."""
    return (
        view.failure is not None
        and view.refusal is None
        and view.failure.explanation.customer_message is not None
    )


def offers_link(view: ChargeView) -> bool:
    return view.failure is not None and view.failure.explanation.offers_link


def newest_link(views: Sequence[ChargeView]) -> SetupLink | None:
    """Of those made in the same second, the one of the last row."""
    links = [
        (view.recovery_link.created_at, at, view.recovery_link)
        for at, view in enumerate(views)
        if view.recovery_link is not None
    ]
    return max(links, key=lambda one: one[:2])[2] if links else None


def owed_of_view(view: ChargeView) -> Owed:
    charge = view.charge
    return Owed(
        charge.reference,
        charge.amount,
        charge.currency,
        view.failure.explanation.customer_message if view.failure else None,
    )
