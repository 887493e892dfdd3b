"""The test numbers of https://docs.stripe.com/testing and how each behaves.

Stripe's own numbers cannot show every refusal on a *saved* card: those that decline for a lost or
an expired card cannot be saved at all. The numbers that begin with 4000 9000 0000 0 are
therefore Onfile's own, for practice only: they are saved like any card and refuse later. Stripe
does not know them. No number is ever stored: an object keeps the card's `slug`.
"""

from __future__ import annotations

from lib.practice.card_numbers import normalized
from lib.practice.cards import AfterCharge, AtCharge, AtSetup, Card


def _brand(slug: str, number: str, brand: str, funding: str, country: str) -> Card:
    note = f"Succeeds ({brand}, {funding}, {country})"
    return Card(slug, number, note, brand=brand, funding=funding, country=country)


def _refused_at_setup(slug: str, number: str, decline: str) -> Card:
    note = f"Refused when given: {decline.replace('_', ' ')}"
    return Card(slug, number, note, AtSetup.REFUSED, AtCharge.DECLINES, decline)


def _practice(number: str, decline: str) -> Card:
    return Card(
        slug=f"practice_{decline}",
        number=number,
        note=f"Saved; every charge fails: {decline.replace('_', ' ')}",
        at_charge=AtCharge.DECLINES,
        decline=decline,
        is_practice_only=True,
    )


def _debit(slug: str, number: str, type_: str, country: str) -> Card:
    """A bank account of the documentation's test numbers."""
    return Card(
        slug,
        number,
        f"A bank account ({type_}): charges stay processing for days",
        at_charge=AtCharge.PROCESSES,
        brand="",
        funding="",
        country=country,
        type=type_,
    )


def _wallet(type_: str, name: str) -> Card:
    """Signing in at a wallet, which has no number: typing its name stands for it."""
    return Card(
        f"practice_{type_}",
        name.replace(" ", "").upper(),
        f"{name}: charges succeed",
        brand="",
        funding="",
        type=type_,
        is_practice_only=True,
    )


CARDS: tuple[Card, ...] = (
    Card("visa", "4242424242424242", "Succeeds"),
    Card(
        "chargeCustomerFail",
        "4000000000000341",
        "Saved; every charge is declined",
        at_charge=AtCharge.DECLINES,
    ),
    Card(
        "authenticationRequired",
        "4000002760003184",
        "Asks for 3-D Secure; every off-session charge asks again and fails",
        AtSetup.ASKS,
        AtCharge.ALWAYS_ASKS,
        "authentication_required",
        asks_on_session=True,
    ),
    Card(
        "authenticationRequiredOnSetup",
        "4000002500003155",
        "Asks for 3-D Secure once; off-session charges then succeed",
        AtSetup.ASKS,
        AtCharge.ASKS_UNLESS_SET_UP,
        "authentication_required",
        asks_on_session=True,
    ),
    Card(
        "authenticationRequiredSetupForOffSession",
        "4000003800000446",
        "Asks for 3-D Secure; off-session charges succeed",
        AtSetup.ASKS,
        asks_on_session=True,
    ),
    Card(
        "authenticationRequiredChargeDeclinedInsufficientFunds",
        "4000008260003178",
        "Asks for 3-D Secure; every charge fails: insufficient funds",
        AtSetup.ASKS,
        AtCharge.DECLINES,
        "insufficient_funds",
    ),
    Card(
        "threeDSecureRequiredChargeDeclined",
        "4000008400001629",
        "Asks for 3-D Secure, then refused",
        AtSetup.ASKS_THEN_REFUSED,
        AtCharge.DECLINES,
    ),
    _refused_at_setup("visa_chargeDeclined", "4000000000000002", "generic_decline"),
    _refused_at_setup(
        "visa_chargeDeclinedInsufficientFunds", "4000000000009995", "insufficient_funds"
    ),
    _refused_at_setup("visa_chargeDeclinedLostCard", "4000000000009987", "lost_card"),
    _refused_at_setup("visa_chargeDeclinedStolenCard", "4000000000009979", "stolen_card"),
    _refused_at_setup(
        "visa_chargeDeclinedVelocityLimitExceeded", "4000000000006975", "card_velocity_exceeded"
    ),
    _refused_at_setup("chargeDeclinedExpiredCard", "4000000000000069", "expired_card"),
    _refused_at_setup("chargeDeclinedIncorrectCvc", "4000000000000127", "incorrect_cvc"),
    _refused_at_setup("chargeDeclinedProcessingError", "4000000000000119", "processing_error"),
    Card(
        "radarBlock",
        "4100000000000019",
        "Saved; every charge is blocked by Radar",
        at_charge=AtCharge.DECLINES,
        decline="fraudulent",
        risk_level="highest",
    ),
    Card(
        "riskLevelHighest",
        "4000000000004954",
        "Saved; charges have the highest risk and are blocked",
        at_charge=AtCharge.DECLINES,
        decline="fraudulent",
        risk_level="highest",
    ),
    Card(
        "riskLevelElevated",
        "4000000000009235",
        "Succeeds with an elevated risk",
        risk_level="elevated",
    ),
    Card(
        "createDispute",
        "4000000000000259",
        "Succeeds, then is disputed",
        after_charge=AfterCharge.DISPUTED,
    ),
    Card(
        "createDisputeInquiry",
        "4000000000001976",
        "Succeeds, then the bank inquires about it",
        after_charge=AfterCharge.INQUIRED,
    ),
    Card(
        "pendingRefund",
        "4000000000007726",
        "Succeeds; a refund stays pending",
        after_charge=AfterCharge.REFUND_PENDS,
    ),
    Card(
        "refundFail",
        "4000000000005126",
        "Succeeds; a refund fails later",
        after_charge=AfterCharge.REFUND_FAILS,
    ),
    _brand("visa_debit", "4000056655665556", "visa", "debit", "US"),
    _brand("mastercard", "5555555555554444", "mastercard", "credit", "US"),
    _brand("mastercard_debit", "5200828282828210", "mastercard", "debit", "US"),
    _brand("mastercard_prepaid", "5105105105105100", "mastercard", "prepaid", "US"),
    _brand("amex", "378282246310005", "amex", "credit", "US"),
    _brand("discover", "6011111111111117", "discover", "credit", "US"),
    _brand("diners", "3056930009020004", "diners", "credit", "US"),
    _brand("jcb", "3566002020360505", "jcb", "credit", "JP"),
    _brand("unionpay", "6200000000000005", "unionpay", "credit", "CN"),
    _brand("jp", "4000003920000003", "visa", "credit", "JP"),
    _brand("gb", "4000008260000000", "visa", "credit", "GB"),
    _brand("de", "4000002760000016", "visa", "credit", "DE"),
    _brand("fr", "4000002500000003", "visa", "credit", "FR"),
    _debit("sepaDebit", "DE89370400440532013000", "sepa_debit", "DE"),
    _debit("usBankAccount", "000123456789", "us_bank_account", "US"),
    Card(
        "usBankAccountMicrodeposits",
        "000123456780",
        "A bank account that is confirmed by micro-deposits, days later",
        AtSetup.VERIFIED_LATER,
        AtCharge.PROCESSES,
        brand="",
        funding="",
        type="us_bank_account",
        is_practice_only=True,
    ),
    _debit("bacsDebit", "00012345", "bacs_debit", "GB"),
    _debit("auBecsDebit", "000123456", "au_becs_debit", "AU"),
    _debit("acssDebit", "00012345678", "acss_debit", "CA"),
    _debit("nzBankAccount", "1100000000000010", "nz_bank_account", "NZ"),
    _wallet("link", "Link"),
    _wallet("klarna", "Klarna"),
    _wallet("paypal", "PayPal"),
    _wallet("cashapp", "Cash App Pay"),
    _wallet("amazon_pay", "Amazon Pay"),
    _wallet("revolut_pay", "Revolut Pay"),
    _wallet("kakao_pay", "Kakao Pay"),
    _wallet("kr_card", "Korean card"),
    _wallet("naver_pay", "Naver Pay"),
    _wallet("twint", "TWINT"),
    _practice("4000900000000011", "do_not_honor"),
    _practice("4000900000000029", "lost_card"),
    _practice("4000900000000037", "stolen_card"),
    _practice("4000900000000045", "expired_card"),
    _practice("4000900000000052", "incorrect_cvc"),
    _practice("4000900000000060", "processing_error"),
    _practice("4000900000000078", "try_again_later"),
    _practice("4000900000000086", "duplicate_transaction"),
    _practice("4000900000000094", "currency_not_supported"),
    _practice("4000900000000102", "card_velocity_exceeded"),
    _practice("4000900000000110", "pickup_card"),
    _practice("4000900000000128", "restricted_card"),
    _practice("4000900000000136", "transaction_not_allowed"),
    _practice("4000900000000144", "invalid_account"),
    _practice("4000900000000151", "call_issuer"),
    _practice("4000900000000169", "issuer_not_available"),
    _practice("4000900000000177", "reenter_transaction"),
    _practice("4000900000000185", "card_not_supported"),
    _practice("4000900000000193", "withdrawal_count_limit_exceeded"),
    _practice("4000900000000201", "stop_payment_order"),
    _practice("4000900000000219", "revocation_of_authorization"),
    _practice("4000900000000227", "card_decline_rate_limit_exceeded"),
    _practice("4000900000000235", "incorrect_number"),
    _practice("4000900000000243", "merchant_blacklist"),
    _practice("4000900000000250", "new_account_information_available"),
    _practice("4000900000000268", "insufficient_funds"),
    _practice("4000900000000276", "fraudulent"),
    Card(
        "practice_declines_first",
        "4000900000000284",
        "Saved; the first charge fails (insufficient funds), later ones succeed",
        at_charge=AtCharge.DECLINES_FIRST,
        decline="insufficient_funds",
        is_practice_only=True,
    ),
    Card(
        "practice_processing",
        "4000900000000292",
        "Saved; charges stay processing, as with Indian cards",
        at_charge=AtCharge.PROCESSES,
        country="IN",
        is_practice_only=True,
    ),
)

_BY_NUMBER = {card.number: card for card in CARDS}
_BY_SLUG = {card.slug: card for card in CARDS}


def by_number(number: str) -> Card | None:
    return _BY_NUMBER.get(normalized(number))


def by_slug(slug: str) -> Card:
    return _BY_SLUG[slug]


def by_token(token: str) -> Card | None:
    """The card behind a test token such as `pm_card_visa`."""
    return _BY_SLUG.get(token.removeprefix("pm_card_")) if token.startswith("pm_card_") else None
