"""Payers of an approved run, and whether they can be told of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lib.domain.announcements import AnnouncedRow
from lib.domain.mirror import Customer
from lib.domain.runs import RowState, Run, RunRow
from lib.errors import InvalidInput
from lib.services.collect.customers import checked_email
from lib.store.stores import Stores


@dataclass(frozen=True, slots=True)
class Payer:
    """Whose rows are charged when the run is executed."""

    customer: str
    name: str
    address: str
    """Empty: none is known."""
    rows: tuple[AnnouncedRow, ...]


def payers_of(stores: Stores, run: Run) -> Iterator[Payer]:
    rows: dict[str, list[RunRow]] = {}
    for row in stores.run_rows.of(run.id, states=(RowState.PLANNED,)):
        if row.is_submitted and row.payment_method and row.customer:
            rows.setdefault(row.customer, []).append(row)
    known = stores.preflight.named(customers=rows, emails=()).by_id
    for customer_id, theirs in rows.items():
        customer = known.get(customer_id)
        yield Payer(
            customer_id,
            (customer.name if customer else None) or "",
            (customer.email if customer else None) or "",
            tuple(
                AnnouncedRow(
                    row.number,
                    row.reference or "",
                    row.amount or 0,
                    row.currency or "",
                    row.payment_method or "",
                )
                for row in theirs
            ),
        )


def why_not_told(stores: Stores, customer: Customer | None) -> str | None:
    if customer is None or not customer.email:
        return "no_address"
    try:
        checked_email(customer.email)
    except InvalidInput:
        return "address_invalid"
    return "do_not_charge" if stores.holds.covering([customer.id]) else None
