"""
A sheet's XML beside its reader: what the reader does not tell of cells, rows and columns.

It is read first. The reader makes a full rectangle out of the outermost cells and a text of its own
for every cell, so a few bytes could ask for terabytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from xml.parsers import expat

from lib.domain.files.sheets import MOST_COLUMNS, MOST_ROWS, column_letter
from lib.errors import InvalidInput
from lib.spreadsheets.archives import damaged, parse, too_large
from lib.spreadsheets.places import PLACE, Place, column_number
from lib.spreadsheets.rules import LOOKS, Rule, RuleScan
from lib.spreadsheets.styles import is_nothing, is_on
from lib.spreadsheets.sum_formulas import SumScan
from lib.spreadsheets.text_sizes import MOST_CHARACTERS, refuse_too_much_text

_MOST_CELLS = 5_000_000
# Rows above the heading and empty ones among the others.
_LAST_ROW = MOST_ROWS + 1000
_LONGEST_ROW = 7
# In points: nobody reads letters that are lower.
_LOWEST_ROW = 4


@dataclass(slots=True)
class Scan:
    filled: int = 0
    """Cells with a value."""
    last_row: int = 0
    width: int = 0
    shared: int = 0
    """Cells that hold one of the workbook's shared texts."""
    styled: dict[Place, int] = field(default_factory=dict)
    """Filled cells whose style says more than nothing."""
    empty_formulas: set[Place] = field(default_factory=set)
    sums: dict[Place, str] = field(default_factory=dict)
    """Formulas that add up other rows."""
    shows_zeros: bool = True
    errors: dict[Place, str] = field(default_factory=dict)
    """What stands in cells such as #DIV/0!, which the reader shows as empty."""
    hidden_rows: set[int] = field(default_factory=set)
    hidden_columns: set[int] = field(default_factory=set)
    rules: list[Rule] = field(default_factory=list)
    """Of conditional formatting."""

    def fits(self) -> bool:
        return (
            self.last_row <= _LAST_ROW
            and self.width <= MOST_COLUMNS
            and self.last_row * self.width <= _MOST_CELLS
        )


def checked(xml: bytes, shared_texts: bytes, plain: frozenset[str]) -> Scan:
    """
    Args:
        plain: styles that change nothing about what a cell shows.

    Raises:
        InvalidInput: too large for memory, or damaged.
    """
    scan = _Scanner(plain).scanned(xml)
    if not scan.fits():
        raise _too_far(scan)
    longest = max(map(len, shared_texts.split(b"<si")), default=0)
    if scan.shared * longest > MOST_CHARACTERS:
        refuse_too_much_text(xml, shared_texts)
    return scan


def too_many_columns(width: int) -> InvalidInput:
    return InvalidInput(
        f"The table reaches to column {column_letter(width - 1)}; Onfile reads {MOST_COLUMNS} columns. Delete "
        "those that are not needed and upload the file again.",
        field=column_letter(width - 1),
        code="too_many_columns",
    )


class _Scanner:
    def __init__(self, plain: frozenset[str]) -> None:
        self._scan = Scan()
        self._plain = plain
        self._parser = expat.ParserCreate()
        self._numbers: dict[str, int] = {}
        self._cell: Mapping[str, str] = {}
        self._place: Place | None = None
        self._awaits = False
        """A result for the formula of this cell."""
        self._row_is_hidden = False
        self._hides_rows = self._lowers_rows = self._hides_columns = False
        self._own_widths: set[int] = set()
        self._is_listening = False
        self._rules = RuleScan()
        self._is_extended = False
        """Behind what every program knows, where `f` is no formula of a cell."""
        self._sums = SumScan()
        self._tables = 0
        self._row = ("", 0)
        """Of the cell before, as it is written and from 0."""

    def scanned(self, xml: bytes) -> Scan:
        steps: dict[str, Callable[[dict[str, str]], None]] = {
            "c": self._on_cell,
            "v": self._on_value,
            "is": self._on_value,
            "f": self._on_formula,
            "row": self._on_row,
            "col": self._on_column,
            "sheetFormatPr": self._on_defaults,
            "sheetData": self._on_table,
            "sheetView": self._on_view,
            "conditionalFormatting": self._rules.on_formatting,
            "cfRule": self._rules.on_rule,
            "ext": self._on_extension,
            "dxf": self._rules.on_look,
            **{kind: self._rules.of_look(kind) for kind in LOOKS},
            "sqref": lambda _: self._listen(self._rules.cells_of_own()),
        }
        by_name: dict[str, Callable[[dict[str, str]], None] | None] = {}

        def start(name: str, attributes: dict[str, str]) -> None:
            try:
                step = by_name[name]
            except KeyError:
                step = by_name[name] = steps.get(name.rpartition(":")[2])
            if step is not None:
                step(attributes)

        parse(xml, self._parser, start)
        self._end_of_formula()
        if self._sums.is_open:
            self._sums.close(self._here())
        self._scan.sums = self._sums.sums
        if self._hides_columns:
            width = min(self._scan.width, MOST_COLUMNS)
            self._scan.hidden_columns |= set(range(width)) - self._own_widths
        self._scan.rules = self._rules.rules
        return self._scan

    def _on_cell(self, attributes: dict[str, str]) -> None:
        if self._awaits:
            self._end_of_formula()
        if self._sums.is_open:
            self._sums.close(self._here())
        self._cell, self._place, self._is_extended = attributes, None, False

    def _on_formula(self, attributes: dict[str, str]) -> None:
        # A text that comes to nothing has an empty value, and one that was never calculated has none.
        self._awaits = not self._is_extended
        if self._is_extended:
            self._listen(None)
        else:
            self._sums.begin(attributes)
            self._listen(self._sums.on_text)

    def _on_value(self, _: dict[str, str]) -> None:
        cell, scan = self._cell, self._scan
        if self._sums.is_open:
            self._sums.close(self._here())
        kind = cell.get("t")
        if kind == "e":
            self._listen(self._on_error)
        else:
            self._awaits = self._awaits and kind != "str"
            self._listen(self._on_text if self._awaits else None)
        row, column = place = self._here()
        scan.filled += 1
        if row >= scan.last_row:
            scan.last_row = row + 1
        if column >= scan.width:
            scan.width = column + 1
        if kind == "s":
            scan.shared += 1
        style = cell.get("s", "0")
        if style not in self._plain:
            scan.styled[place] = int(style) if style.isascii() and style.isdigit() else 0
        if self._row_is_hidden:
            scan.hidden_rows.add(row)

    def _listen(self, handler: Callable[[str], None] | None) -> None:
        """To the text of what begins here; the parser is told only where that changes."""
        if handler is not None or self._is_listening:
            self._parser.CharacterDataHandler = handler
            self._is_listening = handler is not None

    def _on_text(self, text: str) -> None:
        if text.strip():
            self._awaits = False

    def _on_error(self, text: str) -> None:
        self._awaits = False
        place = self._here()
        self._scan.errors[place] = self._scan.errors.get(place, "") + text

    def _on_row(self, attributes: dict[str, str]) -> None:
        height = attributes.get("ht")
        self._row_is_hidden = (
            is_on(attributes, "hidden")
            or (height is not None and is_nothing(height, _LOWEST_ROW))
            or (height is None and self._lowers_rows)
            or (height is None and self._hides_rows and "hidden" not in attributes)
        )

    def _on_column(self, attributes: dict[str, str]) -> None:
        is_hidden = is_on(attributes, "hidden") or is_nothing(attributes.get("width", "1"))
        if not (is_hidden or self._hides_columns):
            return
        try:
            first, last = int(attributes.get("min", "")), int(attributes.get("max", ""))
        except ValueError:
            raise damaged() from None
        columns = self._scan.hidden_columns if is_hidden else self._own_widths
        columns.update(range(first - 1, min(last, MOST_COLUMNS)))

    def _on_defaults(self, attributes: dict[str, str]) -> None:
        self._hides_rows = is_on(attributes, "zeroHeight")
        self._lowers_rows = is_nothing(attributes.get("defaultRowHeight", "15"), _LOWEST_ROW)
        self._hides_columns = is_nothing(attributes.get("defaultColWidth", "1"))

    def _on_table(self, _: Mapping[str, str]) -> None:
        # Programs differ on which of several they show.
        self._tables += 1
        if self._tables > 1:
            raise damaged()

    def _on_view(self, attributes: Mapping[str, str]) -> None:
        self._scan.shows_zeros &= is_on(attributes, "showZeros", default=True)

    def _on_extension(self, _: Mapping[str, str]) -> None:
        if self._awaits:
            self._end_of_formula()
        self._is_extended = True

    def _end_of_formula(self) -> None:
        if self._awaits:
            self._scan.empty_formulas.add(self._here())
            self._awaits = False

    def _here(self) -> Place:
        if self._place is None:
            written, (shown, row) = self._cell.get("r", ""), self._row
            # The next cell of a row: its letters alone are new.
            column = self._numbers.get(written[: -len(shown)]) if written.endswith(shown) else None
            if column is None:
                column, row = self._anew(written)
            self._place = (row, column - 1)
        return self._place

    def _anew(self, written: str) -> Place:
        letters = written.rstrip("0123456789")
        column, row = self._numbers.get(letters), written[len(letters) :]
        if column is None or not row or len(row) > _LONGEST_ROW:
            column = self._first_of_column(written)
        self._row = (row, int(row) - 1)
        return column, int(row) - 1

    def _first_of_column(self, written: str) -> int:
        match = PLACE.fullmatch(written)
        if match is None:
            raise InvalidInput(
                "The workbook does not say where its cells stand. Open it in Excel, save it there, and "
                "upload it again.",
                code="file_damaged",
            )
        self._numbers[match[1]] = column_number(match[1])
        return self._numbers[match[1]]


def _too_far(scan: Scan) -> InvalidInput:
    if scan.width > MOST_COLUMNS:
        return too_many_columns(scan.width)
    if scan.last_row <= _LAST_ROW:
        return too_large()
    return InvalidInput(
        f"The sheet is filled down to row {scan.last_row:,}; Onfile reads {MOST_ROWS:,} rows. Delete what does "
        "not belong to the table, or split it into several files.",
        field=f"row {scan.last_row}",
        code="too_many_rows",
    )
