"""Checkout Sessions in setup mode."""

from __future__ import annotations

from typing import Any

from lib.practice import listing, metadata, setup
from lib.practice.ledger import Ledger, Stored, new_id
from lib.practice.replies import conflicting, invalid
from lib.practice.resources import checkout_session_rules as rules
from lib.practice.resources import setup_intents
from lib.practice.routing import Call, Route

_ECHOED = (
    "billing_address_collection",
    "cancel_url",
    "client_reference_id",
    "customer_creation",
    "customer_email",
    "locale",
    "origin_context",
    "integration_identifier",
    "wallet_options",
)
_CONSENTS = ("payment_method_reuse_agreement", "promotions", "terms_of_service")
_TEXTS = ("after_submit", "shipping_address", "submit", "terms_of_service_acceptance")


def customer_details(
    email: str | None, name: str | None, *, tax_exempt: str | None = "none"
) -> dict[str, Any]:
    """In setup mode without an address. Until the page is completed only the e-mail is known."""
    return {
        "address": None,
        "business_name": None,
        "email": email,
        "individual_name": None,
        "name": name,
        "phone": None,
        "tax_exempt": tax_exempt,
        "tax_ids": None,
    }


def expire(ledger: Ledger, session: Stored, *, at: int | None = None) -> None:
    intent = ledger.find("setup_intent", session.payload["setup_intent"])
    if intent is not None:  # It can be made to disappear, see `tampering`.
        setup.cancel(ledger, intent)
    session.payload |= {"status": "expired", "url": None}
    ledger.save(session)
    ledger.emit("checkout.session.expired", session, created=at)


def expire_due(ledger: Ledger) -> None:
    """Ends the open sessions whose time has come, as of that time."""
    due = "AND due_at <= ?"
    for session in ledger.select("checkout.session", due, [ledger.now], order="ASC"):
        expire(ledger, session, at=session.payload["expires_at"])


def _create(call: Call) -> dict[str, Any]:
    given = call.params
    rules.check_mode(given)
    rules.check_managed_payments(call)
    rules.check_urls(given)
    types = rules.payment_method_types(call)
    expires_at = rules.expires_at(given, call.now)
    email = rules.check_customer(call)
    session_id = new_id("checkout.session")
    intent_data = given.get("setup_intent_data", {})
    intent = setup_intents.new(
        call.ledger,
        {
            "customer": given.get("customer"),
            "description": intent_data.get("description"),
            "metadata": metadata.checked(
                intent_data.get("metadata"), param="setup_intent_data[metadata]"
            ),
        },
        payment_method_types=types,
        checkout_session=session_id,
    )
    texts = given.get("custom_text", {})
    session = {
        "id": session_id,
        "adaptive_pricing": None,
        "allow_promotion_codes": None,
        "amount_subtotal": None,
        "amount_total": None,
        "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
        "client_secret": None,
        "collected_information": None,
        "after_expiration": None,
        "branding_settings": None,
        "consent": None,
        "consent_collection": _consent_collection(given),
        "currency": given["currency"].lower() if "currency" in given else None,
        "currency_conversion": None,
        "custom_fields": [],
        "custom_text": {text: texts.get(text) or None for text in _TEXTS},
        "customer": given.get("customer"),
        "customer_account": None,
        "customer_details": customer_details(email, None, tax_exempt=None) if email else None,
        "discounts": None,
        "expires_at": expires_at,
        "invoice": None,
        "invoice_creation": None,
        "managed_payments": {"enabled": False},
        "metadata": metadata.checked(given.get("metadata")),
        "mode": "setup",
        "name_collection": None,
        "payment_intent": None,
        "payment_link": None,
        "payment_method_collection": "always",
        "payment_method_configuration_details": None,
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        "payment_method_types": types,
        "payment_status": "no_payment_required",
        "permissions": None,
        "phone_number_collection": {"enabled": False},
        "recovered_from": None,
        "saved_payment_method_options": None,
        "setup_intent": intent.id,
        "shipping_address_collection": None,
        "shipping_cost": None,
        "shipping_options": [],
        "status": "open",
        "submit_type": None,
        "subscription": None,
        "success_url": given["success_url"],
        "total_details": None,
        "ui_mode": "hosted_page",
        "url": f"{call.public_url}/practice/checkout/{session_id}",
    }
    if "allowed_payment_method_types" in given:
        session["allowed_payment_method_types"] = given["allowed_payment_method_types"]
    echoed = {name: given.get(name) for name in _ECHOED}
    hidden = {
        "customer_update": given.get("customer_update", {}),
        "allow_redisplay": given.get("payment_method_data", {}).get("allow_redisplay", "limited"),
    }
    return call.ledger.add("checkout.session", session | echoed, hidden).payload


def _consent_collection(given: dict[str, Any]) -> dict[str, Any] | None:
    wanted = given.get("consent_collection")
    return None if wanted is None else {name: wanted.get(name) for name in _CONSENTS}


def _retrieve(call: Call) -> dict[str, Any]:
    return call.ledger.get("checkout.session", call.ids["session"], param="session").payload


def _list(call: Call) -> dict[str, Any]:
    given = call.params
    for name in ("payment_intent", "payment_link", "subscription"):
        if name in given:
            raise invalid(f"Practice Stripe does not filter sessions by `{name}`.", param=name)
    filters = {
        "customer": given.get("customer"),
        "status": given.get("status"),
        "email": given.get("customer_details", {}).get("email"),
    }
    return listing.page(call, "checkout.session", filters)


def _expire(call: Call) -> dict[str, Any]:
    session = call.ledger.get("checkout.session", call.ids["session"], param="session")
    if session.payload["status"] != "open":
        raise conflicting(
            'Only Checkout Sessions with a status in ["open"] can be expired. This Checkout '
            f"Session has a status of `{session.payload['status']}`.",
        )
    expire(call.ledger, session)
    return session.payload


_READ, _WRITE = "rak_checkout_session_read", "rak_checkout_session_write"
_KIND, _ALL, _ONE = "checkout.session", "/v1/checkout/sessions", "/v1/checkout/sessions/{session}"
ROUTES = [
    Route("POST", _ALL, "checkout.SessionCreateParams", _WRITE, _KIND, _create),
    Route("GET", _ALL, "checkout.SessionListParams", _READ, _KIND, _list, is_list=True),
    Route("GET", _ONE, "checkout.SessionRetrieveParams", _READ, _KIND, _retrieve),
    Route("POST", f"{_ONE}/expire", "checkout.SessionExpireParams", _WRITE, _KIND, _expire),
]
