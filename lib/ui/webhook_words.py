"""The webhook inbox in words: what an event means, why one was not needed, what stopped another."""

from __future__ import annotations

from typing import Any

from lib.domain.identity import visible
from lib.ui.formats import plural

EVENTS: dict[str, str] = {
    "checkout.session.completed": "Setup page finished",
    "checkout.session.expired": "Setup page expired",
    "checkout.session.async_payment_succeeded": "Payment page: paid",
    "checkout.session.async_payment_failed": "Payment page: not paid",
    "setup_intent.created": "Saving a card began",
    "setup_intent.requires_action": "Customer asked to confirm",
    "setup_intent.succeeded": "Card saved",
    "setup_intent.setup_failed": "Card could not be saved",
    "setup_intent.canceled": "Saving was cancelled",
    "payment_method.attached": "Saved method given to a customer",
    "payment_method.detached": "Saved method removed",
    "payment_method.updated": "Saved method changed",
    "payment_method.automatically_updated": "Card renewed by the bank",
    "payment_intent.created": "Payment began",
    "payment_intent.succeeded": "Payment succeeded",
    "payment_intent.payment_failed": "Payment failed",
    "payment_intent.processing": "Payment processing at the bank",
    "payment_intent.requires_action": "Payment needs the customer",
    "payment_intent.canceled": "Payment cancelled",
    "payment_intent.amount_capturable_updated": "Payment held, not collected yet",
    "payment_intent.partially_funded": "Payment partly funded",
    "customer.created": "Customer made",
    "customer.updated": "Customer changed",
    "customer.deleted": "Customer deleted",
    "charge.succeeded": "Card charged",
    "charge.failed": "Card not charged",
    "charge.pending": "Charge pending",
    "charge.updated": "Charge changed",
    "charge.refunded": "Payment refunded",
    "charge.refund.updated": "Refund changed",
    "charge.dispute.created": "Customer disputes a payment",
    "charge.dispute.updated": "Dispute changed",
    "charge.dispute.closed": "Dispute closed",
    "charge.dispute.funds_withdrawn": "Disputed money withdrawn",
    "charge.dispute.funds_reinstated": "Disputed money given back",
    "refund.created": "Refund began",
    "refund.updated": "Refund changed",
    "refund.failed": "Refund failed",
}
_NOTES: dict[str, str] = {
    "type_not_needed": "Onfile has no use for this kind of event.",
    "wrong_livemode": "It belongs to Stripe's other mode: test data here, or live data in a test.",
    "other_account": "It happened on another account that is connected to this one.",
    "other_purpose": "It is about a Stripe page that does not save cards.",
    "vanished": "Stripe no longer has the object. That is noted here.",
    "left_out": "Stripe’s object could not be read. It was left out and noted as an incident.",
}
BY_ITSELF = "Nothing to do: Onfile tries again by itself."
_STRIPE_AWAY = ("Stripe did not answer, or was too busy.", BY_ITSELF)
_KEY = (
    "The Stripe key is not accepted, or may not read this.",
    "Ask an admin to look at the key's permissions, then replay.",
)
_UNREADABLE = (
    "Stripe sent something that Onfile cannot read.",
    "Tell an admin. Other events are not held up by it.",
)
_DATABASE = (
    "Onfile's database was busy, or its disk is full.",
    "Ask an admin to look at the disk, then replay.",
)
# By the name of the error that was kept.
_REASONS: dict[str, tuple[str, str]] = {
    "OutcomeUnknown": _STRIPE_AWAY,
    "Busy": _STRIPE_AWAY,
    "Misconfigured": _KEY,
    "Refused": (
        "Stripe does not accept the question about this object.",
        "Tell an admin. Other events are not held up by it.",
    ),
    "KeyError": _UNREADABLE,
    "TypeError": _UNREADABLE,
    "ValueError": _UNREADABLE,
    "OverflowError": _UNREADABLE,
    "AttributeError": _UNREADABLE,
    "OperationalError": _DATABASE,
    "IntegrityError": (
        "What Stripe says contradicts a rule of Onfile's database, so it was not written.",
        "Tell an admin. Other events are not held up by it.",
    ),
}
_OTHERWISE = (
    "Something nobody foresaw stopped it.",
    "Replay it. If it stops again, tell an admin.",
)


def event(type_: str) -> str:
    return EVENTS.get(type_, type_.replace(".", " ").replace("_", " ").capitalize())


def types_like(text: str) -> list[str]:
    """Event types whose words contain the text."""
    wanted = visible(text).lower()
    return [type_ for type_, words in EVENTS.items() if wanted and wanted in words.lower()]


def note(code: str) -> str:
    return _NOTES.get(code, code.replace("_", " ").capitalize() + ".")


def reason(error: str | None) -> tuple[str, str]:
    """What stopped it, and what to do."""
    if error is None:
        return "Onfile was stopped in the middle of it.", BY_ITSELF
    return _REASONS.get(error.partition(":")[0], _OTHERWISE)


def took(row: dict[str, Any], now: int) -> str:
    """From arrival to the end, or until now while it is still to come."""
    if row["state"] in ("ignored", "given_up") and row["finished_at"] is None:
        return ""
    end = row["finished_at"] or now
    gap = max(int(end) - int(row["received_at"]), 0)
    if gap < 90:
        words = f"{gap} s" if gap else "under 1 s"
    elif gap < 90 * 60:
        words = f"{gap // 60} min"
    else:
        words = plural(gap // 3600, "hour") if gap < 48 * 3600 else plural(gap // 86_400, "day")
    return words if row["finished_at"] else f"{words} so far"
