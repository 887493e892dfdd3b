"""Disputes: made by the test card for it, listed, retrieved, and decided by the bank."""

from __future__ import annotations

from typing import Any

from lib.practice import listing
from lib.practice.ledger import Ledger, Stored
from lib.practice.routing import Call, Route

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


def new(ledger: Ledger, charge: Stored) -> Stored:
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
            "is_charge_refundable": False,
            "metadata": {},
            "network_reason_code": "10.4",
            "payment_intent": charge.payload["payment_intent"],
            "reason": "fraudulent",
            "status": "needs_response",
        },
    )
    charge.payload["disputed"] = True
    ledger.save(charge)
    ledger.record_money("dispute", charge.payload, dispute.payload["amount"])
    ledger.emit("charge.dispute.created", dispute)
    return dispute


def close(ledger: Ledger, dispute: Stored, *, is_won: bool) -> None:
    """The bank has decided. What a won dispute brings back is not counted as money moved."""
    dispute.payload |= {"status": "won" if is_won else "lost", "is_charge_refundable": False}
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
