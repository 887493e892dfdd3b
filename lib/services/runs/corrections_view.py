"""The view beside the rows of a draft: corrections, with their sums, and what a row can be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lib.clock import Clock, epoch
from lib.domain import control_totals, payment_methods
from lib.domain.control_totals import FileTotals
from lib.domain.correction_totals import CorrectionTotals
from lib.domain.corrections import Correction, DraftVersion, in_effect
from lib.domain.mirror import PaymentMethod
from lib.domain.runs import Run, RunRow
from lib.domain.twins import HAS_TWIN, Twin
from lib.errors import NotFound
from lib.services.runs.approve import find_run
from lib.store.stores import Stores
from lib.store.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class CorrectionsView:
    entries: tuple[Correction, ...]
    """In effect."""
    references: Mapping[int, str | None]
    """As the file says, by row."""
    totals: CorrectionTotals
    version: DraftVersion

    def as_json(self) -> dict[str, object]:
        return {
            "corrections": [
                {
                    "row": entry.row,
                    "field": entry.field.value,
                    "was": entry.was,
                    "is": entry.value,
                    "by": entry.by,
                    "at": entry.at,
                    "reason": entry.reason,
                }
                for entry in self.entries
            ],
            "corrected": {
                "rows": self.totals.rows,
                "file": self.totals.file,
                "corrected": self.totals.corrected,
                "left_out": self.totals.left_out,
                "left_out_totals": self.totals.left_out_sums,
                "kinds": {
                    field.value: {
                        "rows": kind.rows,
                        "totals": dict(kind.sums),
                        "without_amount": kind.without_sum,
                    }
                    for field, kind in self.totals.kinds.items()
                },
            },
        }


@dataclass(frozen=True, slots=True)
class RowChoices:
    """What a row's customer and method can be."""

    customers: tuple[Twin, ...]
    """Those with the row's address, with their cards and last payments; else the row's customer."""
    methods: tuple[PaymentMethod, ...]
    """Of the row's customer, usable ones, newest first."""


class DraftViews:
    def __init__(self, uow: UnitOfWork, *, clock: Clock) -> None:
        self._uow = uow
        self._clock = clock

    def choices(self, run_id: str, number: int) -> RowChoices:
        """
        Raises:
            NotFound: no such row.
        """
        with self._uow.read() as stores:
            row = stores.run_rows.find(run_id, number)
            if row is None:
                raise NotFound("There is no such row.")
            wanted = row.request.customer
            ids = stores.mirror.ids_that_look_like(wanted)
            if "@" in wanted:
                ids += [one.id for one in stores.mirror.customers_drawn_alike(wanted)]
            if row.customer and any(one.code == HAS_TWIN for one in row.findings):
                ids += [twin.customer.id for twin in stores.twins.sharing(row.customer)]
            if row.customer:
                ids.append(row.customer)
            ids = list(dict.fromkeys(ids))
            customers = stores.twins.of(ids)
            today = stores.meta.today(epoch(self._clock()))
        methods = [
            method
            for twin in customers
            if twin.customer.id == row.customer
            for method in twin.methods
            if payment_methods.why_not_usable(method, today) is None
        ]
        return RowChoices(tuple(customers), tuple(methods))

    def row(self, run_id: str, number: int) -> RunRow | None:
        with self._uow.read() as stores:
            return stores.run_rows.find(run_id, number)

    def next_blocked(self, run_id: str, after: int) -> int | None:
        """The next row that is kept back, from the beginning again after the last one."""
        with self._uow.read() as stores:
            return stores.run_rows.next_blocked(run_id, after)

    def file_totals(self, run_id: str) -> FileTotals:
        """Of all rows, as the file says and with the corrections."""
        with self._uow.read() as stores:
            return stores.run_rows.file_totals(run_id)

    def agreement(self, run_id: str) -> str:
        """Whether what the maker typed is the file's sum or the corrected one; empty when both are."""
        with self._uow.read() as stores:
            control = find_run(stores, run_id).control
            file = stores.run_rows.file_totals(run_id)
        return control_totals.agreement(control, file) if control is not None else ""

    def correction_totals(self, run_id: str) -> CorrectionTotals:
        """What the corrections of a run come to, without each of them."""
        with self._uow.read() as stores:
            return stores.corrections.totals(find_run(stores, run_id))

    def corrections(self, run_id: str) -> CorrectionsView:
        """
        What was decided of rows beside what the file says, in the order of the file.

        Raises:
            NotFound: no such run.
        """
        with self._uow.read() as stores:
            return corrections_of(stores, find_run(stores, run_id))


def corrections_of(stores: Stores, run: Run) -> CorrectionsView:
    """Of what is in effect, in the order of the file."""
    log = stores.corrections.of(run.id)
    decided = in_effect(log, file_version=run.file_version)
    rows = stores.run_rows.some(run.id, sorted(decided))
    return CorrectionsView(
        tuple(entry for row in rows for entry in decided[row.number].values()),
        {row.number: (row.original or row.request).reference for row in rows},
        stores.corrections.totals(run),
        DraftVersion(run.file_version, log[-1].id if log else 0),
    )
