"""Small files that other systems got wrong, written anew with our own data; each stands for a kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import xlsxwriter

from tests.spreadsheets.workbook_files import workbook

HEADER = ("customer", "amount", "currency", "reference")


def sheet_of(
    rows: Sequence[Sequence[object]],
    *,
    header: Sequence[str] = HEADER,
    formats: Mapping[tuple[int, int], str] | None = None,
    hidden_rows: Sequence[int] = (),
    hidden_columns: Sequence[int] = (),
    struck_rows: Sequence[int] = (),
    hidden_sheet: Sequence[Sequence[object]] = (),
) -> bytes:
    """
    A workbook of one sheet, or with a hidden one behind it.

    Args:
        formats: number formats by row and column, both from 0 and the header being row 0.
        hidden_rows: from 0, the header being row 0; so are struck_rows and hidden_columns.
    """

    def fill(book: xlsxwriter.Workbook) -> None:
        sheet = book.add_worksheet("Open items")
        struck = book.add_format({"font_strikeout": True})
        for at, row in enumerate([header, *rows]):
            for column, value in enumerate(row):
                code = (formats or {}).get((at, column))
                form = book.add_format({"num_format": code}) if code else None
                sheet.write(at, column, value, struck if at in struck_rows else form)
        for at in hidden_rows:
            sheet.set_row(at, None, None, {"hidden": True})
        for column in hidden_columns:
            sheet.set_column(column, column, None, None, {"hidden": True})
        if hidden_sheet:
            old = book.add_worksheet("Last year")
            for at, row in enumerate([header, *hidden_sheet]):
                old.write_row(at, 0, row)
            old.hide()

    return workbook(fill)


def csv_of(
    rows: Sequence[Sequence[str]],
    *,
    header: Sequence[str] = HEADER,
    separator: str = ",",
    encoding: str = "utf-8",
) -> bytes:
    lines = [separator.join(f'"{cell}"' for cell in row) for row in (header, *rows)]
    return "\r\n".join([*lines, ""]).encode(encoding)
