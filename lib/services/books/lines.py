"""Lines of the books: a charge with what an accountant asks about it."""

from __future__ import annotations

from collections.abc import Sequence

from lib.domain.books import Line, in_words
from lib.domain.payment_methods import label_of
from lib.services.charges.view import ChargeView, views_of
from lib.store.journal import JournalRow, Sum
from lib.store.stores import Stores

_AT_ONCE = 500


def views_in_order(
    stores: Stores, ids: Sequence[str], *, public_url: str, now: int
) -> list[ChargeView]:
    views: dict[str, ChargeView] = {}
    for at in range(0, len(ids), _AT_ONCE):
        views |= views_of(stores, ids[at : at + _AT_ONCE], public_url=public_url, now=now)
    return [views[charge_id] for charge_id in ids]


def lines_of(
    stores: Stores, rows: Sequence[JournalRow], *, public_url: str, now: int
) -> list[Line]:
    """By the columns `CHARGE_COLUMNS`."""
    views = views_in_order(stores, [row.id for row in rows], public_url=public_url, now=now)
    return [_line(row, view) for row, view in zip(rows, views, strict=True)]


def lines_of_sums(sums: Sequence[Sum]) -> list[Line]:
    return [
        {"currency": code.upper(), "state": in_words(state), "count": count, "amount": amount}
        for code, state, count, amount in sums
    ]


def _line(row: JournalRow, view: ChargeView) -> Line:
    charge = view.charge
    return {
        "charged_at": row.charged_at,
        "reference": charge.reference,
        "customer_name": row.customer_name,
        "customer_email": row.customer_email,
        "amount": charge.amount,
        "currency": charge.currency.upper(),
        "state": in_words(charge.state),
        "refunded": row.refunded or None,
        "disputed": "yes" if row.is_disputed else None,
        "fee": row.fee,
        "net": row.net,
        "settled_in": row.settled_in.upper() if row.settled_in else None,
        "available_on": row.available_on,
        "payout": row.payout,
        "payment_method": label_of(row.type, row.brand, row.last4) if row.type else None,
        "reason": view.what_happened,
        "next_step": view.next_step,
        "description": charge.description,
        "tries": len(view.attempts),
        "run": row.run,
        "charged_by": row.charged_by,
        "customer": charge.customer,
        "payment_intent": view.last.payment_intent if view.last else None,
        "charge_id": charge.id,
    }
