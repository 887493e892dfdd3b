"""Reasons why a bank or Stripe refuses a card, in the words of the API."""

from __future__ import annotations

from dataclasses import dataclass

GENERIC_MESSAGE = "Your card was declined."


@dataclass(frozen=True, slots=True)
class Decline:
    """A refusal of a card.

    Attributes:
        code: The error's `code`; most refusals share `card_declined`.
        network_decline_code: None when the network was never asked.
        is_blocked: Stripe itself refused, before asking the bank.
    """

    decline_code: str
    message: str = GENERIC_MESSAGE
    code: str = "card_declined"
    advice_code: str | None = None
    network_decline_code: str | None = None
    is_blocked: bool = False


_AGAIN = "try_again_later"
_NEVER = "do_not_try_again"
_CONFIRM = "confirm_card_data"

_ALL = (
    Decline(
        "authentication_required",
        "Your card was declined. This transaction requires authentication.",
        code="authentication_required",
        network_decline_code="1A",
    ),
    Decline("generic_decline", advice_code=_AGAIN, network_decline_code="01"),
    Decline(
        "insufficient_funds",
        "Your card has insufficient funds.",
        advice_code=_AGAIN,
        network_decline_code="51",
    ),
    Decline("lost_card", advice_code=_NEVER, network_decline_code="41"),
    Decline("stolen_card", advice_code=_NEVER, network_decline_code="43"),
    Decline(
        "card_velocity_exceeded",
        "Your card was declined for making repeated attempts too frequently or exceeding its "
        "amount limit.",
        advice_code=_AGAIN,
        network_decline_code="65",
    ),
    Decline(
        "expired_card",
        "Your card has expired.",
        code="expired_card",
        advice_code=_CONFIRM,
        network_decline_code="54",
    ),
    Decline(
        "incorrect_cvc",
        "Your card's security code is incorrect.",
        code="incorrect_cvc",
        advice_code=_CONFIRM,
        network_decline_code="N7",
    ),
    Decline(
        "processing_error",
        "An error occurred while processing your card. Try again in a little bit.",
        code="processing_error",
        advice_code=_AGAIN,
    ),
    Decline(
        "incorrect_number",
        "Your card number is incorrect.",
        code="incorrect_number",
        advice_code=_CONFIRM,
        network_decline_code="14",
    ),
    Decline("fraudulent", is_blocked=True),
    Decline("do_not_honor", advice_code=_AGAIN, network_decline_code="05"),
    Decline("call_issuer", network_decline_code="01"),
    Decline("pickup_card", advice_code=_NEVER, network_decline_code="04"),
    Decline("restricted_card", advice_code=_NEVER, network_decline_code="62"),
    Decline("transaction_not_allowed", advice_code=_NEVER, network_decline_code="57"),
    Decline("invalid_account", advice_code=_NEVER, network_decline_code="46"),
    Decline("issuer_not_available", advice_code=_AGAIN, network_decline_code="91"),
    Decline("reenter_transaction", advice_code=_AGAIN, network_decline_code="19"),
    Decline("try_again_later", advice_code=_AGAIN),
    Decline("duplicate_transaction", network_decline_code="94"),
    Decline(
        "currency_not_supported",
        "Your card does not support this currency.",
        advice_code=_NEVER,
    ),
    Decline("card_not_supported", "Your card is not supported.", advice_code=_NEVER),
    Decline("withdrawal_count_limit_exceeded", advice_code=_AGAIN, network_decline_code="65"),
    Decline("stop_payment_order", advice_code=_NEVER, network_decline_code="R0"),
    Decline("revocation_of_authorization", advice_code=_NEVER, network_decline_code="R1"),
    Decline("merchant_blacklist", advice_code=_NEVER, is_blocked=True),
    Decline("invalid_amount", network_decline_code="13"),
    Decline("new_account_information_available", advice_code=_CONFIRM, network_decline_code="05"),
    Decline(
        "test_mode_live_card",
        "Your card was declined. Your request was in test mode, but used a non test (live) card.",
    ),
)

DECLINES = {decline.decline_code: decline for decline in _ALL} | {
    "card_decline_rate_limit_exceeded": Decline(
        "generic_decline",
        "Your card was declined for too many failed attempts. Try again after 24 hours.",
        code="card_decline_rate_limit_exceeded",
        advice_code=_AGAIN,
        is_blocked=True,
    ),
}
"""By decline code, or by error code where that says more."""
