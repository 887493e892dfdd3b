"""The decisions on a draft that are kept when its file is replaced."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace

from lib.domain.correction_fields import LABELS, Field
from lib.domain.corrections import OUT, Correction, DraftRow, value_of
from lib.domain.identity import customer_key
from lib.domain.runs import RowRequest


@dataclass(frozen=True, slots=True)
class Dropped:
    """A row of the old file whose decisions are not kept."""

    row: int
    reference: str | None
    what: str
    """The cells that were corrected, in words."""
    why: str


def kept_decisions(
    before: Iterable[DraftRow],
    requests: Sequence[RowRequest],
    *,
    file_version: int,
    by: str,
    at: int,
) -> tuple[list[Correction], list[Dropped]]:
    """
    Entries for the rows of the new file, and what is not kept.

    A decision is about the row that a person saw: it is kept only where customer, reference, amount
    and currency are unchanged as they were read, and only one row of each file has them. An address is
    unchanged in whatever form it is written.

    Args:
        by, at: of the replacement; for rows that were left out without an entry.
    """
    before = list(before)
    old = _by_key(row.request for row in before)
    new = _by_key(requests)
    entries: list[Correction] = []
    dropped: list[Dropped] = []
    for row in filter(lambda one: one.is_decided, before):
        key = _key(row.request)
        matches = new.get(key, [])
        if len(matches) == 1 and len(old[key]) == 1:
            entries += _carried(row, matches[0], file_version, by, at)
            continue
        why = "it is not in the new file, or its customer, reference, amount or currency differs"
        if matches:
            why = "more than one row has this customer, reference, amount and currency"
        what = ", ".join(LABELS[field].lower() for field in row.corrections) or "left out"
        dropped.append(Dropped(row.request.number, row.request.reference, what, why))
    return entries, dropped


def _carried(
    row: DraftRow, request: RowRequest, file_version: int, by: str, at: int
) -> Iterable[Correction]:
    for field, entry in row.corrections.items():
        was = entry.was if field is Field.LEFT_OUT else value_of(request, field) or entry.was
        # The new file may say by itself what was decided.
        if field is Field.LEFT_OUT or value_of(request, field) != entry.value:
            yield replace(
                entry, row=request.number, was=was, file_version=file_version, is_undo=False, id=0
            )
    if row.is_left_out and Field.LEFT_OUT not in row.corrections:
        yield Correction(
            request.number,
            Field.LEFT_OUT,
            None,
            OUT,
            by,
            at,
            "It was left out when the file was replaced.",
            file_version=file_version,
        )


def _by_key(requests: Iterable[RowRequest]) -> dict[Hashable, list[RowRequest]]:
    rows: dict[Hashable, list[RowRequest]] = {}
    for request in requests:
        rows.setdefault(_key(request), []).append(request)
    return rows


def _key(request: RowRequest) -> Hashable:
    # What could not be read may differ in what cannot be told apart: then every cell counts.
    amount_read = request.amount_read if request.money is None else None
    is_read = request.money is not None and request.customer and request.reference
    customer = customer_key(request.customer)
    unread = () if is_read else tuple(_but_customer(cell, customer) for cell in request.cells)
    return (
        customer,
        request.reference,
        request.money,
        amount_read,
        request.currency_read,
        unread,
    )


def _but_customer(cell: str, customer: str) -> str:
    """The cell; its key where it holds the row's customer."""
    key = customer_key(cell)
    return key if key == customer else cell
