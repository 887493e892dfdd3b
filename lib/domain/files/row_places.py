"""Headings and titles over a row: the heading once more, that of another table, or “Already paid”."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from lib.domain.files import credit_words, state_words
from lib.domain.files.columns import plain_name
from lib.domain.files.credit_words import words_in
from lib.domain.files.row_errors import RowError
from lib.domain.files.row_orders import RowOrder
from lib.domain.files.row_states import forbids
from lib.domain.files.row_words import of_credit_note
from lib.domain.files.run_columns import COLUMNS, RUN_COLUMNS
from lib.domain.files.sheets import Sheet, SheetRow
from lib.domain.runs import Severity

_REQUIRED = tuple(column.name for column in COLUMNS if column.required)
_FEWEST_HEADINGS = 2
_MOST_WORDS = 6
_TOTALS = frozenset({"row_is_total", "row_total_mentioned"})
# “Not yet paid”, “To be paid by card”, “Open and paid invoices”.
_STILL_OWED = (
    state_words.YET
    | state_words.NOT
    | frozenset(
        "be due overdue outstanding pending open unpaid offen offene unbezahlt impayé impayés impagado impagados".split()
    )
)
_ENDS = (credit_words.CREDIT_WORDS - {"credit"}) | credit_words.REFUNDS | credit_words.OVERPAID


class Places:
    """Goes through the rows of one sheet from its heading down."""

    def __init__(self, sheet: Sheet, columns: Mapping[str, int]) -> None:
        self._columns = columns
        self._heading = sheet.origin.header_row
        self._names = {at: plain_name(sheet.header[at]) for at in columns.values()}
        self._over_all = _over_all(sheet)
        self._title = ""
        self._other_heading = 0
        """Of another table, once one began."""

    def of(
        self, row: SheetRow, order: RowOrder, words: Sequence[RowError]
    ) -> tuple[RowOrder, list[RowError]]:
        """
        The row, and what is to be said of it by its place.

        Args:
            words: what its own words say.
        """
        if order.money is None and order.amount_read is None:
            if self._is_heading(row):
                return self._at_heading(row, order)
            if sum(map(bool, map(str.strip, row.cells))) == 1:
                text = "".join(row.cells).strip()
                is_telling = not _TOTALS.issuperset(one.code for one in words)
                is_telling = is_telling or says_no_charge(text)
                self._title = f"“{text[:40]}” (row {row.number})" if is_telling else ""
                return order, []
        if self._other_heading:
            message = (
                f"The heading in row {self._other_heading} is another one than in row {self._heading}: this row belongs to "
                "another table. Put each table into a file of its own."
            )
            return order, [RowError(row.number, "", "row_of_other_table", message)]
        title = self._title or self._over_all
        if not title:
            return order, []
        message = f"The row stands under {title}: is it to be charged?"
        return order, [RowError(row.number, "", "row_under_title", message, Severity.AMBER)]

    def _is_heading(self, row: SheetRow) -> bool:
        names = {
            name
            for text in row.cells
            if (plain := plain_name(text))
            for name in _REQUIRED
            if plain in RUN_COLUMNS.words_of(name)
        }
        return len(names) >= _FEWEST_HEADINGS or self._is_same(row)

    def _is_same(self, row: SheetRow) -> bool:
        return any(self._names.values()) and all(
            plain_name(row.cells[at]) == name for at, name in self._names.items()
        )

    def _at_heading(self, row: SheetRow, order: RowOrder) -> tuple[RowOrder, list[RowError]]:
        self._title = ""
        if self._is_same(row):
            self._other_heading = 0
            message = f"This row is the heading of row {self._heading} once more, and no charge."
        else:
            self._other_heading = row.number
            message = "This row is the heading of another table, and no charge."
        error = RowError(row.number, "", "row_is_heading", message)
        return replace(order, customer="", reference=None, errors=(), warnings=()), [error]


def says_no_charge(title: str) -> bool:
    """Whether what stands under it is credited, paid or not to be charged: “Credit notes”, “Already paid”."""
    words = words_in(title)
    if not 0 < len(words) <= _MOST_WORDS or "@" in title:
        return False
    if forbids(title):
        return True
    if not _STILL_OWED.isdisjoint(words):
        return False
    return (
        not credit_words.DONE_WITH.isdisjoint(words)
        or not _ENDS.isdisjoint((words[0], words[-1]))
        or of_credit_note(0, "", title, is_type=False, is_key=False) is not None
    )


def _over_all(sheet: Sheet) -> str:
    """What stands over the whole table and says that it is no list of charges."""
    for text in sheet.above:
        if says_no_charge(text):
            return f"“{text[:40]}”"
    name = sheet.origin.sheet or ""
    return f"the name of the sheet, “{name[:40]}”" if says_no_charge(name) else ""
