"""Checks of a PaymentIntent's parameters, before anything is done."""

from __future__ import annotations

from typing import Any

from lib.practice import currencies, metadata
from lib.practice.replies import StripeRefusal, invalid

MOST_DIGITS = 12
MOST_DIGITS_AMEX = 9
LONGEST_DESCRIPTION = 1000
_FORBIDDEN_IN_DESCRIPTOR = set("<>\\'\"*")
_NOT_OFFERED = (
    "application_fee_amount",
    "confirmation_token",
    "hooks",
    "mandate",
    "mandate_data",
    "on_behalf_of",
    "payment_method_data",
    "transfer_data",
)
_EXCLUDED_BY_ALLOWED = (
    "excluded_payment_method_types",
    "automatic_payment_methods",
    "payment_method_configuration",
)
_RETURN_URL_MESSAGE = (
    "This PaymentIntent is configured to accept payment methods enabled in your Dashboard. Because "
    "some of these payment methods might redirect your customer off of your page, you must provide "
    "a `return_url`. If you don't want to accept redirect-based payment methods, set "
    "`automatic_payment_methods[enabled]` to `true` and "
    "`automatic_payment_methods[allow_redirects]` to `never` when creating Setup Intents and "
    "Payment Intents."
)


def check_create(given: dict[str, Any], settlement: tuple[str, ...]) -> None:
    """`settlement`: the currencies in which the account is paid."""
    check_common(given)
    currency = check_currency(given["currency"])
    check_amount(given["amount"], currency)
    if currency not in settlement:
        check_worth(given["amount"], currency)
    for name in ("off_session", "error_on_requires_action", "return_url"):
        if given.get(name) and not given.get("confirm"):
            raise invalid(f"You cannot provide `{name}` unless `confirm` is `true`.", param=name)
    if "allowed_payment_method_types" in given:
        for name in _EXCLUDED_BY_ALLOWED:
            if name in given:
                raise invalid(
                    "You may only specify one of these parameters: allowed_payment_method_types, "
                    f"{name}.",
                    param=name,
                )
    if given.get("confirm"):
        check_confirm(given, given)
        if "payment_method" not in given:
            raise missing_payment_method()


def check_common(given: dict[str, Any]) -> None:
    """What create, update and confirm share."""
    for name in _NOT_OFFERED:
        if name in given:
            raise invalid(f"Practice Stripe does not offer `{name}`.", param=name)
    if len(given.get("description", "")) > LONGEST_DESCRIPTION:
        raise invalid(
            f"Invalid string: must be at most {LONGEST_DESCRIPTION} characters", param="description"
        )
    if given.get("statement_descriptor"):
        raise invalid(
            "The `statement_descriptor` parameter is not supported for the `card` payment method "
            "type. Use `statement_descriptor_suffix` instead.",
            param="statement_descriptor",
            code="payment_intent_invalid_parameter",
        )
    _check_suffix(given.get("statement_descriptor_suffix") or "")
    metadata.checked(given.get("metadata"))


def check_confirm(given: dict[str, Any], config: dict[str, Any]) -> None:
    """The traps of confirming.

    Whether Stripe waives `return_url` for off-session payments is not documented; the double does
    not.

    Args:
        config: Where the way to choose payment methods was given: the same, or the intent.
    """
    future = given.get("setup_future_usage") or config.get("setup_future_usage")
    if given.get("off_session") and future:
        raise invalid(
            "You cannot confirm with the `off_session` parameter when `setup_future_usage` is also "
            "set.",
            param="off_session",
        )
    automatic = config.get("automatic_payment_methods") or {}
    is_explicit = bool(config.get("allowed_payment_method_types"))
    never_redirects = automatic.get("allow_redirects") == "never"
    if not is_explicit and not never_redirects and not given.get("return_url"):
        raise invalid(_RETURN_URL_MESSAGE, param="return_url")


def check_currency(given: str) -> str:
    currency = given.lower()
    if currency not in currencies.KNOWN:
        raise invalid(f"Invalid currency: {given}.", param="currency")
    return currency


def check_amount(amount: int, currency: str) -> None:
    if amount < 1:
        raise invalid(
            "This value must be greater than or equal to 1.",
            param="amount",
            code="parameter_invalid_integer",
        )
    check_digits(amount, MOST_DIGITS)
    least = currencies.MINIMUM_CHARGE.get(currency, 1)
    if amount < least:
        raise invalid(
            f"Amount must be at least {currencies.format_amount(least, currency)}",
            param="amount",
            code="amount_too_small",
        )
    step = 100 if currency in currencies.SENT_WITH_TWO_ZEROS else 1
    step = 10 if currency in currencies.THREE_DECIMAL else step
    if amount % step:
        raise invalid(
            f"Invalid amount: amounts in {currency} must be divisible by {step}.",
            param="amount",
            code="invalid_charge_amount",
        )


def check_worth(amount: int, currency: str) -> None:
    """The least is of what is settled, after conversion."""
    worth = currencies.settled(amount, currency)
    if worth < currencies.LEAST_SETTLED:
        raise invalid(
            f"Amount must convert to at least {currencies.LEAST_SETTLED} cents. "
            f"{currencies.format_amount(amount, currency)} converts to approximately "
            f"${worth / 100:.2f}.",
            param="amount",
            code="amount_too_small",
        )


def check_digits(amount: int, most: int) -> None:
    if amount >= 10**most:
        raise invalid(
            f"Amount must be no more than {10**most - 1}", param="amount", code="amount_too_large"
        )


def missing_payment_method() -> StripeRefusal:
    return invalid(
        "You cannot confirm this PaymentIntent because it's missing a payment method. You can "
        "either update the PaymentIntent with a payment method and then confirm it again, or "
        "confirm it again directly with a payment method.",
        param="payment_method",
        code="payment_intent_unexpected_state",
    )


def _check_suffix(suffix: str) -> None:
    if not suffix:
        return
    is_latin = all(" " <= character <= "~" for character in suffix)
    is_well_formed = is_latin and not _FORBIDDEN_IN_DESCRIPTOR & set(suffix)
    if not is_well_formed or not any(map(str.isalpha, suffix)) or len(suffix) > 22:
        raise invalid(
            "The statement descriptor suffix must be 1 to 22 Latin characters with at least one "
            "letter, and none of < > \\ ' \" *.",
            param="statement_descriptor_suffix",
            code="invalid_characters" if len(suffix) <= 22 else None,
        )
