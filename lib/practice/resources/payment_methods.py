"""PaymentMethods: made by the hosted page or from a test token, attached, detached."""

from __future__ import annotations

from typing import Any

from lib.practice import card_numbers, card_table, declines, listing, metadata, method_types
from lib.practice.cards import Card
from lib.practice.ledger import Ledger, Stored
from lib.practice.replies import StripeRefusal, conflicting, invalid
from lib.practice.routing import Call, Route

# How far a method has been used; kept in `hidden["use"]`.
FRESH = "fresh"
SET_UP = "set_up"
UNVERIFIED = "unverified"
ATTACHED = "attached"
BURNT = "burnt"

BURNT_MESSAGE = (
    "The provided PaymentMethod was previously used with a PaymentIntent without Customer "
    "attachment, shared with a connected account without Customer attachment, or was detached from "
    "a Customer. It may not be used again. To use a PaymentMethod multiple times, you must attach "
    "it to a Customer first."
)
BURNT_ATTACH_MESSAGE = (
    "This PaymentMethod was previously used without being attached to a Customer or was detached "
    "from a Customer, and may not be used again."
)
UNVERIFIED_MESSAGE = (
    "The bank account must be verified before it can be used. Its micro-deposits have not been "
    "confirmed yet."
)
_ADDRESS = ("city", "country", "line1", "line2", "postal_code", "state")
_TOKEN_EXPIRY = (12, 8)
"""Month, and years from now, of the cards behind test tokens."""


def new(
    ledger: Ledger,
    card: Card,
    *,
    fingerprint: str,
    exp_month: int,
    exp_year: int,
    billing_details: dict[str, Any] | None = None,
    allow_redisplay: str = "unspecified",
) -> Stored:
    payload: dict[str, Any] = {
        "allow_redisplay": allow_redisplay,
        "billing_details": _billing_details(billing_details or {}),
        "customer": None,
        "customer_account": None,
        "metadata": {},
        "type": card.type,
    }
    if card.type == "card":
        payload["card"] = _card(card, fingerprint, exp_month, exp_year)
    else:
        email = payload["billing_details"]["email"]
        payload[card.type] = method_types.details(card, fingerprint, email)
    return ledger.add("payment_method", payload, {"card": card.slug, "use": FRESH})


def _card(card: Card, fingerprint: str, exp_month: int, exp_year: int) -> dict[str, Any]:
    return {
        "brand": card.brand,
        "checks": {
            "address_line1_check": None,
            "address_postal_code_check": None,
            "cvc_check": "pass",
        },
        "country": card.country,
        "display_brand": card.brand,
        "exp_month": exp_month,
        "exp_year": exp_year,
        "fingerprint": fingerprint,
        "funding": card.funding,
        "generated_from": None,
        "last4": card.last4,
        "networks": {"available": [card.brand], "preferred": None},
        "regulated_status": "unregulated",
        "three_d_secure_usage": {"supported": True},
        "wallet": None,
    }


def find_or_make(call: Call, given: str, *, status: int) -> Stored:
    """The method of that id; a test token makes a new one, as Stripe does."""
    card = card_table.by_token(given)
    if card is None or call.ledger.livemode:
        return call.ledger.get("payment_method", given, param="payment_method", status=status)
    month, years = _TOKEN_EXPIRY
    return new(
        call.ledger,
        card,
        fingerprint=card_numbers.fingerprint(card.number, call.fingerprint_key),
        exp_month=month,
        exp_year=call.ledger.month[0] + years,
    )


def attach(ledger: Ledger, method: Stored, customer_id: str) -> None:
    """Attaches and records the event; says nothing about whether it is allowed."""
    method.payload["customer"] = customer_id
    method.hidden["use"] = ATTACHED
    ledger.save(method)
    ledger.emit("payment_method.attached", method)


def check_verified(method: Stored) -> None:
    if method.hidden["use"] == UNVERIFIED:
        raise conflicting(
            UNVERIFIED_MESSAGE, param="payment_method", code="bank_account_unverified"
        )


def renew(ledger: Ledger, method: Stored, exp_month: int, exp_year: int) -> None:
    """The card network has told of a new expiry date."""
    card = method.payload["card"]
    previous = {"card": {name: card[name] for name in ("exp_month", "exp_year")}}
    card |= {"exp_month": exp_month, "exp_year": exp_year}
    ledger.save(method)
    ledger.emit("payment_method.automatically_updated", method, previous=previous)


def card_of(method: Stored) -> Card:
    return card_table.by_slug(method.hidden["card"])


def decline_error(decline: declines.Decline, method: Stored) -> dict[str, Any]:
    """A refusal of the method as `last_setup_error` and `last_payment_error` show it."""
    error = {
        "advice_code": decline.advice_code,
        "code": decline.code,
        "decline_code": decline.decline_code,
        "doc_url": "https://stripe.com/docs/error-codes/" + decline.code.replace("_", "-"),
        "message": decline.message,
        "network_decline_code": decline.network_decline_code,
        "payment_method": dict(method.payload),
        "type": "card_error",
    }
    return {name: value for name, value in error.items() if value is not None}


def refuse(decline: declines.Decline, method: Stored, **details: object) -> StripeRefusal:
    error = decline_error(decline, method) | details
    error.pop("type"), error.pop("doc_url")
    return StripeRefusal(
        402,
        error.pop("message"),
        code=error.pop("code"),
        type_="card_error",
        has_begun=True,
        **error,
    )


def _create(call: Call) -> dict[str, Any]:
    raise invalid(
        "Practice Stripe takes no card numbers by API. Attach a test token such as pm_card_visa, "
        "or use the hosted page.",
        param="type",
    )


def _retrieve(call: Call) -> dict[str, Any]:
    return call.ledger.get("payment_method", call.ids["payment_method"]).payload


def _list(call: Call) -> dict[str, Any]:
    """Without a customer the list is empty: methods are listed by whom they belong to."""
    customer = call.params.get("customer")
    if customer is not None:
        call.ledger.get("customer", customer, param="customer", status=400)
    filters = {"customer": customer or "", "type": call.params.get("type")}
    return listing.page(call, "payment_method", filters)


def _update(call: Call) -> dict[str, Any]:
    method = call.ledger.get("payment_method", call.ids["payment_method"])
    if method.payload["customer"] is None:
        raise conflicting(
            "You must save this PaymentMethod to a customer before you can update it."
        )
    given, payload = call.params, method.payload
    changes: dict[str, Any] = {}
    if "metadata" in given:
        changes["metadata"] = metadata.merged(payload["metadata"], given["metadata"])
    if "allow_redisplay" in given:
        changes["allow_redisplay"] = given["allow_redisplay"]
    if "billing_details" in given:
        changes["billing_details"] = _billing_details(
            payload["billing_details"] | given["billing_details"]
        )
    if "card" in given:
        expiry = {k: v for k, v in given["card"].items() if k in ("exp_month", "exp_year")}
        if not 1 <= expiry.get("exp_month", 1) <= 12:
            raise invalid(
                "Your card's expiration month is invalid.",
                param="card[exp_month]",
                code="invalid_expiry_month",
            )
        changes["card"] = payload["card"] | expiry
    previous = {name: payload[name] for name in changes if payload[name] != changes[name]}
    if previous:
        payload.update(changes)
        call.ledger.save(method)
        call.ledger.emit("payment_method.updated", method, previous=previous)
    return payload


def _attach(call: Call) -> dict[str, Any]:
    customer_id = call.params.get("customer")
    if customer_id is None:
        raise invalid(
            "Missing required param: customer.", param="customer", code="parameter_missing"
        )
    customer = call.ledger.get("customer", customer_id, param="customer", status=400)
    method = find_or_make(call, call.ids["payment_method"], status=404)
    if method.payload["customer"] == customer.id:
        return method.payload
    if method.payload["customer"] is not None:
        raise conflicting(
            "The payment method you provided has already been attached to a customer.",
            param="payment_method",
        )
    if method.hidden["use"] == BURNT:
        raise conflicting(BURNT_ATTACH_MESSAGE, param="payment_method")
    check_verified(method)
    card = card_of(method)
    if not card.can_be_attached:
        raise refuse(declines.DECLINES[card.decline], method)
    attach(call.ledger, method, customer.id)
    return method.payload


def _detach(call: Call) -> dict[str, Any]:
    method = call.ledger.get("payment_method", call.ids["payment_method"])
    customer_id = method.payload["customer"]
    if customer_id is None:
        raise conflicting(
            "The payment method you provided is not attached to a customer so detachment is "
            "impossible.",
            param="payment_method",
        )
    method.payload["customer"] = None
    method.hidden["use"] = BURNT
    call.ledger.save(method)
    call.ledger.emit("payment_method.detached", method, previous={"customer": customer_id})
    return method.payload


def _billing_details(given: dict[str, Any]) -> dict[str, Any]:
    address = given.get("address") or {}
    return {
        "address": {name: address.get(name) or None for name in _ADDRESS},
        "email": given.get("email") or None,
        "name": given.get("name") or None,
        "phone": given.get("phone") or None,
        "tax_id": given.get("tax_id") or None,
    }


_READ, _WRITE, _KIND = "rak_payment_method_read", "rak_payment_method_write", "payment_method"
_ONE = "/v1/payment_methods/{payment_method}"
ROUTES = [
    Route("POST", "/v1/payment_methods", "PaymentMethodCreateParams", _WRITE, _KIND, _create),
    Route(
        "GET", "/v1/payment_methods", "PaymentMethodListParams", _READ, _KIND, _list, is_list=True
    ),
    Route("GET", _ONE, "PaymentMethodRetrieveParams", _READ, _KIND, _retrieve),
    Route("POST", _ONE, "PaymentMethodUpdateParams", _WRITE, _KIND, _update),
    Route("POST", f"{_ONE}/attach", "PaymentMethodAttachParams", _WRITE, _KIND, _attach),
    Route("POST", f"{_ONE}/detach", "PaymentMethodDetachParams", _WRITE, _KIND, _detach),
]
