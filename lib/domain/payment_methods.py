"""Rules for charging a saved payment method, and what staff are told when it may not be charged."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from lib.domain.mirror import PaymentMethod
from lib.errors import Blocked
from lib.money import Money, format_money

# Charged off-session with what Onfile sends: customer, method, `off_session` and `confirm`. Sources: the
# "save details" page of each under https://docs.stripe.com/payments, and SDK 16.1, whose
# `setup_future_usage` takes `off_session` for all of them.
CHARGEABLE_TYPES = frozenset(
    {
        "card",
        "link",
        "us_bank_account",
        "sepa_debit",
        "bacs_debit",
        "au_becs_debit",
        "acss_debit",
        "paypal",
        "amazon_pay",
        "cashapp",
        "revolut_pay",
    }
)
_OTHER_ID = "it is saved as a SEPA debit under another id, which Onfile does not follow"
_TERMS = "its mandate names amounts or dates in advance, which Onfile does not ask for"
_NOT_TRIED = "whether it can be charged later without the customer was not proven"
NOT_OFFERED: Mapping[str, str] = {
    "acss_debit": "its mandate names a schedule and who owns the account, which Onfile does not ask for",
    "alipay": _NOT_TRIED,
    "bancontact": _OTHER_ID,
    "blik": _TERMS,
    "boleto": "the customer pays each slip by hand",
    "ideal": _OTHER_ID,
    "kakao_pay": _NOT_TRIED,
    "klarna": "each payment needs the customer, or order lines that Onfile does not have",
    "kr_card": _NOT_TRIED,
    "naver_pay": _NOT_TRIED,
    "nz_bank_account": _NOT_TRIED,
    "payto": _TERMS,
    "pix": _TERMS,
    "satispay": _NOT_TRIED,
    "sofort": _OTHER_ID,
    "twint": _NOT_TRIED,
}
"""Types that Stripe can save for later and Onfile keeps off its links, each with why."""

OFFERED = CHARGEABLE_TYPES - NOT_OFFERED.keys()


@dataclass(frozen=True, slots=True)
class DebitTerms:
    """What staff should know of a debit from a bank account before they wait for it."""

    days: str
    """Business days until the outcome is known, as a person says it."""
    reversal: str
    """For how long the customer's bank may take the money back, as a sentence."""

    @property
    def sentence(self) -> str:
        return (
            f"A bank debit: the outcome comes after {self.days} business days, and is “Processing” until "
            f"then. {self.reversal} The customer agreed to a mandate on Stripe's page, and Stripe mails "
            "the notice that has to come before a debit unless that is switched off in its Dashboard."
        )


# https://docs.stripe.com/payments/bank-debits and the page of each.
DEBITS: Mapping[str, DebitTerms] = {
    "acss_debit": DebitTerms("about 5", "The customer can dispute it for 90 days."),
    "au_becs_debit": DebitTerms("about 3", "The customer can dispute it for 7 years."),
    "bacs_debit": DebitTerms(
        "about 4, the first one about 7", "The customer can dispute it without a limit in time."
    ),
    "sepa_debit": DebitTerms(
        "about 5, rarely up to 14",
        "The customer can have it back for 8 weeks without a reason, and for 13 months if it was not agreed.",
    ),
    "us_bank_account": DebitTerms(
        "about 4",
        "It can still fail after it succeeded, and a private customer can dispute it for 60 days.",
    ),
}
_EXPIRES_SOON_MONTHS = 2
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


def largest(method: PaymentMethod, currency: str) -> int:
    """
    The most that Stripe takes from such a method at once, in minor units.

    Source: https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts. The eight digits of
    JCB, Diners and Discover hold for accounts in Japan only, and are left to Stripe.
    """
    if method.type == "card":
        digits = 9 if method.brand == "amex" else 12
    else:
        digits = _DIGITS_WITHOUT_CARD.get(currency, 8)
    return int(10**digits) - 1


def check_largest(method: PaymentMethod, money: Money) -> None:
    """
    Raises:
        Blocked: Stripe would refuse the sum for its length, whatever the bank says.
    """
    most = largest(method, money.currency)
    if money.amount > most:
        raise Blocked(
            f"{label(method)} takes at most {format_money(most, money.currency)} at once. Split the sum, or use another method.",
            code="amount_too_large_for_method",
        )


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
    names = {
        "amex": "American Express",
        "jcb": "JCB",
        "unionpay": "UnionPay",
        "diners": "Diners Club",
        "sepa_debit": "SEPA debit",
        "us_bank_account": "US bank account",
        "bacs_debit": "Bacs debit",
        "au_becs_debit": "BECS debit",
        "acss_debit": "ACSS debit",
        "paypal": "PayPal",
        "amazon_pay": "Amazon Pay",
        "cashapp": "Cash App Pay",
        "revolut_pay": "Revolut Pay",
        "ideal": "iDEAL",
        "blik": "BLIK",
        "twint": "TWINT",
        "payto": "PayTo",
        "kakao_pay": "Kakao Pay",
        "kr_card": "Korean cards",
        "naver_pay": "Naver Pay",
        "nz_bank_account": "New Zealand bank account",
    }
    kind = (brand or "card") if method_type == "card" else method_type
    name = names.get(kind, kind.replace("_", " ").capitalize())
    return f"{name} ···· {last4}" if last4 else name


def this_and_next_month(today: date) -> dict[str, int]:
    """The months of cards that expire soon: year, month, next_year, next_month."""
    is_december = today.month == 12
    return {
        "year": today.year,
        "month": today.month,
        "next_year": today.year + is_december,
        "next_month": 1 if is_december else today.month + 1,
    }
