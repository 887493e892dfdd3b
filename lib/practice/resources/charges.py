"""Charges: made by confirming a PaymentIntent, never by themselves."""

from __future__ import annotations

from typing import Any

from lib.practice import account_settings, listing, method_types
from lib.practice.cards import Card
from lib.practice.declines import Decline
from lib.practice.ledger import Ledger, Stored
from lib.practice.resources import payment_methods
from lib.practice.routing import Call, Route

LONGEST_STATEMENT_DESCRIPTOR = 22
_CARD_SHOWN = (
    "brand",
    "checks",
    "country",
    "exp_month",
    "exp_year",
    "fingerprint",
    "funding",
    "last4",
    "regulated_status",
    "wallet",
)


def new(
    ledger: Ledger,
    intent: Stored,
    method: Stored,
    *,
    status: str,
    decline: Decline | None = None,
    is_captured: bool = True,
) -> Stored:
    """A charge for the whole amount of the intent."""
    wanted = intent.payload
    is_paid = status == "succeeded"
    suffix = wanted["statement_descriptor_suffix"]
    return ledger.add(
        "charge",
        {
            "amount": wanted["amount"],
            "amount_captured": wanted["amount"] if is_paid and is_captured else 0,
            "amount_refunded": 0,
            "application": None,
            "application_fee": None,
            "application_fee_amount": None,
            # Stripe captures asynchronously: the balance transaction comes later, if at all.
            "balance_transaction": None,
            "billing_details": method.payload["billing_details"],
            "calculated_statement_descriptor": _statement_descriptor(ledger, suffix),
            "captured": is_paid and is_captured,
            "currency": wanted["currency"],
            "customer": wanted["customer"],
            "description": wanted["description"],
            "disputed": False,
            "failure_balance_transaction": None,
            "failure_code": decline.code if decline else None,
            "failure_message": decline.message if decline else None,
            "fraud_details": {},
            "metadata": wanted["metadata"],
            "on_behalf_of": None,
            "outcome": _outcome(payment_methods.card_of(method), status, decline),
            "paid": is_paid,
            "payment_intent": intent.id,
            "payment_method": method.id,
            "payment_method_details": _details(method, wanted["amount"], is_paid=is_paid),
            "receipt_email": wanted["receipt_email"],
            "receipt_number": None,
            "receipt_url": None,
            "refunded": False,
            "review": None,
            "shipping": wanted["shipping"],
            "source_transfer": None,
            "statement_descriptor": None,
            "statement_descriptor_suffix": suffix,
            "status": status,
            "transfer_data": None,
            "transfer_group": wanted["transfer_group"],
        },
    )


def fail(ledger: Ledger, charge: Stored, method: Stored, decline: Decline) -> None:
    """Ends a pending charge without money."""
    charge.payload |= {
        "status": "failed",
        "failure_code": decline.code,
        "failure_message": decline.message,
        "outcome": _outcome(payment_methods.card_of(method), "failed", decline),
    }
    ledger.save(charge)
    ledger.emit("charge.failed", charge)


def pay(ledger: Ledger, charge: Stored, event: str) -> None:
    """The money has moved."""
    payload = charge.payload
    payload |= {
        "status": "succeeded",
        "paid": True,
        "captured": True,
        "amount_captured": payload["amount_captured"] or payload["amount"],
    }
    ledger.save(charge)
    ledger.record_money("charge", payload, payload["amount_captured"])
    ledger.enter("charge", charge.id, charge.id, payload["amount_captured"])
    ledger.emit(event, charge)


def _statement_descriptor(ledger: Ledger, suffix: str | None) -> str:
    """What the statement shows. What is too long is cut off, without an error."""
    settings = account_settings.read(ledger.connection)
    if not suffix:
        return settings.statement_descriptor
    whole = f"{settings.statement_descriptor_prefix}* {suffix}"
    return whole[:LONGEST_STATEMENT_DESCRIPTOR]


def _outcome(card: Card, status: str, decline: Decline | None) -> dict[str, Any]:
    outcome: dict[str, Any] = {
        "advice_code": None,
        "network_advice_code": None,
        "network_decline_code": None,
        "network_status": "approved_by_network",
        "reason": None,
        "risk_level": card.risk_level if card.type == "card" else "not_assessed",
        "seller_message": "Payment complete.",
        "type": "authorized",
    }
    if card.risk_level == "elevated":
        outcome |= {"reason": "elevated_risk_level", "type": "manual_review"}
    if decline is None:
        return outcome
    outcome["advice_code"] = decline.advice_code
    if decline.is_blocked:
        return outcome | {
            "network_status": "not_sent_to_network",
            "reason": "highest_risk_level" if card.risk_level == "highest" else "rule",
            "seller_message": "Stripe blocked this payment.",
            "type": "blocked",
        }
    return outcome | {
        "network_decline_code": decline.network_decline_code,
        "network_status": "declined_by_network",
        "reason": decline.decline_code,
        "seller_message": "The bank did not return any further details with this decline.",
        "type": "issuer_declined",
    }


def _details(method: Stored, amount: int, *, is_paid: bool) -> dict[str, Any]:
    kind = method.payload["type"]
    shown = method.payload[kind]
    if kind != "card":
        return {"type": kind, kind: method_types.charge_details(kind, shown)}
    unavailable = {"status": "unavailable"}
    card = {name: shown[name] for name in _CARD_SHOWN} | {
        "amount_authorized": amount if is_paid else None,
        "authorization_code": None,
        "extended_authorization": {"status": "disabled"},
        "incremental_authorization": unavailable,
        "installments": None,
        "mandate": None,
        "multicapture": unavailable,
        "network": shown["brand"],
        "network_token": {"used": False},
        "network_transaction_id": None,
        "overcapture": {"maximum_amount_capturable": amount, "status": "unavailable"},
        "three_d_secure": None,
    }
    return {"type": kind, "card": card}


def _retrieve(call: Call) -> dict[str, Any]:
    return call.ledger.get("charge", call.ids["charge"]).payload


def _list(call: Call) -> dict[str, Any]:
    names = ("customer", "payment_intent")
    return listing.page(call, "charge", {name: call.params.get(name) for name in names})


_READ = "rak_charge_read"
ROUTES = [
    Route("GET", "/v1/charges", "ChargeListParams", _READ, "charge", _list, is_list=True),
    Route("GET", "/v1/charges/{charge}", "ChargeRetrieveParams", _READ, "charge", _retrieve),
]
