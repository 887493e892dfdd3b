"""Tables for accountants: numbers are numbers, dates are dates, and no cell is a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lib.domain.books import BookColumn, Kind, Line, local
from lib.domain.files.formulas import inert
from lib.money import currency, format_major
from lib.spreadsheets.writing import fitting, sheet_name

if TYPE_CHECKING:
    import xlsxwriter

_FIELDS = (
    BookColumn("heading", "Heading"),
    BookColumn("field", "Field"),
    BookColumn("meaning", "Meaning"),
)


@dataclass(frozen=True, slots=True)
class AccountTable:
    name: str
    columns: Sequence[BookColumn]
    lines: Sequence[Line]


def to_csv(table: AccountTable, *, timezone: str) -> bytes:
    """
    UTF-8 with the mark by which Excel knows it; moments in ISO with their offset, amounts with a dot.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow([column.title(timezone) for column in table.columns])
    for line in table.lines:
        writer.writerow([_plain(column, line, timezone) for column in table.columns])
    return text.getvalue().encode("utf-8-sig")


def to_xlsx(tables: Sequence[AccountTable], *, timezone: str, made_at: int | None = None) -> bytes:
    """
    The first table, then a sheet that names its fields, then the other tables.

    Amounts are numbers with the decimals of their currency, moments are Excel's dates in the time zone
    that their heading names. With `made_at` the same tables give the same bytes.
    """
    import xlsxwriter

    written = io.BytesIO()
    with xlsxwriter.Workbook(written, {"in_memory": True}) as book:
        if made_at is not None:
            book.set_properties({"created": local(made_at, "UTC").replace(tzinfo=None)})
        sheets = _Sheets(book, timezone)
        sheets.add(tables[0])
        fields = [
            {"heading": column.title(timezone), "field": column.name, "meaning": column.meaning}
            for column in tables[0].columns
        ]
        sheets.add(AccountTable("Fields", _FIELDS, fields))
        for table in tables[1:]:
            sheets.add(table)
    return written.getvalue()


class _Sheets:
    def __init__(self, book: xlsxwriter.Workbook, timezone: str) -> None:
        self._book = book
        self._timezone = timezone
        self._bold = book.add_format({"bold": True, "text_wrap": True})
        self._moment = book.add_format({"num_format": "yyyy-mm-dd hh:mm"})
        self._amounts = {
            decimals: book.add_format(
                {"num_format": f"#,##0.{'0' * decimals}" if decimals else "#,##0"}
            )
            for decimals in (0, 2, 3)
        }

    def add(self, table: AccountTable) -> None:
        page = self._book.add_worksheet(sheet_name(table.name))
        page.freeze_panes(1, 0)
        for place, column in enumerate(table.columns):
            page.write_string(0, place, inert(column.title(self._timezone)), self._bold)
        for number, line in enumerate(table.lines, 1):
            for place, column in enumerate(table.columns):
                self._write(page, number, place, column, line)
        if table.lines:
            page.autofilter(0, 0, len(table.lines), len(table.columns) - 1)
        page.autofit(300)

    def _write(
        self,
        page: xlsxwriter.worksheet.Worksheet,
        number: int,
        place: int,
        column: BookColumn,
        line: Line,
    ) -> None:
        cell = line[column.name]
        if cell is None or cell == "":
            return
        if column.kind is Kind.AMOUNT:
            code = str(line[column.currency])
            decimals = currency(code).decimals
            page.write_number(
                number, place, float(format_major(int(cell), code)), self._amounts[decimals]
            )
        elif column.kind is Kind.MOMENT:
            moment = local(int(cell), self._timezone).replace(tzinfo=None)
            page.write_datetime(number, place, moment, self._moment)
        elif isinstance(cell, int):
            page.write_number(number, place, cell)
        else:
            page.write_string(number, place, fitting(inert(cell)))


def _plain(column: BookColumn, line: Line, timezone: str) -> str:
    cell = line[column.name]
    if cell is None:
        return ""
    if column.kind is Kind.AMOUNT:
        return format_major(int(cell), str(line[column.currency]))
    if column.kind is Kind.MOMENT:
        return local(int(cell), timezone).isoformat()
    return str(cell) if isinstance(cell, int) else inert(cell)
