"""XLSX to cells: the first sheet that can be seen and holds something, every value as text."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from lib.domain.sheets import column_letter
from lib.errors import InvalidInput
from lib.spreadsheets import archives, scanning
from lib.spreadsheets.archives import Listed
from lib.spreadsheets.scanning import Scan

if TYPE_CHECKING:
    from python_calamine import CalamineSheet

Value = str | float | bool | datetime.datetime | datetime.date | datetime.time | datetime.timedelta
# Doubles hold any integer of fifteen digits, and Excel shows and keeps no more than those.
_EXACT = 1e15


def rows(data: bytes) -> tuple[list[list[str]], tuple[str, ...]]:
    """
    Every row from the sheet's first to its last filled one, empty ones too, and notes.

    Raises:
        InvalidInput: damaged, of another kind, too large, empty, or with formulas that were never
            calculated.
    """
    parts = archives.unpacked(data)
    listed = archives.sheets(parts)
    chosen, scan = _first_with_data(listed, parts)
    sheet = _read(parts, chosen)
    cells = [
        [value if type(value) is str else as_text(value) for value in row]
        for row in sheet.to_python(skip_empty_area=False)
    ]
    for place, text in scan.errors.items():
        row, column = scanning.position(place)
        cells[row][column] = text.strip()
    return cells, (*_which(chosen, listed), *_merged(sheet))


def as_text(value: Value) -> str:
    """
    What the cell shows without its format: 12.3 and not 12.300000000000001; dates as 2026-11-24.

    A number of more than fifteen digits has lost the others in Excel, and is written the way Excel
    shows it ("1.23E+17"), so that nobody takes it for whole.
    """
    match value:
        case str():
            return value
        case bool():
            return "TRUE" if value else "FALSE"
        case int() | float():
            return _number_as_text(float(value))
        case datetime.datetime():
            is_day = value.time() == datetime.time()
            return value.date().isoformat() if is_day else value.isoformat(" ", "seconds")
        case _:
            return str(value)


def _number_as_text(value: float) -> str:
    if value.is_integer() and abs(value) < _EXACT:
        return str(int(value))
    text = f"{value:.15g}"
    if "e+" in text:
        mantissa, exponent = f"{value:.14E}".split("E")
        return f"{mantissa.rstrip('0').rstrip('.')}E{exponent}"
    return format(Decimal(text), "f") if "e" in text else text


def _first_with_data(listed: list[Listed], parts: dict[str, bytes]) -> tuple[Listed, Scan]:
    shared_texts = parts.get("xl/sharedStrings.xml", b"")
    for sheet in listed:
        if sheet.visible and sheet.part in parts:
            scan = scanning.checked(parts[sheet.part], shared_texts)
            if scan.filled:
                return sheet, scan
    raise InvalidInput(
        "The workbook has no visible sheet with anything in it. Choose another file, or show the sheet "
        "that holds the table and save.",
        code="file_empty",
    )


def _read(parts: dict[str, bytes], chosen: Listed) -> CalamineSheet:
    from python_calamine import CalamineError, load_workbook

    try:
        return load_workbook(archives.packed(parts, chosen.part)).get_sheet_by_index(chosen.index)
    except (CalamineError, IndexError, ValueError, OSError):
        raise archives.damaged() from None
    except BaseException as problem:
        # What the reader's own language calls a panic is no Exception, and no reason to stop.
        if type(problem).__name__ == "PanicException":
            raise archives.damaged() from None
        raise


def _which(chosen: Listed, listed: list[Listed]) -> tuple[str, ...]:
    if len(listed) == 1:
        return ()
    return (f"The workbook has {len(listed)} sheets; “{chosen.name}” was read, and no other.",)


def _merged(sheet: CalamineSheet) -> tuple[str, ...]:
    tall = [area for area in sheet.merged_cell_ranges or () if area[1][0] > area[0][0]]
    if not tall:
        return ()
    row, column = tall[0][0]
    return (
        f"Cells are merged over several rows, for example at {column_letter(column)}{row + 1}. Their "
        "value counts for the uppermost row only; the rows below have none.",
    )
