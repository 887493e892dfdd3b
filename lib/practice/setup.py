"""Setup: a SetupIntent is given a payment method."""

from __future__ import annotations

from typing import Any

from lib.practice import declines
from lib.practice.ledger import Ledger, Stored
from lib.practice.resources import payment_methods

AUTHENTICATION_FAILED = declines.Decline(
    "",
    "We are unable to authenticate your payment method. Please choose a different payment method "
    "and try again.",
    code="setup_intent_authentication_failure",
)


MICRODEPOSITS_FAILED = declines.Decline(
    "",
    "Microdeposit transfers failed. Please check the account and routing numbers.",
    code="payment_method_microdeposit_failed",
)
MICRODEPOSITS_TIMED_OUT = declines.Decline(
    "",
    "The bank account was not verified within the time allowed.",
    code="payment_method_microdeposit_verification_timeout",
)
ARRIVE_SECONDS = 2 * 24 * 3600
VERIFIABLE_SECONDS = 10 * 24 * 3600
"""For so long the customer can tell what arrived (docs.stripe.com/payments/ach-direct-debit)."""


def ask_for_authentication(ledger: Ledger, intent: Stored, method: Stored) -> None:
    attempt = _attempt(ledger, intent, method, "requires_action")
    intent.payload |= {
        "status": "requires_action",
        "payment_method": method.id,
        "last_setup_error": None,
        "latest_attempt": attempt.id,
        "next_action": {
            "type": "use_stripe_sdk",
            "use_stripe_sdk": {"type": "three_d_secure_redirect"},
        },
    }
    ledger.save(intent)
    ledger.emit("setup_intent.requires_action", intent)


def wait_for_microdeposits(
    ledger: Ledger, intent: Stored, method: Stored, verification_url: str
) -> None:
    """The customer confirms the bank account days later; until then it cannot be used."""
    attempt = _attempt(ledger, intent, method, "requires_action")
    method.hidden["use"] = payment_methods.UNVERIFIED
    ledger.save(method)
    intent.payload |= {
        "status": "requires_action",
        "payment_method": method.id,
        "last_setup_error": None,
        "latest_attempt": attempt.id,
        "next_action": {
            "type": "verify_with_microdeposits",
            "verify_with_microdeposits": {
                "arrival_date": ledger.now + ARRIVE_SECONDS,
                "hosted_verification_url": verification_url,
                "microdeposit_type": "descriptor_code",
            },
        },
    }
    intent.hidden["due_at"] = ledger.now + VERIFIABLE_SECONDS
    ledger.save(intent)
    ledger.emit("setup_intent.requires_action", intent)


def is_waiting_for_microdeposits(intent: Stored) -> bool:
    action = intent.payload["next_action"] or {}
    return action.get("type") == "verify_with_microdeposits"


def verify_microdeposits(
    ledger: Ledger, intent: Stored, failure: declines.Decline | None = None
) -> None:
    method = ledger.get("payment_method", intent.payload["payment_method"])
    intent.hidden.pop("due_at", None)
    if failure is None:
        succeed(ledger, intent, method)
    else:
        fail(ledger, intent, method, failure)


def settle_due(ledger: Ledger) -> None:
    """Ends the setups whose bank account nobody confirmed in time."""
    for intent in ledger.select("setup_intent", "AND due_at <= ?", [ledger.now], order="ASC"):
        verify_microdeposits(ledger, intent, MICRODEPOSITS_TIMED_OUT)


def succeed(ledger: Ledger, intent: Stored, method: Stored) -> None:
    attempt = _attempt(ledger, intent, method, "succeeded")
    method.hidden["use"] = payment_methods.SET_UP
    method.hidden["is_set_up"] = True
    ledger.save(method)
    customer = intent.payload["customer"]
    if customer is not None:
        payment_methods.attach(ledger, method, customer)
    intent.payload |= {
        "status": "succeeded",
        "payment_method": method.id,
        "last_setup_error": None,
        "latest_attempt": attempt.id,
        "next_action": None,
    }
    ledger.save(intent)
    ledger.emit("setup_intent.succeeded", intent)


def fail(ledger: Ledger, intent: Stored, method: Stored, decline: declines.Decline) -> None:
    error = payment_methods.decline_error(decline, method)
    if not error["decline_code"]:
        # A failed authentication is no decline by the bank.
        del error["decline_code"]
        error["type"] = "invalid_request_error"
    attempt = _attempt(ledger, intent, method, "failed", error)
    intent.payload |= {
        "status": "requires_payment_method",
        "payment_method": None,
        "last_setup_error": error,
        "latest_attempt": attempt.id,
        "next_action": None,
    }
    ledger.save(intent)
    ledger.emit("setup_intent.setup_failed", intent)


def cancel(ledger: Ledger, intent: Stored, reason: str | None = None) -> None:
    intent.payload |= {"status": "canceled", "cancellation_reason": reason, "next_action": None}
    ledger.save(intent)
    ledger.emit("setup_intent.canceled", intent)


def _attempt(
    ledger: Ledger,
    intent: Stored,
    method: Stored,
    status: str,
    error: dict[str, Any] | None = None,
) -> Stored:
    details: dict[str, Any] = {"type": method.payload["type"]}
    if details["type"] == "card":
        shown = (
            "brand",
            "checks",
            "country",
            "exp_month",
            "exp_year",
            "fingerprint",
            "funding",
            "last4",
            "wallet",
        )
        card = method.payload["card"]
        details["card"] = {name: card[name] for name in shown} | {
            "network": card["brand"],
            "three_d_secure": None,
        }
    else:
        details[details["type"]] = {}
    return ledger.add(
        "setup_attempt",
        {
            "application": None,
            "customer": intent.payload["customer"],
            "customer_account": None,
            "flow_directions": None,
            "on_behalf_of": None,
            "payment_method": method.id,
            "payment_method_details": details,
            "setup_error": error,
            "setup_intent": intent.id,
            "status": status,
            "usage": intent.payload["usage"],
        },
    )
