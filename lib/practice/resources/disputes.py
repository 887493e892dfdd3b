"""Disputes: made by the test cards for them, listed, retrieved, and decided by the bank.

An inquiry (`warning_*`) is a bank's question. It takes no money yet, and its charge can be refunded,
which ends it. A chargeback has taken the money; its charge can be refunded only after it was won.
"""

from __future__ import annotations

from typing import Any

from lib.practice import listing
from lib.practice.ledger import Ledger, Stored
from lib.practice.routing import Call, Route

ENDED = ("won", "lost", "warning_closed", "prevented")
_DUE_SECONDS = 9 * 24 * 3600
_EVIDENCE = (
    "access_activity_log",
    "billing_address",
    "cancellation_policy",
    "cancellation_policy_disclosure",
    "cancellation_rebuttal",
    "customer_communication",
    "customer_email_address",
    "customer_name",
    "customer_purchase_ip",
    "customer_signature",
    "duplicate_charge_documentation",
    "duplicate_charge_explanation",
    "duplicate_charge_id",
    "product_description",
    "receipt",
    "refund_policy",
    "refund_policy_disclosure",
    "refund_refusal_explanation",
    "service_date",
    "service_documentation",
    "shipping_address",
    "shipping_carrier",
    "shipping_date",
    "shipping_documentation",
    "shipping_tracking_number",
    "uncategorized_file",
    "uncategorized_text",
)


def new(ledger: Ledger, charge: Stored, *, is_inquiry: bool = False) -> Stored:
    dispute = ledger.add(
        "dispute",
        {
            "amount": charge.payload["amount_captured"],
            "balance_transactions": [],
            "charge": charge.id,
            "currency": charge.payload["currency"],
            "enhanced_eligibility_types": [],
            "evidence": {"enhanced_evidence": {}} | dict.fromkeys(_EVIDENCE),
            "evidence_details": {
                "due_by": ledger.now + _DUE_SECONDS,
                "enhanced_eligibility": {},
                "has_evidence": False,
                "past_due": False,
                "submission_count": 0,
                "submission_method": "not_submitted",
            },
            "intended_submission_method": None,
            "is_charge_refundable": is_inquiry,
            "metadata": {},
            "network_reason_code": "10.4",
            "payment_intent": charge.payload["payment_intent"],
            "reason": "fraudulent",
            "status": "warning_needs_response" if is_inquiry else "needs_response",
        },
    )
    charge.payload["disputed"] = True
    ledger.save(charge)
    ledger.emit("charge.dispute.created", dispute)
    if not is_inquiry:
        _withdraw(ledger, dispute, charge)
    return dispute


def close(ledger: Ledger, dispute: Stored, *, is_won: bool) -> None:
    """The bank has decided. What a won dispute brings back is not counted as money moved."""
    if is_inquiry(dispute):
        _end(ledger, dispute, "warning_closed")
        return
    dispute.payload["is_charge_refundable"] = False
    _end(ledger, dispute, "won" if is_won else "lost")
    if is_won:
        charge, amount = dispute.payload["charge"], dispute.payload["amount"]
        ledger.enter("dispute_reversal", dispute.id, charge, amount)


def escalate(ledger: Ledger, dispute: Stored) -> None:
    charge = ledger.get("charge", dispute.payload["charge"])
    previous = {name: dispute.payload[name] for name in ("status", "is_charge_refundable")}
    dispute.payload |= {"status": "needs_response", "is_charge_refundable": False}
    ledger.save(dispute)
    ledger.emit("charge.dispute.updated", dispute, previous=previous)
    _withdraw(ledger, dispute, charge)


def end_inquiries(ledger: Ledger, charge: Stored) -> None:
    """The whole charge was refunded: there is nothing left to ask for."""
    for dispute in ledger.select("dispute", "AND charge = ?", [charge.id]):
        if is_inquiry(dispute) and is_open(dispute):
            _end(ledger, dispute, "warning_closed")


def is_inquiry(dispute: Stored) -> bool:
    return str(dispute.payload["status"]).startswith("warning_")


def is_open(dispute: Stored) -> bool:
    return dispute.payload["status"] not in ENDED


def is_charge_refundable(dispute: Stored) -> bool:
    return bool(dispute.payload["is_charge_refundable"]) or dispute.payload["status"] == "won"


def _withdraw(ledger: Ledger, dispute: Stored, charge: Stored) -> None:
    ledger.record_money("dispute", charge.payload, dispute.payload["amount"])
    ledger.enter("dispute", dispute.id, charge.id, -dispute.payload["amount"])


def _end(ledger: Ledger, dispute: Stored, status: str) -> None:
    dispute.payload["status"] = status
    dispute.payload["evidence_details"]["past_due"] = (
        dispute.payload["evidence_details"]["due_by"] < ledger.now
    )
    ledger.save(dispute)
    ledger.emit("charge.dispute.closed", dispute)


def _retrieve(call: Call) -> dict[str, Any]:
    return call.ledger.get("dispute", call.ids["dispute"], param="dispute").payload


def _list(call: Call) -> dict[str, Any]:
    names = ("charge", "payment_intent")
    return listing.page(call, "dispute", {name: call.params.get(name) for name in names})


_READ = "rak_dispute_read"
ROUTES = [
    Route("GET", "/v1/disputes", "DisputeListParams", _READ, "dispute", _list, is_list=True),
    Route("GET", "/v1/disputes/{dispute}", "DisputeRetrieveParams", _READ, "dispute", _retrieve),
]
