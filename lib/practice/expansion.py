"""`expand[]`: replaces ids by the objects they name."""

from __future__ import annotations

from typing import Any

from lib.practice import books
from lib.practice.ledger import Ledger
from lib.practice.replies import invalid

DEEPEST = 4
TOTAL = "total_count"

# Field of each kind that may be expanded, and the kind it names. A kind that the double does not
# have is still a valid path: its field is null here.
FIELDS: dict[str, dict[str, str]] = {
    "customer": {
        "default_source": "source",
        "invoice_settings.default_payment_method": "payment_method",
    },
    "checkout.session": {
        "customer": "customer",
        "setup_intent": "setup_intent",
        "payment_intent": "payment_intent",
        "subscription": "subscription",
        "invoice": "invoice",
        "payment_link": "payment_link",
    },
    "setup_intent": {
        "customer": "customer",
        "payment_method": "payment_method",
        "latest_attempt": "setup_attempt",
        "mandate": "mandate",
        "single_use_mandate": "mandate",
        "application": "application",
        "on_behalf_of": "account",
    },
    "setup_attempt": {
        "customer": "customer",
        "payment_method": "payment_method",
        "setup_intent": "setup_intent",
    },
    "payment_method": {"customer": "customer"},
    "payment_intent": {
        "customer": "customer",
        "payment_method": "payment_method",
        "latest_charge": "charge",
        "review": "review",
        "application": "application",
        "on_behalf_of": "account",
    },
    "charge": {
        "customer": "customer",
        "payment_intent": "payment_intent",
        "balance_transaction": "balance_transaction",
        "failure_balance_transaction": "balance_transaction",
        "refunds": "refund",
        "review": "review",
    },
    "refund": {
        "charge": "charge",
        "payment_intent": "payment_intent",
        "balance_transaction": "balance_transaction",
    },
    "balance_transaction": {"source": "charge"},
    "payout": {"balance_transaction": "balance_transaction"},
    "dispute": {"charge": "charge", "payment_intent": "payment_intent"},
}

READ_PERMISSIONS = {
    "customer": "rak_customer_read",
    "setup_intent": "rak_setup_intent_read",
    "setup_attempt": "rak_setup_intent_read",
    "payment_method": "rak_payment_method_read",
    "payment_intent": "rak_payment_intent_read",
    "charge": "rak_charge_read",
    "refund": "rak_refund_read",
    "dispute": "rak_dispute_read",
    "balance_transaction": "rak_balance_transaction_read",
    "payout": "rak_payout_read",
}


def asked_for(params: dict[str, Any], path: str) -> list[str]:
    """What is to be expanded. The total of a search becomes a parameter: it is of no object."""
    wanted: list[str] = params.pop("expand", [])
    if path.endswith("/search") and TOTAL in wanted:
        wanted.remove(TOTAL)
        params[TOTAL] = True
    return wanted


def resolve(paths: list[str], kind: str, *, is_list: bool) -> list[list[tuple[str, str]]]:
    """Each path as steps of field and kind, checked before anything is done.

    Raises:
        StripeRefusal: Too deep, or not expandable.
    """
    return [_resolve(path, kind, is_list=is_list) for path in paths]


def _resolve(path: str, kind: str, *, is_list: bool) -> list[tuple[str, str]]:
    segments = path.split(".")
    if len(segments) > DEEPEST:
        raise invalid(
            f"You cannot expand more than {DEEPEST} levels of a property. Property: {path}",
            param="expand",
        )
    if is_list:
        if segments[0] != "data" or len(segments) == 1:
            raise _not_expandable(path)
        segments = segments[1:]
    steps: list[tuple[str, str]] = []
    while segments:
        fields = FIELDS.get(kind, {})
        length = 2 if ".".join(segments[:2]) in fields else 1
        field = ".".join(segments[:length])
        if field not in fields:
            raise _not_expandable(path)
        kind = fields[field]
        steps.append((field, kind))
        segments = segments[length:]
        if field == "refunds" and segments[:1] == ["data"]:
            segments = segments[1:]
    return steps


def _not_expandable(path: str) -> Exception:
    return invalid(
        f"This property cannot be expanded ({path}). You may want to try expanding "
        f"'data.{path}' if you are listing, or leaving it out.",
        param="expand",
    )


def expand(ledger: Ledger, body: dict[str, Any], paths: list[list[tuple[str, str]]]) -> None:
    """Replaces in place."""
    items = body["data"] if body.get("object") in ("list", "search_result") else [body]
    for path in paths:
        for item in items:
            _expand(ledger, item, path)


def _expand(ledger: Ledger, item: dict[str, Any], path: list[tuple[str, str]]) -> None:
    if not path or item.get("deleted"):
        return
    (field, kind), *rest = path
    if field == "refunds":
        _include_refunds(ledger, item)
        for refund in item["refunds"]["data"]:
            _expand(ledger, refund, rest)
        return
    *outer, last = field.split(".")
    for name in outer:
        item = item[name]
    value = item.get(last)
    if isinstance(value, str):
        item[last] = value = fetched(ledger, kind, value)
    if isinstance(value, dict):
        _expand(ledger, value, rest)


def fetched(ledger: Ledger, kind: str, object_id: str) -> dict[str, Any] | str:
    stored = ledger.find(kind, object_id)
    if stored is None:
        return object_id
    if stored.is_deleted:
        return {"id": object_id, "object": kind, "deleted": True}
    return books.as_of(ledger.now, stored.payload)


def _include_refunds(ledger: Ledger, charge: dict[str, Any]) -> None:
    refunds = [
        stored.payload for stored in ledger.select("refund", "AND charge = ?", [charge["id"]])
    ]
    charge["refunds"] = {
        "object": "list",
        "data": refunds,
        "has_more": False,
        "url": f"/v1/charges/{charge['id']}/refunds",
    }
