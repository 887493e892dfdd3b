"""A file or pasted text to a sheet of text cells, whatever its name says it is."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePath

from lib.domain.files.doubtful_texts import DoubtfulText, TextLook
from lib.domain.files.formulas import bare
from lib.domain.files.sheets import (
    LONGEST_CELL,
    MOST_COLUMNS,
    MOST_ROWS,
    NO_CELLS,
    NO_DOUBTS,
    Cell,
    CellKind,
    Note,
    Origin,
    Sheet,
    SheetRow,
    column_letter,
)
from lib.errors import InvalidInput
from lib.spreadsheets import delimited
from lib.spreadsheets.encodings import decoded
from lib.spreadsheets.other_kinds import refuse_bytes, refuse_text
from lib.spreadsheets.scanning import too_many_columns
from lib.spreadsheets.workbooks import SheetTable, Workbook

__all__ = ["MOST_BYTES", "Sheet", "SheetRow", "read_file", "read_pasted"]

MOST_BYTES = 30 * 1024 * 1024
_ZIP = b"PK\x03\x04"
# A heading may stand below a title and a few empty rows.
_ROWS_TO_HEADING = 20
_ENCODING_UNUSED = Note(
    "encoding_unused", "An Excel workbook is Unicode, so the encoding that was chosen was not used."
)


def read_file(data: bytes, name: str, *, encoding: str | None = None) -> Sheet:
    """
    Every cell as it is shown; what the content is decides, not the name.

    Args:
        encoding: as a person chose it for a text file, by Python's name.

    Raises:
        InvalidInput: nothing can be read, or not without a guess about where cells begin or what
            they hold. `field` names the row or cell where there is one.
    """
    if len(data) > MOST_BYTES:
        raise _too_many_bytes()
    if data.startswith(_ZIP):
        book = Workbook(data)
        misnamed = _misnamed(name, {".xlsx", ".xlsm"}, "an Excel workbook")
        unused = () if encoding is None else (_ENCODING_UNUSED,)
        sheet = _of_table(book.first_seen(), (*misnamed, *unused))
        return replace(sheet, hidden_sheets=tuple(_hidden_sheets(book)))
    refuse_bytes(data)
    decoding = decoded(data, encoding)
    refuse_text(decoding.text)
    cells, delimiter, more = delimited.records(decoding.text)
    misnamed = _misnamed(name, {"", ".csv", ".tsv", ".tab", ".txt"}, "a text file (CSV)")
    origin = Origin(
        encoding=decoding.encoding,
        delimiter=delimiter,
        letters_doubt=decoding.doubt,
        letters_examples=decoding.examples,
        encoding_is_chosen=decoding.is_chosen,
    )
    return _sheet(cells, (*misnamed, *decoding.notes, *more), origin)


def read_pasted(text: str) -> Sheet:
    """
    Cells copied from a spreadsheet, or the text of a CSV file.

    Raises:
        InvalidInput: as for a file.
    """
    if len(text) > MOST_BYTES:
        raise _too_many_bytes()
    if "\x00" in text:
        raise InvalidInput(
            "What was pasted is not text. Copy the cells in the spreadsheet and paste them again.",
            code="file_not_text",
        )
    text = text.removeprefix("\ufeff")
    refuse_text(text)
    cells, delimiter, notes = delimited.records(text)
    return _sheet(cells, notes, Origin(kind="pasted", delimiter=delimiter))


def _hidden_sheets(book: Workbook) -> Iterator[Sheet]:
    """Those that hold a table; of the others there is nothing to say."""
    for table in book.hidden():
        with contextlib.suppress(InvalidInput):
            yield _of_table(table, ())


def _of_table(table: SheetTable, notes: tuple[Note, ...]) -> Sheet:
    origin = Origin(kind="workbook", sheet=table.name, hidden_columns=table.hidden_columns)
    sheet = _sheet(table.rows, (*notes, *table.notes), origin)
    touched = {
        *table.values,
        *table.struck,
        *table.perhaps_struck,
        *table.doubtful,
        *table.hidden_rows,
    }
    if not touched:
        return sheet
    return replace(
        sheet,
        rows=tuple(
            _with_values(row, table) if row.number - 1 in touched else row for row in sheet.rows
        ),
    )


def _with_values(row: SheetRow, table: SheetTable) -> SheetRow:
    at = row.number - 1
    doubtful = table.doubtful.get(at, NO_DOUBTS)
    return SheetRow(
        row.number,
        row.cells,
        {**table.values.get(at, NO_CELLS), **row.values},
        at in table.hidden_rows or _is_unseen(row, doubtful),
        frozenset(table.struck.get(at, ())),
        frozenset(table.perhaps_struck.get(at, ())),
        doubtful,
    )


def _is_unseen(row: SheetRow, doubtful: Mapping[int, DoubtfulText]) -> bool:
    """All that stands in it has the colour of what is behind it."""
    return bool(doubtful) and all(
        at in doubtful and doubtful[at].look is TextLook.UNSEEN
        for at, text in enumerate(row.cells)
        if text.strip()
    )


def _sheet(records: Iterable[Sequence[str]], notes: tuple[Note, ...], origin: Origin) -> Sheet:
    filled: list[tuple[int, Sequence[str]]] = []
    for number, cells in enumerate(records, 1):
        together = "".join(cells)
        if not together.strip():
            continue
        if len(filled) > MOST_ROWS + _ROWS_TO_HEADING:
            raise _too_many_rows()
        filled.append((number, cells))
    if not filled:
        raise InvalidInput(
            "There is nothing in it: no row holds a value. Check that the right file was chosen and saved.",
            code="file_empty",
        )
    at = _heading(filled)
    heading_number, heading = filled[at]
    body = filled[at + 1 :]
    if len(body) > MOST_ROWS:
        raise _too_many_rows()
    if not body:
        raise InvalidInput(
            f"There is a heading in row {heading_number} and no row below it. Add the rows and try again.",
            code="file_no_rows",
        )
    width = _width(heading, body)
    if width > MOST_COLUMNS:
        raise too_many_columns(width)
    header = tuple(name[:LONGEST_CELL] for name in _exactly(heading, width))
    if heading_number > 1 and at:
        message = (
            f"The heading was found in row {heading_number}; what stands above it was left out."
        )
        notes = (*notes, Note("heading_below", message))
    rows = tuple(_row(number, cells, width) for number, cells in body)
    return Sheet(
        header,
        rows,
        (*notes, *_about_names(header)),
        replace(origin, header_row=heading_number),
        tuple(text for _, cells in filled[:at] for cell in cells if (text := cell.strip())),
    )


def _row(number: int, cells: Sequence[str], width: int) -> SheetRow:
    exactly = _exactly(cells, width)
    if len("".join(exactly)) <= LONGEST_CELL:
        return SheetRow(number, exactly)
    return SheetRow(
        number,
        tuple(cell[:LONGEST_CELL] for cell in exactly),
        {
            at: Cell(CellKind.TOO_LONG)
            for at, cell in enumerate(exactly)
            if len(cell) > LONGEST_CELL
        },
    )


def _heading(filled: Sequence[tuple[int, Sequence[str]]]) -> int:
    """The first row that fills at least half as many cells as the fullest of the first rows."""
    counts = [sum(map(bool, map(str.strip, cells))) for _, cells in filled[:_ROWS_TO_HEADING]]
    return next(index for index, count in enumerate(counts) if count * 2 >= max(counts))


def _width(heading: Sequence[str], body: Sequence[tuple[int, Sequence[str]]]) -> int:
    """Up to the last column with a name or a value. A value to the right of the heading is refused."""
    width = 0 if heading[-1] == "" else len(heading)
    for number, cells in body:
        if len(cells) <= width:
            continue
        last = len(cells)
        while last > width and not cells[last - 1].strip():
            last -= 1
        if last > len(heading):
            raise InvalidInput(
                f"Row {number} has {last} cells, but the heading has {len(heading)}. A comma or another "
                "separator inside a value probably lacks quotation marks. Correct the row and try again.",
                field=f"row {number}",
                code="row_too_long",
            )
        width = max(width, last)
    named = len(heading)
    while named > width and not heading[named - 1].strip():
        named -= 1
    return max(width, named)


def _exactly(cells: Sequence[str], width: int) -> tuple[str, ...]:
    kept = cells[:width]
    if "'" in "".join(kept):
        kept = [bare(cell) for cell in kept]
    return (*kept, *[""] * (width - len(kept)))


def _about_names(header: tuple[str, ...]) -> tuple[Note, ...]:
    notes = []
    names = [" ".join(name.split()).casefold() for name in header]
    nameless = [column_letter(index) for index, name in enumerate(names) if not name]
    if nameless:
        notes.append(
            Note("heading_empty", f"No name in the heading: column {', '.join(nameless)}.")
        )
    for name, count in Counter(names).items():
        if name and count > 1:
            places = [column_letter(index) for index, one in enumerate(names) if one == name]
            message = f"{count} columns have the name “{name[:40]}”: {', '.join(places)}."
            notes.append(Note("heading_repeated", message))
    return tuple(notes)


def _misnamed(name: str, usual: set[str], kind: str) -> tuple[Note, ...]:
    ending = PurePath(name).suffix.lower()
    if ending in usual:
        return ()
    shown = f"ends in {ending[:12]}" if ending else "has no ending"
    return (
        Note("name_misleads", f"The file's name {shown}, but it is {kind} and was read as one."),
    )


def _too_many_bytes() -> InvalidInput:
    return InvalidInput(
        f"It is larger than {MOST_BYTES // 1024 // 1024} MB, the most that Onfile reads. Leave out columns that "
        "are not needed, or split it into several files.",
        code="file_too_large",
    )


def _too_many_rows() -> InvalidInput:
    return InvalidInput(
        f"It has more than {MOST_ROWS:,} rows, the most that Onfile reads. Split it into several files.",
        code="too_many_rows",
    )
