"""Rules for charging a saved payment method, and what staff are told when it may not be charged."""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from datetime import date

from lib.domain.method_types import CHARGEABLE_TYPES, METHOD_TYPES
from lib.domain.mirror import PaymentMethod
from lib.domain.runs import Finding, Severity
from lib.money import Money, format_money

_EXPIRES_SOON_MONTHS = 2
_BRANDS = {
    "amex": "American Express",
    "jcb": "JCB",
    "unionpay": "UnionPay",
    "diners": "Diners Club",
}
_DIGITS_WITHOUT_CARD = {"inr": 9, "cop": 10, "idr": 12}


def is_expired(method: PaymentMethod, today: date) -> bool:
    """A card is good until the last day of its month."""
    if method.exp_year is None or method.exp_month is None:
        return False
    return (method.exp_year, method.exp_month) < (today.year, today.month)


def expires_soon(method: PaymentMethod, today: date) -> bool:
    if method.exp_year is None or method.exp_month is None or is_expired(method, today):
        return False
    months = (method.exp_year - today.year) * 12 + method.exp_month - today.month
    return months < _EXPIRES_SOON_MONTHS


def is_due(method: PaymentMethod, today: date) -> bool:
    """Expired, or soon."""
    return is_expired(method, today) or expires_soon(method, today)


def why_not_usable(method: PaymentMethod, today: date) -> str | None:
    """A short phrase for staff, or None when the method may be charged."""
    if method.is_detached:
        return "removed"
    if method.customer is None:
        return "needs a customer"
    if method.type not in CHARGEABLE_TYPES:
        return f"{label_of(method.type, None, None)} cannot be charged later"
    if is_expired(method, today):
        return "expired"
    return None


def usable(
    methods: Sequence[PaymentMethod], *, never_again: Set[str], today: date, besides: str | None
) -> list[PaymentMethod]:
    """
    Those that can be charged, newest first.

    Args:
        besides: a method that is to be replaced; it does not count, nor what expires no later.
    """
    chargeable = [
        method
        for method in methods
        if why_not_usable(method, today) is None and method.fingerprint not in never_again
    ]
    old = next((method for method in methods if method.id == besides), None)
    if old is None:
        return chargeable
    return [
        method for method in chargeable if method.id != besides and _expiry(method) > _expiry(old)
    ]


def _expiry(method: PaymentMethod) -> tuple[int, int]:
    """What never expires comes last."""
    return method.exp_year or 9999, method.exp_month or 12


def largest(method: PaymentMethod, currency: str) -> int:
    """
    The most that Stripe takes from such a method at once, in minor units.

    Source: https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts. The eight digits of
    JCB, Diners and Discover hold for accounts in Japan only, and are left to Stripe; so are limits that
    Stripe raises for an account.
    """
    known = METHOD_TYPES.get(method.type)
    if known is not None and currency in known.most:
        return known.most[currency]
    if method.type == "card":
        digits = 9 if method.brand == "amex" else 12
    else:
        digits = _DIGITS_WITHOUT_CARD.get(currency, 8)
    return int(10**digits) - 1


def only_currency(method: PaymentMethod) -> str | None:
    """The one that its scheme takes; None where it takes any."""
    known = METHOD_TYPES.get(method.type)
    return known.currency if known is not None else None


def cannot_take(method: PaymentMethod, money: Money) -> Finding | None:
    """That Stripe would refuse the sum or its currency of such a method, whatever the bank says."""
    only, most = only_currency(method), largest(method, money.currency)
    if only not in (None, money.currency):
        code = "currency_not_supported"
        message = f"{label(method)} takes {only.upper()} only, and this is in {money.currency.upper()}. Use another method."
    elif money.amount > most:
        code = "amount_too_large_for_method"
        message = f"{label(method)} takes at most {format_money(most, money.currency)} at once. Split the sum, or use another method."
    else:
        return None
    return Finding(code, Severity.RED, message, "payment_method")


@dataclass(frozen=True, slots=True)
class MethodChoice:
    method: PaymentMethod
    note: str | None
    """What a person should know of this choice; None when it was the only one, or the default."""


def choose(
    methods: Sequence[PaymentMethod],
    default: str | None,
    today: date,
    *,
    was_tried: Callable[[str], bool],
    is_refused: Callable[[str], bool],
) -> MethodChoice | None:
    """
    The method that is charged when nobody named one: the customer's default, else the newest that can be.

    One that failed for the same debt gives way to one that was not tried, and one that must not be
    charged again for it to any other; then it is said. None when none can be charged at all.

    Args:
        methods: of one customer, newest first.
        default: the id of the customer's default method.
        was_tried, is_refused: by the id of a method, for this debt.
    """
    usable = [method for method in methods if why_not_usable(method, today) is None]
    if len(usable) < 2:
        return MethodChoice(usable[0], None) if usable else None

    def rank(method: PaymentMethod) -> tuple[bool, bool, bool]:
        return is_refused(method.id), was_tried(method.id), method.id != default

    # The newest of equals, as they come in that order.
    chosen = min(usable, key=rank)
    preferred = next((method for method in usable if method.id == default), None)
    if preferred is not None and chosen is not preferred:
        why = (
            "failed for this reference" if was_tried(preferred.id) else "must not be charged again"
        )
        note = f"The default, {label(preferred)}, {why}: {label(chosen)} is charged."
    elif preferred is None:
        which = "newest" if chosen is usable[0] else "newest that did not fail for this reference"
        note = (
            f"{len(usable)} saved methods and no default: the {which} is charged, {label(chosen)}."
        )
    else:
        note = None
    return MethodChoice(chosen, note)


def label(method: PaymentMethod) -> str:
    """ "Visa ···· 4242", "SEPA debit ···· 3000"."""
    return label_of(method.type, method.brand, method.last4)


def label_of(method_type: str, brand: str | None, last4: str | None) -> str:
    name = name_of(method_type, brand)
    return f"{name} ···· {last4}" if last4 else name


def name_of(method_type: str, brand: str | None) -> str:
    """Its label without the digits."""
    if method_type == "card" and brand:
        return _BRANDS.get(brand, brand.replace("_", " ").capitalize())
    known = METHOD_TYPES.get(method_type)
    return known.label if known else method_type.replace("_", " ").capitalize()


def this_and_next_month(today: date) -> dict[str, int]:
    """The months of cards that expire soon: year, month, next_year, next_month."""
    is_december = today.month == 12
    return {
        "year": today.year,
        "month": today.month,
        "next_year": today.year + is_december,
        "next_month": 1 if is_december else today.month + 1,
    }
