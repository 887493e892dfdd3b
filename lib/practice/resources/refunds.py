"""Refunds: whole, in part, never more than was paid."""

from __future__ import annotations

from typing import Any

from lib.practice import card_table, currencies, listing, metadata
from lib.practice.cards import AfterCharge
from lib.practice.ledger import Ledger, Stored
from lib.practice.replies import conflicting, invalid
from lib.practice.resources import disputes
from lib.practice.routing import Call, Route

SETTLES_SECONDS = 60
"""When the refunds of the two asynchronous test cards end."""

_NOT_OFFERED = (
    "currency",
    "customer",
    "instructions_email",
    "origin",
    "refund_application_fee",
    "reverse_transfer",
)


def settle_due(ledger: Ledger) -> None:
    """Ends the asynchronous refunds whose time has come."""
    for refund in ledger.select("refund", "AND due_at <= ?", [ledger.now], order="ASC"):
        charge = ledger.find("charge", refund.payload["charge"])
        outcome = refund.hidden.pop("becomes")
        del refund.hidden["due_at"]
        refund.payload |= {"status": outcome, "pending_reason": None}
        if outcome == "failed":
            refund.payload["failure_reason"] = "expired_or_canceled_card"
        if charge is None:  # Made to disappear, see `tampering`.
            pass
        elif outcome == "failed":
            charge.payload["amount_refunded"] -= refund.payload["amount"]
            charge.payload["refunded"] = False
            ledger.save(charge)
            ledger.enter("refund_failure", refund.id, charge.id, refund.payload["amount"])
        else:
            ledger.record_money("refund", charge.payload, refund.payload["amount"])
        ledger.save(refund)
        ledger.emit("refund.failed" if outcome == "failed" else "refund.updated", refund)


def _create(call: Call) -> dict[str, Any]:
    given = call.params
    for name in _NOT_OFFERED:
        if name in given:
            raise invalid(f"Practice Stripe does not offer `{name}` on refunds.", param=name)
    if given.get("amount", 1) < 1:
        raise invalid(
            "This value must be greater than or equal to 1.",
            param="amount",
            code="parameter_invalid_integer",
        )
    tags = metadata.checked(given.get("metadata"))
    charge = _charge(call)
    _check_disputes(call.ledger, charge)
    amount = _amount(charge.payload, given.get("amount"))
    after = card_table.by_slug(_method(call.ledger, charge).hidden["card"]).after_charge
    later = {
        AfterCharge.REFUND_PENDS: {"becomes": "succeeded", "due_at": call.now + SETTLES_SECONDS},
        AfterCharge.REFUND_FAILS: {"becomes": "failed", "due_at": call.now + SETTLES_SECONDS},
    }.get(after, {})
    is_pending = after is AfterCharge.REFUND_PENDS
    refund = call.ledger.add(
        "refund",
        {
            "amount": amount,
            "balance_transaction": None,
            "charge": charge.id,
            "customer": charge.payload["customer"],
            "customer_account": None,
            "currency": charge.payload["currency"],
            "destination_details": _destination(charge),
            "metadata": tags,
            "payment_intent": charge.payload["payment_intent"],
            "payment_method": charge.payload["payment_method"],
            "reason": given.get("reason"),
            "receipt_number": None,
            "source_transfer_reversal": None,
            "status": "pending" if is_pending else "succeeded",
            "transfer_reversal": None,
        }
        | ({"pending_reason": "processing"} if is_pending else {}),
        later,
    )
    charge.payload["amount_refunded"] += amount
    charge.payload["refunded"] = charge.payload["amount_refunded"] == charge.payload["amount"]
    call.ledger.save(charge)
    call.ledger.enter("refund", refund.id, charge.id, -amount)
    if not later:
        call.ledger.record_money("refund", charge.payload, amount)
    call.ledger.emit("refund.created", refund)
    call.ledger.emit("charge.refunded", charge)
    if charge.payload["refunded"]:
        disputes.end_inquiries(call.ledger, charge)
    return refund.payload


def _charge(call: Call) -> Stored:
    given = call.params
    if ("charge" in given) == ("payment_intent" in given):
        raise invalid(
            "One of the following params should be provided for this request: payment_intent or "
            "charge.",
            code="parameter_missing",
        )
    if "charge" in given:
        return call.ledger.get("charge", given["charge"], param="charge", status=400)
    intent = call.ledger.get(
        "payment_intent", given["payment_intent"], param="payment_intent", status=400
    )
    if intent.payload["status"] != "succeeded":
        raise conflicting(
            "This PaymentIntent does not have a successful charge to refund.",
            param="payment_intent",
        )
    return call.ledger.get("charge", intent.payload["latest_charge"])


def _check_disputes(ledger: Ledger, charge: Stored) -> None:
    """A chargeback has taken the money already, unless it was won; an inquiry has taken nothing."""
    for dispute in ledger.select("dispute", "AND charge = ?", [charge.id]):
        if not disputes.is_charge_refundable(dispute):
            raise conflicting(
                f"Charge {charge.id} has been charged back; cannot issue a refund.",
                code="charge_disputed",
            )


def _amount(charge: dict[str, Any], wanted: int | None) -> int:
    if not charge["captured"]:
        raise conflicting(
            f"Charge {charge['id']} has not been paid or captured; it cannot be refunded.",
            param="charge",
        )
    left = charge["amount"] - charge["amount_refunded"]
    if left == 0:
        raise conflicting(
            f"Charge {charge['id']} has already been refunded.",
            param="charge",
            code="charge_already_refunded",
        )
    if wanted is not None and wanted > left:
        sum_ = currencies.format_amount(wanted, charge["currency"])
        remaining = currencies.format_amount(left, charge["currency"])
        raise conflicting(
            f"Refund amount ({sum_}) is greater than unrefunded amount on charge ({remaining})",
            param="amount",
        )
    return left if wanted is None else wanted


def _method(ledger: Ledger, charge: Stored) -> Stored:
    return ledger.get("payment_method", charge.payload["payment_method"])


def _destination(charge: Stored) -> dict[str, Any]:
    kind = charge.payload["payment_method_details"]["type"]
    if kind != "card":
        return {"type": kind, kind: {}}
    return {
        "type": "card",
        "card": {
            "reference_status": "pending",
            "reference_type": "acquirer_reference_number",
            "type": "refund",
        },
    }


def _update(call: Call) -> dict[str, Any]:
    refund = call.ledger.get("refund", call.ids["refund"])
    previous = {"metadata": refund.payload["metadata"]}
    refund.payload["metadata"] = metadata.merged(
        refund.payload["metadata"], call.params.get("metadata")
    )
    call.ledger.save(refund)
    call.ledger.emit("refund.updated", refund, previous=previous)
    return refund.payload


def _retrieve(call: Call) -> dict[str, Any]:
    return call.ledger.get("refund", call.ids["refund"]).payload


def _list(call: Call) -> dict[str, Any]:
    names = ("charge", "payment_intent")
    return listing.page(call, "refund", {name: call.params.get(name) for name in names})


_READ, _WRITE = "rak_refund_read", "rak_refund_write"
ROUTES = [
    Route("POST", "/v1/refunds", "RefundCreateParams", _WRITE, "refund", _create),
    Route("GET", "/v1/refunds", "RefundListParams", _READ, "refund", _list, is_list=True),
    Route("GET", "/v1/refunds/{refund}", "RefundRetrieveParams", _READ, "refund", _retrieve),
    Route("POST", "/v1/refunds/{refund}", "RefundUpdateParams", _WRITE, "refund", _update),
]
