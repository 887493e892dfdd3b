"""
Types of payment method that Stripe can save for later: which Onfile charges, which its links offer, and why.

A bank debit takes the currency of its scheme alone; ACSS debits, which take two, are left to Stripe.

Each entry names the page under https://docs.stripe.com/payments that decides, as it stood in May 2026, and
what it says. A type is charged when that page charges it with what Onfile sends and nothing more: customer,
payment method, `off_session`, `confirm`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lib.domain.messages import translatable

_PAGES = "https://docs.stripe.com/payments/"


@dataclass(frozen=True, slots=True)
class DebitTerms:
    """What staff should know of a debit from a bank account before they wait for it."""

    takes: str
    """How long it is until the outcome is known, as a person says it."""
    reversal: str
    """For how long the customer's bank may take the money back; follows "can take the money back"."""
    notice: str = (
        "Stripe mails the customer before each debit unless that is switched off in its Dashboard."
    )
    is_final: bool = True
    """Whether such a dispute leaves nothing to answer."""
    fails_late: bool = True
    """Whether the bank may report a failure after Stripe reported success."""
    more: str = ""

    @property
    def sentence(self) -> str:
        final = " and cannot be contested" if self.is_final else ""
        late = " So does a failure that the bank reports late." if self.fails_late else ""
        return (
            f"A bank debit: its outcome takes {self.takes}, and until then it is “Processing”. The "
            f"customer's bank can take the money back {self.reversal}; that comes as a dispute{final}.{late} "
            f"The customer agreed to a mandate on Stripe's page. {self.notice} {self.more}"
        ).rstrip()


@dataclass(frozen=True, slots=True)
class MethodType:
    label: str
    """What is no proper name is translated for customers."""
    page: str
    """Under _PAGES; the source of all that is said here."""
    why_not_offered: str | None = None
    """Why links keep it off; None when they offer it."""
    is_chargeable: bool = True
    debit: DebitTerms | None = None
    currency: str | None = None
    """The only one that it takes, where there is one by the scheme that it belongs to; None: Stripe decides."""
    most: Mapping[str, int] = field(default_factory=dict)
    """What Stripe takes at once at most, in minor units by currency, where its page sets a limit of its own."""

    @property
    def url(self) -> str:
        return _PAGES + self.page


def _never(label: str, page: str, why: str) -> MethodType:
    return MethodType(label, page, why, is_chargeable=False)


_OTHER_ID = "it is saved as a SEPA debit under another id, which Onfile does not follow"

METHOD_TYPES: Mapping[str, MethodType] = {
    # "Set up future payments", step "charge the payment method later": `off_session` and `confirm`.
    "card": MethodType(translatable("Card"), "checkout/save-and-reuse"),
    # "Charge the saved payment method later": `off_session` true, `confirm` true.
    "link": MethodType("Link", "link/save-and-reuse"),
    # Each of these: Checkout in setup mode saves it; "when confirming … `off_session` must be set to true if
    # the customer isn't in a checkout flow". Revoked by the customer: mandate.updated.
    "amazon_pay": MethodType("Amazon Pay", "amazon-pay/set-up-future-payments"),
    "cashapp": MethodType("Cash App Pay", "cash-app-pay/set-up-payment"),
    # "Recurring payments must be made with automatic capture", which is what we do; so for all three of Korea.
    "kakao_pay": MethodType("Kakao Pay", "kakao-pay/set-up-future-payments"),
    "kr_card": MethodType(translatable("Korean card"), "kr-card/set-up-future-payments"),
    "naver_pay": MethodType("Naver Pay", "naver-pay/set-up-future-payments"),
    # "Set off_session to true … confirm … payment_method … customer". Offered only once PayPal lets the account
    # take recurring payments: on for most, else up to five business days after asking in the Dashboard.
    "paypal": MethodType("PayPal", "paypal/set-up-future-payments"),
    # Setup mode, `usage` off_session; a payment with the customer present always goes through Revolut's app.
    "revolut_pay": MethodType("Revolut Pay", "revolut-pay/set-up-future-payments"),
    # "`return_url` isn't required when using a method that was previously set up with a SetupIntent".
    # "Maximum amount: 5000.00 CHF" (payments/twint).
    "twint": MethodType(
        "TWINT", "twint/save-during-payment", currency="chf", most={"chf": 500_000}
    ),
    # "Up to 4 business days"; disputes "up to 60 calendar days after a debit on a personal account, or up to
    # 2 business days for a business account", late ones in rare instances, final, and the mandate ends.
    # Mailed by default: the mandate's confirmation and micro-deposits, not each debit.
    "us_bank_account": MethodType(
        translatable("US bank account"),
        "ach-direct-debit",
        currency="usd",
        debit=DebitTerms(
            "up to 4 business days",
            "for 60 days, on a company's account for 2 business days, and rarely later",
            notice="Stripe mails the mandate to the customer, not each debit.",
            more="After a dispute the account has to be saved again.",
        ),
    ),
    # "T+6"; "wait at least 6 business days"; eight weeks "no questions asked", 13 months if unauthorized;
    # "limit of 10,000 EUR each … higher limits: contact support".
    "sepa_debit": MethodType(
        translatable("SEPA debit"),
        "sepa-debit",
        currency="eur",
        debit=DebitTerms(
            "about 6 business days",
            "for 8 weeks without a reason, and for 13 months if it was not agreed to",
            more="Stripe takes up to €10,000 at once unless it raised the account's limit.",
        ),
    ),
    # "4 business days … when a mandate is already in place, 7 when you must collect a new one"; "for an
    # unlimited period of time", final; "limit of 100,000 GBP each".
    "bacs_debit": MethodType(
        translatable("Bacs debit"),
        "bacs-debit",
        currency="gbp",
        debit=DebitTerms(
            "4 business days, the first time 7",
            "without a limit in time",
            more="Stripe takes up to £100,000 at once unless it raised the account's limit.",
        ),
    ),
    # "Up to three business days"; "for up to 7 years … no questions asked", final; new users "10,000 AUD per
    # transaction". The mail comes the day before.
    "au_becs_debit": MethodType(
        translatable("BECS debit"),
        "au-becs-debit",
        currency="aud",
        debit=DebitTerms(
            "up to 3 business days",
            "for 7 years without a reason",
            fails_late=False,
            more="Of new accounts Stripe takes up to A$10,000 at once.",
        ),
    ),
    # "Up to two business days"; "up to 9 months from the date of the first payment" if not authorized, "120 days"
    # if notified wrongly. Charged by customer, method, confirm, off_session (nz-bank-account/set-up-payment).
    "nz_bank_account": MethodType(
        translatable("New Zealand bank account"),
        "nz-bank-account",
        currency="nzd",
        debit=DebitTerms(
            "up to 2 business days",
            "for 9 months after the first debit if it was not agreed to, and for 120 days if it was "
            "announced wrongly",
            is_final=False,
            fails_late=False,
        ),
    ),
    # "Up to 5 business days"; "no questions asked … 90 calendar days on a personal account or 10 business days
    # for a business account", final. "Each mandate must specify a payment schedule" and a transaction type;
    # "sporadic … only with the express authorization of the customer at the time of payment".
    "acss_debit": MethodType(
        translatable("ACSS debit"),
        "acss-debit",
        "its mandate has to say when it is debited and whether a company's account is, which Onfile does not "
        "ask for; one that was saved elsewhere is charged",
        debit=DebitTerms(
            "up to 5 business days",
            "for 90 days without a reason, on a company's account for 10 business days",
            more="If the mandate says “sporadic”, the customer has to agree to each payment beforehand.",
        ),
    ),
    # "Checkout: not supported in … setup mode"; recurring payments "require approval".
    "alipay": _never("Alipay", "alipay", "Stripe's setup page does not save it"),
    # "Recurring payments: with SEPA Direct Debit".
    "bancontact": _never("Bancontact", "bancontact", _OTHER_ID),
    "ideal": _never("iDEAL", "ideal", _OTHER_ID),
    # "Recurring payments: private preview"; "present the mandate terms, including the price, charge cycle, end
    # date"; not all banks; at most 2,000 PLN; the bank confirms each charge.
    "blik": _never(
        "BLIK",
        "blik/set-up-payment",
        "its mandate names price, dates and end beforehand, and Stripe opens it to few accounts",
    ),
    # "Customer-initiated": a voucher for each payment.
    "boleto": _never("Boleto", "boleto", "the customer pays each voucher by hand"),
    # On demand: `off_session` false, "the customer is in a checkout flow"; subscriptions need their lines.
    "klarna": _never(
        "Klarna",
        "klarna/set-up-future-payments",
        "outside of subscriptions the customer has to be there for each payment",
    ),
    # "Specify the terms of the mandate you want your customer to agree to".
    "payto": _never(
        "PayTo",
        "payto/set-up-payment",
        "its mandate names terms beforehand, which Onfile does not ask for",
    ),
    # `mandate_options`: amount 400 BRL, monthly unless said otherwise; no day twice; three days' notice.
    "pix": _never(
        "Pix",
        "pix/pix-automatico",
        "its mandate allows one charge a month, or another fixed cycle, up to a sum named beforehand",
    ),
    # "Recurring payments: No", although the SDK's type would take `off_session`.
    "satispay": _never("Satispay", "satispay", "it is for payments with the customer only"),
    # "Discontinued as of 31 March 2025".
    "sofort": _never("Sofort", "sofort/accept-a-payment", "it ended in March 2025"),
    # `mandate_options`: amount 15,000 INR unless said otherwise, "the maximum that can be charged
    # automatically"; the bank announces each charge 24 hours before.
    "upi": _never(
        "UPI",
        "upi/upi-autopay",
        "its mandate is for a sum named beforehand, of at most 15,000 INR",
    ),
}

CHARGEABLE_TYPES = frozenset(kind for kind, it in METHOD_TYPES.items() if it.is_chargeable)
NOT_OFFERED: Mapping[str, MethodType] = {
    kind: it for kind, it in METHOD_TYPES.items() if it.why_not_offered is not None
}
OFFERED: Mapping[str, MethodType] = {
    kind: it for kind, it in METHOD_TYPES.items() if it.why_not_offered is None
}


def debit_terms(kind: str | None) -> DebitTerms | None:
    """None for what is no bank debit."""
    known = METHOD_TYPES.get(kind or "")
    return known.debit if known else None
