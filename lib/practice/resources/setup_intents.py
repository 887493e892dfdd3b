"""SetupIntents and their attempts. A Checkout Session makes its own and leads it."""

from __future__ import annotations

from typing import Any

from lib.practice import declines, listing, metadata, setup
from lib.practice.cards import AtSetup
from lib.practice.ledger import Ledger, Stored, new_id
from lib.practice.replies import StripeRefusal, conflicting, invalid
from lib.practice.resources import payment_methods
from lib.practice.routing import Call, Route


def new(
    ledger: Ledger,
    given: dict[str, Any],
    *,
    payment_method_types: list[str],
    checkout_session: str | None = None,
) -> Stored:
    intent_id = new_id("setup_intent")
    automatic = given.get("automatic_payment_methods")
    intent = ledger.add(
        "setup_intent",
        {
            "id": intent_id,
            "application": None,
            "automatic_payment_methods": automatic,
            "cancellation_reason": None,
            "client_secret": f"{intent_id}_secret_{new_id('customer')[4:]}",
            "customer": given.get("customer"),
            "customer_account": None,
            "description": given.get("description"),
            "excluded_payment_method_types": None,
            "flow_directions": None,
            "last_setup_error": None,
            "latest_attempt": None,
            "managed_payments": {"enabled": False},
            "mandate": None,
            "metadata": metadata.checked(given.get("metadata")),
            "next_action": None,
            "on_behalf_of": None,
            "payment_method": given.get("payment_method"),
            "payment_method_configuration_details": None,
            "payment_method_options": {
                "card": {
                    "mandate_options": None,
                    "network": None,
                    "request_three_d_secure": "automatic",
                }
            },
            "payment_method_types": payment_method_types,
            "single_use_mandate": None,
            "status": "requires_payment_method",
            "usage": given.get("usage", "off_session"),
        },
        {"checkout_session": checkout_session},
    )
    ledger.emit("setup_intent.created", intent)
    return intent


def _create(call: Call) -> dict[str, Any]:
    given = dict(call.params)
    if "customer" in given:
        call.ledger.get("customer", given["customer"], param="customer", status=400)
    if given.get("confirm") and "payment_method" not in given:
        raise invalid(
            "You cannot confirm this SetupIntent because it's missing a payment method.",
            param="payment_method",
            code="setup_intent_unexpected_state",
        )
    if "payment_method" in given:
        method = payment_methods.find_or_make(call, given["payment_method"], status=400)
        given["payment_method"] = method.id
    types = given.get("allowed_payment_method_types") or ["card", "link"]
    intent = new(call.ledger, given, payment_method_types=types)
    if "payment_method" in given:
        intent.payload["status"] = "requires_confirmation"
        call.ledger.save(intent)
    if given.get("confirm"):
        _confirm_with(call, intent, given["payment_method"])
    return intent.payload


def _retrieve(call: Call) -> dict[str, Any]:
    return call.ledger.get("setup_intent", call.ids["intent"], param="intent").payload


def _list(call: Call) -> dict[str, Any]:
    names = ("customer", "payment_method")
    return listing.page(call, "setup_intent", {name: call.params.get(name) for name in names})


def _confirm(call: Call) -> dict[str, Any]:
    intent = _own(call, "confirm")
    given = call.params.get("payment_method") or intent.payload["payment_method"]
    if intent.payload["status"] not in ("requires_payment_method", "requires_confirmation"):
        raise _unexpected_state(intent, "confirm")
    if given is None:
        raise conflicting(
            "You cannot confirm this SetupIntent because it's missing a payment method.",
            code="setup_intent_unexpected_state",
        )
    _confirm_with(call, intent, given)
    return intent.payload


def _confirm_with(call: Call, intent: Stored, given: str) -> None:
    method = payment_methods.find_or_make(call, given, status=400)
    if method.hidden["use"] == payment_methods.BURNT:
        raise conflicting(payment_methods.BURNT_MESSAGE, param="payment_method")
    if method.payload["customer"] not in (None, intent.payload["customer"]):
        raise conflicting(
            "The payment method supplied belongs to another Customer.", param="payment_method"
        )
    card = payment_methods.card_of(method)
    if card.at_setup is AtSetup.REFUSED:
        decline = declines.DECLINES[card.decline]
        setup.fail(call.ledger, intent, method, decline)
        raise payment_methods.refuse(decline, method, setup_intent=intent.payload)
    if card.at_setup is AtSetup.SAVED:
        setup.succeed(call.ledger, intent, method)
    elif card.at_setup is AtSetup.VERIFIED_LATER:
        setup.wait_for_microdeposits(call.ledger, intent, method, call.public_url)
    else:
        setup.ask_for_authentication(call.ledger, intent, method)


def _cancel(call: Call) -> dict[str, Any]:
    intent = _own(call, "cancel")
    if intent.payload["status"] in ("succeeded", "canceled", "processing"):
        raise _unexpected_state(intent, "cancel")
    setup.cancel(call.ledger, intent, call.params.get("cancellation_reason"))
    return intent.payload


def _own(call: Call, action: str) -> Stored:
    intent = call.ledger.get("setup_intent", call.ids["intent"], param="intent")
    if intent.hidden["checkout_session"] is not None:
        raise conflicting(
            f"You cannot {action} a SetupIntent that was created by Checkout. Expire the Checkout "
            "Session instead.",
            code="setup_intent_unexpected_state",
        )
    return intent


def _unexpected_state(intent: Stored, action: str) -> StripeRefusal:
    return conflicting(
        f"You cannot {action} this SetupIntent because it has a status of "
        f"{intent.payload['status']}.",
        code="setup_intent_unexpected_state",
        setup_intent=intent.payload,
    )


def _list_attempts(call: Call) -> dict[str, Any]:
    intent = call.params["setup_intent"]
    call.ledger.get("setup_intent", intent, param="setup_intent", status=400)
    return listing.page(call, "setup_attempt", {"setup_intent": intent})


_READ, _WRITE, _KIND = "rak_setup_intent_read", "rak_setup_intent_write", "setup_intent"
_ONE = "/v1/setup_intents/{intent}"
ROUTES = [
    Route("POST", "/v1/setup_intents", "SetupIntentCreateParams", _WRITE, _KIND, _create),
    Route("GET", "/v1/setup_intents", "SetupIntentListParams", _READ, _KIND, _list, is_list=True),
    Route("GET", _ONE, "SetupIntentRetrieveParams", _READ, _KIND, _retrieve),
    Route("POST", f"{_ONE}/confirm", "SetupIntentConfirmParams", _WRITE, _KIND, _confirm),
    Route("POST", f"{_ONE}/cancel", "SetupIntentCancelParams", _WRITE, _KIND, _cancel),
    Route(
        "GET",
        "/v1/setup_attempts",
        "SetupAttemptListParams",
        _READ,
        "setup_attempt",
        _list_attempts,
        is_list=True,
    ),
]
