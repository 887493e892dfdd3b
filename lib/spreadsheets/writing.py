"""Tables as files that a spreadsheet opens and that none of its cells can make it run."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Iterable, Sequence

from lib.domain.files.formulas import inert
from lib.domain.files.sheets import LONGEST_CELL
from lib.errors import InvalidInput

# What a double and a spreadsheet keep unchanged.
_PLAIN_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,11})(?:\.([0-9]{1,3}))?\Z", re.ASCII)
_NAME_LENGTH = 31
_NOT_IN_A_NAME = re.compile(r"[\[\]:*?/\\\x00-\x1f]")


def to_csv(header: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """
    UTF-8 with the mark by which Excel knows it, CRLF, every cell in quotation marks.

    `reading.read_file` gives back the same header and rows. The quotation marks leave no doubt
    about the separator, whatever the cells hold; Excel does not ask them where its country's is another one
    (`formulas`).
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow([inert(cell) for cell in header])
    writer.writerows([inert(cell) for cell in row] for row in rows)
    return text.getvalue().encode("utf-8-sig")


def to_xlsx(
    header: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    sheet: str,
    numbers: Collection[str] = (),
) -> bytes:
    """
    One sheet with a fixed heading; text cells, read back as they were.

    Args:
        numbers: names of columns whose plain numbers are written as such, so that Excel can add
            them up, and shown with their decimals.
    """
    import xlsxwriter

    written = io.BytesIO()
    with xlsxwriter.Workbook(written, {"in_memory": True}) as book:
        page = book.add_worksheet(sheet_name(sheet))
        bold = book.add_format({"bold": True})
        formats = {
            decimals: book.add_format({"num_format": f"0.{'0' * decimals}" if decimals else "0"})
            for decimals in range(4)
        }
        as_numbers = {index for index, name in enumerate(header) if name in numbers}
        page.freeze_panes(1, 0)
        for column, name in enumerate(header):
            page.write_string(0, column, fitting(inert(name)), bold)
        for number, row in enumerate(rows, 1):
            for column, cell in enumerate(row):
                plain = _PLAIN_NUMBER.match(cell) if column in as_numbers else None
                if plain:
                    page.write_number(number, column, float(cell), formats[len(plain[1] or "")])
                elif cell:
                    page.write_string(number, column, fitting(inert(cell)))
    return written.getvalue()


def sheet_name(wanted: str) -> str:
    """Excel refuses a workbook for a name it does not like, "History" among them."""
    name = _NOT_IN_A_NAME.sub(" ", wanted).strip(" '")[:_NAME_LENGTH].strip(" '")
    return name if name and name.lower() != "history" else "Sheet1"


def fitting(cell: str) -> str:
    if len(cell) > LONGEST_CELL + 1:
        raise InvalidInput(
            f"A cell holds more than {LONGEST_CELL:,} characters, more than a workbook takes. Use CSV.",
            code="cell_too_long",
        )
    return cell
