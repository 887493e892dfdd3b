"""Checks of a setup Session's parameters, before anything is done."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from lib.practice import account_settings, currencies, method_types
from lib.practice.replies import invalid
from lib.practice.routing import Call

SHORTEST_SECONDS = 30 * 60
LONGEST_SECONDS = 24 * 3600
LONGEST_REFERENCE = 200

_NOT_IN_SETUP_MODE = (
    "adaptive_pricing",
    "allow_promotion_codes",
    "automatic_tax",
    "discounts",
    "invoice_creation",
    "line_items",
    "optional_items",
    "payment_intent_data",
    "payment_method_collection",
    "phone_number_collection",
    "saved_payment_method_options",
    "shipping_address_collection",
    "shipping_options",
    "submit_type",
    "subscription_data",
)
# Whether the first works in setup mode is not documented; the practice page lacks the others.
_NOT_OFFERED = (
    "after_expiration",
    "branding_settings",
    "custom_fields",
    "name_collection",
    "redirect_on_completion",
    "return_url",
)
_EXCLUDED_BY_ALLOWED = ("excluded_payment_method_types", "payment_method_configuration")


def check_mode(given: dict[str, Any]) -> None:
    if "mode" not in given:
        raise invalid("Missing required param: mode.", param="mode", code="parameter_missing")
    if given["mode"] != "setup":
        raise invalid(
            f"Practice Stripe offers Checkout in setup mode only, not {given['mode']}.",
            param="mode",
        )
    for name in _NOT_IN_SETUP_MODE:
        if name in given:
            raise invalid(f"You can not pass `{name}` in `setup` mode.", param=name)
    if given.get("ui_mode", "hosted_page") != "hosted_page":
        raise invalid("Practice Stripe offers `hosted_page` only.", param="ui_mode")
    if len(given.get("client_reference_id", "")) > LONGEST_REFERENCE:
        raise invalid(
            f"Invalid string: must be at most {LONGEST_REFERENCE} characters",
            param="client_reference_id",
        )
    for name in _NOT_OFFERED:
        if name in given:
            raise invalid(f"Practice Stripe does not offer `{name}`.", param=name)


def check_managed_payments(call: Call) -> None:
    """Managed Payments does not know setup mode, and is on unless a request switches it off."""
    default = account_settings.read(call.ledger.connection).managed_payments
    if call.params.get("managed_payments", {}).get("enabled", default):
        raise invalid(
            "Managed Payments only supports mode: subscription or mode: payment. Change the mode, or "
            "pass managed_payments[enabled]=false to disable it for this request.",
            param="mode",
        )


def check_urls(given: dict[str, Any]) -> None:
    if "success_url" not in given:
        raise invalid(
            "Missing required param: success_url.", param="success_url", code="parameter_missing"
        )
    for name in ("success_url", "cancel_url"):
        url = given.get(name)
        if url is not None and not _is_url(url):
            raise invalid(
                "Not a valid URL. URLs must begin with http or https.",
                param=name,
                code="url_invalid",
            )


def _is_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    has_space = any(map(str.isspace, url))
    return parts.scheme in ("http", "https") and bool(parts.hostname) and not has_space


def payment_method_types(call: Call) -> list[str]:
    """What the page offers. A type that is not eligible is left out, without an error."""
    given = call.params
    allowed = given.get("allowed_payment_method_types")
    currency = given.get("currency", "").lower()
    if allowed is None and not currency:
        raise invalid(
            "`currency` is required in `setup` mode when `allowed_payment_method_types` is not set.",
            param="currency",
            code="parameter_missing",
        )
    if currency and currency not in currencies.KNOWN:
        raise invalid(f"Invalid currency: {currency}.", param="currency")
    switched_on = account_settings.read(call.ledger.connection).payment_method_types
    types = method_types.eligible(switched_on, currency, allowed)
    if allowed is None:
        hidden = {*given.get("excluded_payment_method_types", []), *_hidden_wallets(given)}
        return [name for name in types if name not in hidden]
    for name in _EXCLUDED_BY_ALLOWED:
        if name in given:
            raise invalid(
                f"You may only specify one of these parameters: allowed_payment_method_types, {name}.",
                param=name,
            )
    if not types:
        raise invalid(
            "None of the allowed payment method types can be offered.",
            param="allowed_payment_method_types",
        )
    return types


def _hidden_wallets(given: dict[str, Any]) -> set[str]:
    display = given.get("wallet_options", {}).get("link", {}).get("display")
    return {"link"} if display == "never" else set()


def expires_at(given: dict[str, Any], now: int) -> int:
    expires_at: int = given.get("expires_at", now + LONGEST_SECONDS)
    if expires_at < now + SHORTEST_SECONDS:
        raise invalid(
            "The `expires_at` timestamp must be at least 30 minutes from Checkout Session creation.",
            param="expires_at",
        )
    if expires_at > now + LONGEST_SECONDS:
        raise invalid(
            "The `expires_at` timestamp must be less than 24 hours from Checkout Session creation.",
            param="expires_at",
        )
    return expires_at


def check_customer(call: Call) -> str | None:
    """The e-mail that is known before the page opens."""
    given = call.params
    if "customer" not in given:
        if "customer_update" in given:
            raise invalid(
                "`customer_update` can only be used with `customer`.", param="customer_update"
            )
        return given.get("customer_email")
    for other in ("customer_email", "customer_creation"):
        if other in given:
            raise invalid(
                f"You may only specify one of these parameters: customer, {other}.", param=other
            )
    customer = call.ledger.get("customer", given["customer"], param="customer", status=400)
    email: str | None = customer.payload["email"]
    return email
