"""Charging: a PaymentIntent asks its card for the money."""

from __future__ import annotations

from typing import Any

from lib.practice.cards import AfterCharge, AtCharge, Card
from lib.practice.declines import DECLINES, Decline
from lib.practice.ledger import Ledger, Stored
from lib.practice.replies import StripeRefusal, conflicting
from lib.practice.resources import charges, disputes, payment_methods

_DAY = 24 * 3600
NOT_ATTACHED_MESSAGE = (
    "The provided PaymentMethod cannot be attached. To reuse a PaymentMethod, you must attach it to "
    "a Customer first."
)


def check_owner(intent_customer: str | None, method: Stored) -> None:
    """A saved method is used with its own Customer, and with that Customer named."""
    owner = method.payload["customer"]
    if owner is None or owner == intent_customer:
        return
    if intent_customer is None:
        raise conflicting(
            f"The PaymentMethod {method.id} belongs to the Customer {owner}. Please include the "
            "Customer in the `customer` parameter on the PaymentIntent.",
            param="customer",
        )
    raise conflicting(
        f"The customer does not have a payment method with the ID {method.id}. The payment method "
        "must be attached to the customer.",
        param="payment_method",
        code="resource_missing",
    )


def check_usable(ledger: Ledger, method: Stored) -> None:
    """Refuses a detached method, and burns one that was set up and never attached."""
    if method.hidden["use"] == payment_methods.BURNT:
        raise conflicting(payment_methods.BURNT_MESSAGE, param="payment_method")
    payment_methods.check_verified(method)
    if method.hidden["use"] == payment_methods.SET_UP:
        method.hidden["use"] = payment_methods.BURNT
        ledger.save(method)
        raise conflicting(NOT_ATTACHED_MESSAGE, param="payment_method")


def confirm(ledger: Ledger, intent: Stored, method: Stored, given: dict[str, Any]) -> None:
    """Asks for the money.

    Args:
        given: Of the request: `off_session`, `error_on_requires_action`.

    Raises:
        StripeRefusal: 402 when the card is refused. The refusal is recorded by then.
    """
    off_session = bool(given.get("off_session"))
    card = payment_methods.card_of(method)
    intent.payload["payment_method"] = method.id
    if method.payload["customer"] is None:
        _use_up(ledger, intent, method)
    asks = card.asks_on_session and not off_session
    if asks and not given.get("error_on_requires_action"):
        _ask(ledger, intent)
        return
    decline = DECLINES["authentication_required"] if asks else _decline(ledger, card, method)
    if decline is not None:
        raise _decline_charge(ledger, intent, method, decline)
    if card.at_charge is AtCharge.PROCESSES:
        _process(ledger, intent, method)
    elif intent.payload["capture_method"] == "manual":
        _hold(ledger, intent, method)
    else:
        _succeed(ledger, intent, method, card)


def settle(ledger: Ledger, intent: Stored, *, succeed: bool) -> None:
    """Ends `processing`, as a bank does after some days."""
    charge = ledger.get("charge", intent.payload["latest_charge"])
    method = ledger.get("payment_method", intent.payload["payment_method"])
    intent.payload["processing"] = None
    if succeed:
        charges.pay(ledger, charge, "charge.succeeded")
        _paid(ledger, intent, charge)
        return
    decline = DECLINES["insufficient_funds"]
    charges.fail(ledger, charge, method, decline)
    _failed(ledger, intent, method, charge, decline)


def _decline(ledger: Ledger, card: Card, method: Stored) -> Decline | None:
    if card.type == "card" and _is_past(ledger, method.payload["card"]):
        return DECLINES["expired_card"]
    if card.at_charge is AtCharge.DECLINES_FIRST:
        earlier = ledger.select("charge", "AND payment_method = ?", [method.id])
        return None if earlier else DECLINES[card.decline]
    if card.at_charge is AtCharge.ASKS_UNLESS_SET_UP and method.hidden.get("is_set_up"):
        return None
    if card.at_charge in (AtCharge.SUCCEEDS, AtCharge.PROCESSES):
        return None
    return DECLINES[card.decline]


def _is_past(ledger: Ledger, card: dict[str, Any]) -> bool:
    return (card["exp_year"], card["exp_month"]) < ledger.month


def _use_up(ledger: Ledger, intent: Stored, method: Stored) -> None:
    """A method without a Customer serves one payment, unless this one keeps it."""
    if intent.payload["setup_future_usage"] and intent.payload["customer"]:
        payment_methods.attach(ledger, method, intent.payload["customer"])
        return
    method.hidden["use"] = payment_methods.BURNT
    ledger.save(method)


def _ask(ledger: Ledger, intent: Stored) -> None:
    intent.payload |= {
        "status": "requires_action",
        "last_payment_error": None,
        "next_action": {
            "type": "use_stripe_sdk",
            "use_stripe_sdk": {"type": "three_d_secure_redirect"},
        },
    }
    ledger.save(intent)
    ledger.emit("payment_intent.requires_action", intent)


def _decline_charge(
    ledger: Ledger, intent: Stored, method: Stored, decline: Decline
) -> StripeRefusal:
    charge = charges.new(ledger, intent, method, status="failed", decline=decline)
    ledger.emit("charge.failed", charge)
    _failed(ledger, intent, method, charge, decline)
    return payment_methods.refuse(decline, method, charge=charge.id, payment_intent=intent.payload)


def _failed(
    ledger: Ledger, intent: Stored, method: Stored, charge: Stored, decline: Decline
) -> None:
    error = payment_methods.decline_error(decline, method) | {"charge": charge.id}
    intent.payload |= {
        "status": "requires_payment_method",
        "last_payment_error": error,
        "latest_charge": charge.id,
        "next_action": None,
        "payment_method": None,
    }
    ledger.save(intent)
    ledger.emit("payment_intent.payment_failed", intent)


def _process(ledger: Ledger, intent: Stored, method: Stored) -> None:
    charge = charges.new(ledger, intent, method, status="pending")
    is_card = method.payload["type"] == "card"
    notified = {"approval_requested": False, "completes_at": ledger.now + 26 * 3600}
    intent.payload |= {
        "status": "processing",
        "latest_charge": charge.id,
        "last_payment_error": None,
        "processing": (
            {"type": "card", "card": {"customer_notification": notified}} if is_card else None
        ),
    }
    ledger.save(intent)
    ledger.emit("charge.pending", charge)
    ledger.emit("payment_intent.processing", intent)


def _hold(ledger: Ledger, intent: Stored, method: Stored) -> None:
    charge = charges.new(ledger, intent, method, status="succeeded", is_captured=False)
    intent.payload |= {
        "status": "requires_capture",
        "amount_capturable": intent.payload["amount"],
        "latest_charge": charge.id,
        "last_payment_error": None,
    }
    ledger.save(intent)
    ledger.emit("charge.succeeded", charge)
    ledger.emit("payment_intent.amount_capturable_updated", intent)


def _succeed(ledger: Ledger, intent: Stored, method: Stored, card: Card) -> None:
    charge = charges.new(ledger, intent, method, status="succeeded")
    charges.pay(ledger, charge, "charge.succeeded")
    _paid(ledger, intent, charge)
    if card.after_charge is AfterCharge.DISPUTED:
        disputes.new(ledger, charge)
    elif card.after_charge is AfterCharge.INQUIRED:
        disputes.new(ledger, charge, is_inquiry=True)


def _paid(ledger: Ledger, intent: Stored, charge: Stored) -> None:
    intent.payload |= {
        "status": "succeeded",
        "amount_received": charge.payload["amount_captured"],
        "amount_capturable": 0,
        "last_payment_error": None,
        "latest_charge": charge.id,
        "next_action": None,
    }
    ledger.save(intent)
    ledger.emit("payment_intent.succeeded", intent)


def capture(ledger: Ledger, intent: Stored, amount: int) -> None:
    charge = ledger.get("charge", intent.payload["latest_charge"])
    charge.payload |= {
        "amount_captured": amount,
        "amount_refunded": charge.payload["amount"] - amount,
    }
    charges.pay(ledger, charge, "charge.captured")
    _paid(ledger, intent, charge)


def release(ledger: Ledger, intent: Stored) -> None:
    """Gives a held amount back, uncaptured."""
    charge = ledger.get("charge", intent.payload["latest_charge"])
    charge.payload |= {"refunded": True, "amount_refunded": charge.payload["amount"]}
    ledger.save(charge)
    ledger.emit("charge.refunded", charge)
