"""Payers of an approved run, and whether they can be told of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from lib.domain import outbox
from lib.domain.announcements import AnnouncedRow
from lib.domain.mirror import Customer
from lib.domain.runs import RowState, Run, RunRow
from lib.services.collect.addresses import why_no_mail
from lib.services.messages.composed import Composed
from lib.store.stores import Stores

WHY_NOT = {
    **{code: outbox.WHY_NOT[code] for code in ("no_address", "address_invalid", "perhaps_sent")},
    "do_not_charge": "This customer must not be charged.",
    "already_told": "This customer was told of this, or the message is on its way.",
    "nothing_to_charge": "Nothing of this customer is charged any more.",
}
"""By code, why a payer is not told."""


@dataclass(frozen=True, slots=True)
class Payer:
    """Whose rows are charged when the run is executed."""

    customer: str
    name: str
    address: str
    """Empty: none is known."""
    rows: tuple[AnnouncedRow, ...]


@dataclass(frozen=True, slots=True)
class PayerOverview:
    with_address: int
    without_address: int
    some_without: tuple[Payer, ...]
    """The first of these."""
    example: Payer | None
    """The first whose address is known."""


@dataclass(slots=True)
class Told:
    """What became of telling them."""

    queued: list[str] = field(default_factory=list)
    """Ids of announcements."""
    failed: list[tuple[str, str]] = field(default_factory=list)
    """Customers and the code of why not, a key of WHY_NOT."""
    taken: list[Composed] = field(default_factory=list)
    """Messages that a person sends."""


def overview_of(stores: Stores, run: Run, *, most: int) -> PayerOverview:
    """How many payers there are, without reading every row; at most so many of them are listed."""
    customers = stores.run_rows.payers(run.id)
    able = [customer for customer, has_address in customers if has_address]
    missing = [customer for customer, has_address in customers if not has_address]
    rows = stores.run_rows.planned_of(run.id, [*able[:1], *missing[:most]])
    shown = list(_payers(stores, rows))
    return PayerOverview(
        len(able),
        len(missing),
        tuple(payer for payer in shown if not payer.address),
        next((payer for payer in shown if payer.address), None),
    )


def payers_of(stores: Stores, run: Run) -> Iterator[Payer]:
    return _payers(stores, stores.run_rows.of(run.id, states=(RowState.PLANNED,)))


def _payers(stores: Stores, planned: Iterable[RunRow]) -> Iterator[Payer]:
    rows: dict[str, list[RunRow]] = {}
    for row in planned:
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
    """A key of WHY_NOT."""
    problem = why_no_mail(customer.email if customer else None)
    if problem is not None or customer is None:
        return problem
    return "do_not_charge" if stores.holds.covering([customer.id]) else None
