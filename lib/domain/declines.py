"""
Reasons why a charge failed, in plain words: Stripe's codes mapped to eleven of them.

Sources: https://docs.stripe.com/declines/codes (next steps per code) and
https://docs.stripe.com/declines/card (advice codes, retry limits). `advice_code` outranks
`decline_code`. Codes are open lists; an unknown one falls back to "the bank refused".
`SECRET_CODES` are never named to a customer, nor in a file that travels: they would tell a thief what
the bank knows.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from lib.domain.messages import translatable
from lib.domain.mirror import Decline

_DAY = 86_400


class Reason(StrEnum):
    NOT_ENOUGH_MONEY = "not_enough_money"
    NEEDS_AUTHENTICATION = "needs_authentication"
    CARD_DETAILS = "card_details"
    BANK_REFUSED = "bank_refused"
    CARD_STOPPED = "card_stopped"
    NOT_SUPPORTED = "not_supported"
    TRY_LATER = "try_later"
    STRIPE_BLOCKED = "stripe_blocked"
    POSSIBLE_DUPLICATE = "possible_duplicate"
    OUR_DATA = "our_data"
    OUTCOME_UNKNOWN = "outcome_unknown"


@dataclass(frozen=True, slots=True)
class Explanation:
    staff: str
    """What happened."""
    next_step: str
    customer_message: str | None
    """What the customer may be told, in the catalogues' English; None when there is nothing for them to do."""
    offers_link: bool
    """A new setup link is the way back."""
    retry_after_seconds: int | None
    """When trying the same method again may work; None: never."""


EXPLANATIONS: dict[Reason, Explanation] = {
    Reason.NOT_ENOUGH_MONEY: Explanation(
        "The bank refused: not enough money on the account, or over a limit.",
        "Try again in a few days, or send a link for another card.",
        translatable(
            "Your bank declined to pay what is listed below. You can use another card on this page."
        ),
        offers_link=True,
        retry_after_seconds=2 * _DAY,
    ),
    Reason.NEEDS_AUTHENTICATION: Explanation(
        "The bank wants the customer to confirm.",
        "Send the link. The customer confirms once, then charge again.",
        translatable(
            "Your bank asks you to confirm what is listed below. It takes a minute on this page."
        ),
        offers_link=True,
        retry_after_seconds=None,
    ),
    Reason.CARD_DETAILS: Explanation(
        "The card has expired, was removed, or its details no longer match.",
        "Send a link so that the customer saves the card again.",
        translatable(
            "The details of your card have changed, or it has expired. Please save it again on this page."
        ),
        offers_link=True,
        retry_after_seconds=None,
    ),
    Reason.BANK_REFUSED: Explanation(
        "The bank refused and gives no reason.",
        "The customer should call the bank or use another card. One more try later may work.",
        translatable(
            "Your bank declined to pay what is listed below. Please contact your bank, or use another card on this page."
        ),
        offers_link=True,
        retry_after_seconds=_DAY,
    ),
    Reason.CARD_STOPPED: Explanation(
        "This card must not be charged again.",
        "Do not try again. Send a link for another card.",
        translatable(
            "Your bank declined to pay what is listed below. You can use another card on this page."
        ),
        offers_link=True,
        retry_after_seconds=None,
    ),
    Reason.NOT_SUPPORTED: Explanation(
        "The card cannot be used for this currency, amount or kind of payment.",
        "Use another method or another currency.",
        translatable(
            "Your card cannot be used for what is listed below. Please choose another one on this page."
        ),
        offers_link=True,
        retry_after_seconds=None,
    ),
    Reason.TRY_LATER: Explanation(
        "The bank or the network could not be reached.",
        "Try again later. Nothing is wrong with the card.",
        None,
        offers_link=False,
        retry_after_seconds=3600,
    ),
    Reason.STRIPE_BLOCKED: Explanation(
        "Stripe's risk rules stopped the payment.",
        "Look at the payment in Stripe before anything else.",
        translatable("What is listed below could not be paid. Please contact us."),
        offers_link=False,
        retry_after_seconds=None,
    ),
    Reason.POSSIBLE_DUPLICATE: Explanation(
        "The bank saw the same payment a moment ago.",
        "Check for an earlier payment first.",
        None,
        offers_link=False,
        retry_after_seconds=None,
    ),
    Reason.OUR_DATA: Explanation(
        "Stripe did not accept what we sent.",
        "Correct the details and charge again.",
        None,
        offers_link=False,
        retry_after_seconds=0,
    ),
    Reason.OUTCOME_UNKNOWN: Explanation(
        "We do not know yet whether the money moved.",
        "Wait: Onfile is finding out. Nothing can be charged for this reference until then.",
        None,
        offers_link=False,
        retry_after_seconds=None,
    ),
}

# Of bank debits, days after the charge: https://docs.stripe.com/payments/sepa-debit#failed-payments, whose
# next step for the first is "new account details", and for the second a new mandate or nothing at all.
_ACCOUNT_DETAILS = (
    "account_closed no_account account_number_invalid invalid_account_number branch_does_not_exist "
    "incorrect_account_holder_name incorrect_account_details bank_ownership_changed "
    "bank_account_unverified"
)
_MANDATE_ENDED = (
    "debit_not_authorized debit_authorization_not_match authorization_revoked debit_disputed "
    "mandate_invalid payment_intent_mandate_invalid india_recurring_payment_mandate_canceled "
    "recipient_deceased"
)
REASON_OF_CODE: dict[str, Reason] = {
    code: reason
    for reason, codes in {
        Reason.NOT_ENOUGH_MONEY: (
            "insufficient_funds withdrawal_count_limit_exceeded card_velocity_exceeded "
            "payment_limit_exceeded"
        ),
        Reason.NEEDS_AUTHENTICATION: (
            "authentication_required authentication_not_handled "
            "payment_intent_authentication_failure mobile_device_authentication_required"
        ),
        Reason.CARD_DETAILS: (
            "expired_card incorrect_address incorrect_cvc incorrect_number incorrect_zip "
            "invalid_cvc invalid_expiry_month invalid_expiry_year invalid_number "
            "invalid_account new_account_information_available expired_payment_information "
            "invalid_payment_information invalid_customer_account bank_account_unusable "
            "payment_method_unexpected_state expired_payment_method "
            f"{_ACCOUNT_DETAILS} "
            "incorrect_pin invalid_pin pin_try_exceeded offline_pin_required "
            "online_or_offline_pin_required"
        ),
        Reason.BANK_REFUSED: (
            "call_issuer do_not_honor generic_decline no_action_taken not_permitted "
            "security_violation service_not_allowed transaction_not_allowed card_declined "
            "partner_generic_decline payment_method_provider_decline payment_method_customer_decline "
            "bank_account_declined refer_to_customer generic_could_not_process could_not_process"
        ),
        Reason.CARD_STOPPED: (
            "do_not_try_again pickup_card restricted_card revocation_of_all_authorizations "
            "revocation_of_authorization stop_payment_order lost_card stolen_card fraudulent "
            "merchant_blacklist lost_or_stolen_card invalid_billing_agreement "
            "invalid_authorization payment_disputed compliance_violation "
            "partner_high_risk_customer payment_method_bank_account_blocked "
            f"{_MANDATE_ENDED}"
        ),
        Reason.NOT_SUPPORTED: (
            "card_not_supported currency_not_supported invalid_amount "
            "recurring_not_supported_by_bank partner_action_not_supported "
            "invalid_business_account testmode_decline bank_account_restricted "
            "payment_method_restricted payment_method_not_available "
            "payment_method_currency_mismatch payment_method_unsupported_type "
            "payment_intent_incompatible_payment_method"
        ),
        Reason.TRY_LATER: (
            "approve_with_id issuer_not_available reenter_transaction try_again_later "
            "processing_error "
            "card_decline_rate_limit_exceeded partner_payment_not_found rate_limit lock_timeout "
            "payment_method_provider_timeout"
        ),
        Reason.POSSIBLE_DUPLICATE: "duplicate_transaction",
        Reason.OUR_DATA: "amount_too_large amount_too_small",
        Reason.OUTCOME_UNKNOWN: "outcome_unknown",
    }.items()
    for code in codes.split()
}
SECRET_CODES = frozenset(
    {
        "fraudulent",
        "merchant_blacklist",
        "lost_card",
        "stolen_card",
        "lost_or_stolen_card",
        "recipient_deceased",
    }
)
"""As such only in staff's JSON and folded facts; all texts say `card_stopped`."""


@dataclass(frozen=True, slots=True)
class Failure:
    reason: Reason
    retry_allowed: bool
    retry_not_before: int | None
    """Unix seconds; None when a retry makes no sense or may be made at once."""

    @property
    def explanation(self) -> Explanation:
        return EXPLANATIONS[self.reason]


def explain(decline: Decline, *, http_status: int | None, at: int) -> Failure:
    """
    Turn Stripe's codes into a reason and retry advice.

    `at` is when the attempt ended, Unix seconds. A 400 is never the bank's doing: we sent
    something Stripe cannot accept, unless the code says what about the method is wrong.
    """
    reason = _reason(decline, http_status)
    after = EXPLANATIONS[reason].retry_after_seconds
    if decline.code == "card_decline_rate_limit_exceeded":
        after = _DAY
    if decline.advice_code == "do_not_try_again":
        after = None
    if after is None:
        return Failure(reason, retry_allowed=False, retry_not_before=None)
    return Failure(reason, retry_allowed=True, retry_not_before=at + after if after else None)


def never_executed(http_status: int | None) -> Reason:
    """Why Stripe did not take a charge: our key, or that it could not be reached; no bank was asked."""
    return Reason.OUR_DATA if http_status in (401, 403) else Reason.TRY_LATER


def _reason(decline: Decline, http_status: int | None) -> Reason:
    by_code = REASON_OF_CODE.get(decline.decline_code or "") or REASON_OF_CODE.get(
        decline.code or ""
    )
    if decline.outcome_type == "blocked":
        return Reason.STRIPE_BLOCKED
    if decline.advice_code == "do_not_try_again" and by_code in (
        None,
        Reason.BANK_REFUSED,
        Reason.NOT_ENOUGH_MONEY,
        Reason.TRY_LATER,
    ):
        return Reason.CARD_STOPPED
    if decline.advice_code == "confirm_card_data":
        return Reason.CARD_DETAILS
    specific = by_code not in (None, Reason.BANK_REFUSED)
    if decline.advice_code == "try_again_later" and not specific:
        return Reason.BANK_REFUSED
    if http_status in (400, 404) and _is_of_the_method(decline):
        return Reason.CARD_DETAILS
    if http_status in (400, 404) and not specific:
        return Reason.OUR_DATA
    return by_code or Reason.BANK_REFUSED


def _is_of_the_method(decline: Decline) -> bool:
    """
    Whether a refusal without a code of its own is about the saved method: removed at Stripe after the
    last look at it, say. The message begins with the parameter it is about.
    """
    message = decline.message or ""
    return decline.code in (None, "resource_missing") and (
        message.startswith("payment_method:") or "detached from a Customer" in message
    )


def shown_code(code: str | None) -> str | None:
    """A code fit for tables, exports and customers: the secret ones read as the generic one."""
    return "generic_decline" if code in SECRET_CODES else code
