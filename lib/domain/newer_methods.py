"""Methods that a customer saved after the default at Stripe: which of them is meant, only a person knows."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass
from datetime import date

from lib.domain import payment_methods
from lib.domain.charges import Attempt
from lib.domain.mirror import PaymentMethod
from lib.domain.retries import was_tried

NEWER_METHOD = "newer_method"
"""The finding that asks which of two methods is meant; a person who names one has answered."""
OLDER_METHOD_CHOSEN = "older_method_chosen"


def newer_method(
    method: PaymentMethod | None, default: str | None, usable: Sequence[PaymentMethod]
) -> PaymentMethod | None:
    """
    The newest usable method saved after the default, when the default is what would be charged.

    The same card saved again is no other method.
    """
    if method is None or method.id != default:
        return None
    later = [
        one
        for one in usable
        if one.created > method.created
        and (one.fingerprint is None or one.fingerprint != method.fingerprint)
    ]
    return max(later, key=lambda one: one.created, default=None)


def newer_untried(
    method: PaymentMethod | None,
    default: str | None,
    methods: Sequence[PaymentMethod],
    *,
    tried: Sequence[Attempt],
    never_again: Set[str],
    today: date,
) -> PaymentMethod | None:
    """`newer_method` of a customer's methods, for a debt and its tries."""
    usable = [
        one
        for one in methods
        if payment_methods.why_not_usable(one, today) is None
        and one.fingerprint not in never_again
        and not was_tried(tried, one.id)
    ]
    return newer_method(method, default, usable)


@dataclass(frozen=True, slots=True)
class UsualMethod:
    """The method that is charged when nobody names one, or why a person has to say which is meant."""

    method: PaymentMethod | None
    question: str | None = None


def usual_method(methods: Sequence[PaymentMethod], default: str | None) -> UsualMethod:
    """
    Of those that may be charged for a debt, newest first: the only one, or the default with nothing newer.
    """
    if len(methods) < 2:
        return UsualMethod(methods[0] if methods else None)
    preferred = next((one for one in methods if one.id == default), None)
    if preferred is None:
        return UsualMethod(
            None,
            f"{len(methods)} saved methods and no default at Stripe. Choose the one that is meant.",
        )
    newer = newer_method(preferred, default, methods)
    if newer is None:
        return UsualMethod(preferred)
    return UsualMethod(None, f"{saved_later(newer, preferred)} Choose the one that is meant.")


def saved_later(newer: PaymentMethod, default: PaymentMethod) -> str:
    return f"The customer saved {payment_methods.label(newer)} later than {payment_methods.label(default)}, the default at Stripe."
