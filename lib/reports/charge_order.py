"""Charges by amount: one currency after the other, over all rows."""

from __future__ import annotations

from lib.reports.charge_filter import ChargeFilter
from lib.reports.paging import Order

ORDERS = ("largest", "smallest")
_Keys = tuple[tuple[str, str], ...]
_CHARGES: _Keys = (("h.currency", "currency"), ("h.amount", "amount"), ("h.id", "id"))
_FAILURES: _Keys = (("o.currency", "currency"), ("o.amount", "amount"), ("o.charge_id", "id"))


def by_amount(which: ChargeFilter, order: str, *, walk: bool) -> Order:
    """
    Args:
        walk: whether the index of amounts is read, until a page is full.
    """
    if which.unresolved:
        keys = _FAILURES
    else:
        first, *others = _CHARGES
        # What is few is sorted: the sign keeps SQLite from walking the index for it.
        keys = _CHARGES if walk else (("+h.currency", first[1]), *others)
    return Order(keys, ascending=order == "smallest")
