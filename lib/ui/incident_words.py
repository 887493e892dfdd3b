"""Incidents in words: what each kind is, what happened, and what it means."""

from __future__ import annotations

import streamlit as st

from lib.domain.incidents import (
    ANOTHER_PAYMENT,
    ANOTHER_SUM,
    CHARGE_CANCELLED,
    CONFLICT,
    PAID_TWICE,
    UNEXPECTED,
    UNEXPECTED_REFUND,
    UNEXPECTED_SESSION,
    UNREADABLE,
    Incident,
    Resolution,
)
from lib.money import format_money
from lib.ui import navigation

PARAM = "incident"

KINDS: dict[str, str] = {
    UNEXPECTED: "Unexpected payment",
    PAID_TWICE: "Paid twice",
    CONFLICT: "Conflict",
    UNEXPECTED_REFUND: "Unexpected refund",
    UNEXPECTED_SESSION: "Unexpected session",
    UNREADABLE: "Unreadable object",
}
RESOLUTIONS: dict[Resolution, str] = {
    Resolution.ADOPTED: "The payment stands",
    Resolution.REFUNDED: "Refunded",
    Resolution.CANCELLED: "Cancelled at Stripe",
    Resolution.ACCEPTED: "Left as it is",
}
_REASONS: dict[str, str] = {
    CHARGE_CANCELLED: "The charge had been cancelled here, and was paid all the same.",
    ANOTHER_PAYMENT: "It carries the marks of a charge whose own payment is another one: a copy made in the Dashboard, say.",
    ANOTHER_SUM: "It is not what was asked for here: another sum, currency or customer.",
    "marks_incomplete": "Its marks of Onfile are not whole, so Onfile cannot tell what it was for.",
    "reference_taken": "Another charge of this ledger holds the reference.",
    "payment_unknown": "Its payment is not in this ledger.",
    "order_differs": "The refund that its marks name has another payment or sum here.",
    "order_was_decided": "The refund that its marks name was decided in another way here.",
    "charge_differs": "That charge has another sum, customer or reference here.",
}


def kind(name: str) -> str:
    return KINDS.get(name, name.replace("_", " ").capitalize())


def how(resolution: str | None) -> str:
    """How it was settled; empty while it is open."""
    return RESOLUTIONS[Resolution(resolution)] if resolution else ""


def what_happened(incident: Incident) -> str:
    """Two sentences for staff; plain text."""
    seen = incident.details
    money = (
        f" of {format_money(int(seen['amount']), str(seen['currency']))}"
        if seen.get("amount") is not None and seen.get("currency")
        else ""
    )
    status = f": {seen['status']}".replace("_", " ") if seen.get("status") else ""
    about = f" for {incident.reference}" if incident.reference else ""
    match incident.kind:
        case "unexpected_payment":
            sentence = f"Stripe has a payment{money}{about} that this ledger did not expect ({incident.payment_intent or incident.subject}{status})."
        case "paid_twice":
            sentence = f"The debt{about} was paid more than once: by {incident.payment_intent or incident.subject}, too."
        case "conflict":
            sentence = f"A payment{money}{about} carries the marks of a charge of ours, and could not be taken over when the ledger was rebuilt."
        case "unexpected_refund":
            sentence = f"Stripe has another refund{money} under the mark of one that was ordered here: {incident.subject}."
        case "unexpected_session":
            sentence = f"The link of the Session {incident.subject} could not be taken over when the ledger was rebuilt."
        case "object_unreadable":
            sentence = f"Stripe’s object {incident.subject} could not be read and is missing here: {seen.get('why', 'no reason is known')}."
        case _:
            sentence = (
                "A rule of a newer version did not let this row in. All that it held is kept below."
            )
    why = f"{_REASONS.get(incident.reason or '', '')} {_expected(incident)}".strip()
    if not why and (incident.reason or "").startswith("schema"):
        why = "A payment of this debt is in the ledger already."
    return f"{sentence} {why}".strip()


def _expected(incident: Incident) -> str:
    order = incident.details.get("expected") or {}
    if incident.reason != ANOTHER_SUM or not order.get("amount"):
        return ""
    return f"Asked for: {format_money(int(order['amount']), str(order['currency']))}."


def what_waits(incident: Incident) -> str:
    """What an open one blocks; plain text, empty where nothing."""
    if incident.customer is None or incident.kind == UNREADABLE:
        return ""
    if incident.reference is None:
        return "Nothing is charged to this customer until it is settled: any reference of theirs may be meant."
    return f"Nothing is charged for {incident.reference} of this customer until it is settled."


def link(incident: Incident) -> None:
    """The way to its own page."""
    spec = navigation.find("incidents")
    if spec is not None:
        st.page_link(
            navigation.page(spec),
            label="See the incident",
            icon=":material/report:",
            query_params={PARAM: incident.id},
        )
