"""Charges of a period: as charge objects with sums, and as a workbook or CSV file that leaves the house."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lib.clock import Clock, epoch
from lib.domain.actors import Actor, Permission
from lib.domain.books import CHARGE_COLUMNS, JournalFilter
from lib.services.books.files import AccountFiles
from lib.services.books.lines import lines_of, views_in_order
from lib.services.charges.view import ChargeView
from lib.store.journal import Sum, selection
from lib.store.unit_of_work import UnitOfWork

Totals = dict[str, dict[str, int]]
"""Minor units by currency and state."""


@dataclass(frozen=True, slots=True)
class ChargeExport:
    rows: int
    totals: Totals
    content: bytes


class ChargeBooks:
    def __init__(
        self,
        uow: UnitOfWork,
        files: AccountFiles,
        *,
        clock: Clock,
        timezone: str,
        public_url: str,
    ) -> None:
        self._uow = uow
        self._files = files
        self._clock = clock
        self._timezone = timezone
        self._public_url = public_url

    def listing(self, which: JournalFilter, *, by: Actor) -> tuple[list[ChargeView], Totals]:
        """Oldest first, with the sums of exactly these."""
        by.must(Permission.VIEW)
        with self._uow.read() as stores:
            selected = self._selected(which)
            ids = stores.journal.ids(selected)
            return views_in_order(
                stores, ids, public_url=self._public_url, now=epoch(self._clock())
            ), _totals(stores.journal.totals(selected))

    def export(self, which: JournalFilter, file_name: str, *, by: Actor) -> ChargeExport:
        """
        XLSX where the name ends so, CSV otherwise; on the audit log before it is returned.

        Raises:
            InvalidInput: a cell is longer than a workbook takes.
        """
        by.must(Permission.VIEW)
        with self._uow.read() as stores:
            selected = self._selected(which)
            sums = stores.journal.totals(selected)
            lines = lines_of(
                stores,
                stores.journal.rows(selected),
                public_url=self._public_url,
                now=epoch(self._clock()),
            )
        content = self._files.make("Charges", CHARGE_COLUMNS, lines, file_name)
        with self._uow.write() as stores:
            stores.audit.record(
                at=epoch(self._clock()),
                actor=by.username,
                action="charges.export",
                subject="charges",
                detail={"filter": which.as_json(), "rows": len(lines)},
            )
        return ChargeExport(len(lines), _totals(sums), content)

    def file(self, ids: Sequence[str], file_name: str, *, by: Actor) -> bytes:
        """
        These charges in this order, with the columns of `export`; whoever hands it on records that.

        Raises:
            InvalidInput: a cell is longer than a workbook takes.
        """
        by.must(Permission.VIEW)
        with self._uow.read() as stores:
            lines = lines_of(
                stores,
                stores.journal.rows_of(ids),
                public_url=self._public_url,
                now=epoch(self._clock()),
            )
        return self._files.make("Charges", CHARGE_COLUMNS, lines, file_name)

    def _selected(self, which: JournalFilter) -> dict[str, object]:
        return selection(
            which.moments(self._timezone),
            state=which.state,
            customer=which.customer,
            reference=which.reference,
        )


def _totals(sums: Sequence[Sum]) -> Totals:
    totals: Totals = {}
    for currency, state, _, amount in sums:
        totals.setdefault(currency, {})[state.value] = amount
    return totals
