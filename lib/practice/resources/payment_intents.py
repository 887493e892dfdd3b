"""PaymentIntents."""

from __future__ import annotations

from typing import Any

from lib.practice import (
    account_settings,
    charging,
    listing,
    metadata,
    method_types,
    searching,
)
from lib.practice.ledger import Stored, new_id
from lib.practice.replies import StripeRefusal, conflicting, invalid
from lib.practice.resources import payment_intent_rules as rules
from lib.practice.resources import payment_methods
from lib.practice.routing import Call, Route

SEARCH_LAG_SECONDS = 60
"""Stripe's search lags; the double always does, so that nothing depends on it at once."""

CANCELABLE = (
    "requires_payment_method",
    "requires_capture",
    "requires_confirmation",
    "requires_action",
)
CONFIRMABLE = ("requires_payment_method", "requires_confirmation", "requires_action")
_CHANGEABLE = ("description", "receipt_email", "statement_descriptor_suffix", "transfer_group")


def _create(call: Call) -> dict[str, Any]:
    given = call.params
    settings = account_settings.read(call.ledger.connection)
    rules.check_create(given, settings.settlement_currencies)
    customer = given.get("customer")
    if customer is not None:
        call.ledger.get("customer", customer, param="customer", status=400)
    method = _method(call, given)
    if method is not None:
        charging.check_owner(customer, method)
        _check_type(call, given, method, given["currency"].lower(), given["amount"])
        if given.get("confirm"):
            charging.check_usable(call.ledger, method)
    intent = _new(call, given, method)
    call.ledger.emit("payment_intent.created", intent)
    if method is not None and given.get("confirm"):
        charging.confirm(call.ledger, intent, method, given)
    return intent.payload


def _new(call: Call, given: dict[str, Any], method: Stored | None) -> Stored:
    intent_id = new_id("payment_intent")
    allowed = given.get("allowed_payment_method_types")
    automatic = given.get("automatic_payment_methods") or {"enabled": True}
    payload = {
        "id": intent_id,
        "amount": given["amount"],
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": None if allowed else {"allow_redirects": "always"} | automatic,
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": given.get("capture_method", "automatic_async"),
        "client_secret": f"{intent_id}_secret_{new_id('customer')[4:]}",
        "confirmation_method": given.get("confirmation_method", "automatic"),
        "currency": given["currency"].lower(),
        "customer": given.get("customer"),
        "customer_account": None,
        "description": given.get("description"),
        "excluded_payment_method_types": None,
        "last_payment_error": None,
        "latest_charge": None,
        "managed_payments": {"enabled": False},
        "metadata": metadata.checked(given.get("metadata")),
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": method.id if method else None,
        "payment_method_configuration_details": None,
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        "payment_method_types": _types(call, given["currency"].lower(), allowed),
        "processing": None,
        "receipt_email": given.get("receipt_email"),
        "review": None,
        "setup_future_usage": given.get("setup_future_usage"),
        "shipping": given.get("shipping"),
        "source": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": given.get("statement_descriptor_suffix"),
        "status": "requires_confirmation" if method else "requires_payment_method",
        "transfer_data": None,
        "transfer_group": given.get("transfer_group"),
    }
    if allowed:
        payload["allowed_payment_method_types"] = allowed
    return call.ledger.add("payment_intent", payload)


def _types(call: Call, currency: str, allowed: list[str] | None) -> list[str]:
    switched_on = account_settings.read(call.ledger.connection).payment_method_types
    return method_types.eligible(switched_on, currency, allowed)


def _method(call: Call, given: dict[str, Any]) -> Stored | None:
    wanted = given.get("payment_method")
    return None if wanted is None else payment_methods.find_or_make(call, wanted, status=400)


def _check_type(
    call: Call, given: dict[str, Any], method: Stored, currency: str, amount: int
) -> None:
    kind = method.payload["type"]
    if kind not in _types(call, currency, given.get("allowed_payment_method_types")):
        raise conflicting(
            f"The PaymentMethod provided ({kind}) is not allowed for this PaymentIntent. Please "
            "attach a PaymentMethod of an allowed type, or allow this one.",
            param="payment_method",
            code="payment_intent_incompatible_payment_method",
        )
    if kind != "card" and given.get("capture_method") == "manual":
        raise conflicting(f"`{kind}` does not support manual capture.", param="capture_method")
    if kind == "card" and method.payload["card"]["brand"] == "amex":
        rules.check_digits(amount, rules.MOST_DIGITS_AMEX)


def _confirm(call: Call) -> dict[str, Any]:
    given = call.params
    rules.check_common(given)
    intent = _find(call)
    payload = intent.payload
    if payload["status"] not in CONFIRMABLE:
        raise _unexpected_state(intent, "confirm", CONFIRMABLE)
    rules.check_confirm(given, payload | given)
    wanted = given.get("payment_method") or payload["payment_method"]
    if wanted is None:
        raise rules.missing_payment_method()
    method = payment_methods.find_or_make(call, wanted, status=400)
    charging.check_owner(payload["customer"], method)
    _check_type(call, payload, method, payload["currency"], payload["amount"])
    charging.check_usable(call.ledger, method)
    payload |= {
        name: given[name] for name in ("receipt_email", "setup_future_usage") if name in given
    }
    charging.confirm(call.ledger, intent, method, given)
    return payload


def _capture(call: Call) -> dict[str, Any]:
    intent = _find(call)
    if intent.payload["status"] != "requires_capture":
        raise _unexpected_state(intent, "capture", ("requires_capture",))
    most = intent.payload["amount_capturable"]
    amount = call.params.get("amount_to_capture", most)
    if not 1 <= amount <= most:
        raise invalid(
            f"You must capture between 1 and {most}.",
            param="amount_to_capture",
            code="amount_too_large" if amount > most else "parameter_invalid_integer",
        )
    charging.capture(call.ledger, intent, amount)
    return intent.payload


def _cancel(call: Call) -> dict[str, Any]:
    intent = _find(call)
    if intent.payload["status"] not in CANCELABLE:
        raise _unexpected_state(intent, "cancel", CANCELABLE)
    if intent.payload["status"] == "requires_capture":
        charging.release(call.ledger, intent)
    intent.payload |= {
        "status": "canceled",
        "amount_capturable": 0,
        "canceled_at": call.now,
        "cancellation_reason": call.params.get("cancellation_reason"),
        "next_action": None,
    }
    call.ledger.save(intent)
    call.ledger.emit("payment_intent.canceled", intent)
    return intent.payload


def _update(call: Call) -> dict[str, Any]:
    """Descriptions and metadata only."""
    given = call.params
    rules.check_common(given)
    for name in given:
        if name not in (*_CHANGEABLE, "metadata"):
            raise invalid(f"Practice Stripe does not change `{name}` of an intent.", param=name)
    intent = _find(call)
    changes = {name: given[name] or None for name in _CHANGEABLE if name in given}
    if "metadata" in given:
        changes["metadata"] = metadata.merged(intent.payload["metadata"], given["metadata"])
    intent.payload |= changes | {"last_payment_error": None}
    call.ledger.save(intent)
    return intent.payload


def _retrieve(call: Call) -> dict[str, Any]:
    return _find(call).payload


def _list(call: Call) -> dict[str, Any]:
    return listing.page(call, "payment_intent", {"customer": call.params.get("customer")})


def _search(call: Call) -> dict[str, Any]:
    fields = {name: f"$.{name}" for name in ("customer", "currency", "status")}
    numbers = {name: f"$.{name}" for name in ("amount", "created")}
    return searching.search(
        call, "payment_intent", fields, numbers=numbers, lag_seconds=SEARCH_LAG_SECONDS
    )


def _find(call: Call) -> Stored:
    return call.ledger.get("payment_intent", call.ids["intent"], param="intent")


def _unexpected_state(intent: Stored, action: str, allowed: tuple[str, ...]) -> StripeRefusal:
    return conflicting(
        f"You cannot {action} this PaymentIntent because it has a status of "
        f"{intent.payload['status']}. Only a PaymentIntent with one of the following statuses may "
        f"be used so: {', '.join(allowed)}.",
        code="payment_intent_unexpected_state",
        payment_intent=intent.payload,
    )


_READ, _WRITE, _KIND = "rak_payment_intent_read", "rak_payment_intent_write", "payment_intent"
_ALL = "/v1/payment_intents"
_ONE = f"{_ALL}/{{intent}}"
ROUTES = [
    Route("POST", _ALL, "PaymentIntentCreateParams", _WRITE, _KIND, _create),
    Route("GET", _ALL, "PaymentIntentListParams", _READ, _KIND, _list, is_list=True),
    Route(
        "GET", f"{_ALL}/search", "PaymentIntentSearchParams", _READ, _KIND, _search, is_list=True
    ),
    Route("GET", _ONE, "PaymentIntentRetrieveParams", _READ, _KIND, _retrieve),
    Route("POST", _ONE, "PaymentIntentUpdateParams", _WRITE, _KIND, _update),
    Route("POST", f"{_ONE}/confirm", "PaymentIntentConfirmParams", _WRITE, _KIND, _confirm),
    Route("POST", f"{_ONE}/capture", "PaymentIntentCaptureParams", _WRITE, _KIND, _capture),
    Route("POST", f"{_ONE}/cancel", "PaymentIntentCancelParams", _WRITE, _KIND, _cancel),
]
