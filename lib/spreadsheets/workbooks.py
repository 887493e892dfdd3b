"""XLSX to cells: the sheet that the workbook opens on, each cell as it is shown."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from math import isfinite
from typing import TYPE_CHECKING

from lib.domain.files import date_formats
from lib.domain.files.doubtful_texts import DoubtfulText, TextLook
from lib.domain.files.number_formats import NumberFormat, general, number_format
from lib.domain.files.plain_numbers import exact
from lib.domain.files.sheets import NO_CELLS, Cell, CellKind, Note
from lib.errors import InvalidInput
from lib.spreadsheets import archives, scanning
from lib.spreadsheets.archives import Listed
from lib.spreadsheets.empty_cells import about_blank, about_uncalculated
from lib.spreadsheets.error_cells import readable_errors
from lib.spreadsheets.merged_cells import about_merged, mark_covered
from lib.spreadsheets.places import Place, places_in
from lib.spreadsheets.rich_text import cells_in_runs, doubtful_text, is_struck, texts_in_runs
from lib.spreadsheets.scanning import Scan
from lib.spreadsheets.styles import RuleStyle, Styles, is_on, styles_of

if TYPE_CHECKING:
    from python_calamine import CalamineSheet

Value = str | float | bool | datetime.datetime | datetime.date | datetime.time | datetime.timedelta

_GENERAL = number_format("General")
_TEXT = frozenset({"General", "@"})
_STYLES = "xl/styles.xml"
_TEXTS = "xl/sharedStrings.xml"
_UNSEEN = DoubtfulText(TextLook.UNSEEN)
_PERHAPS_UNSEEN = DoubtfulText(TextLook.PERHAPS_UNSEEN)


@dataclass(frozen=True, slots=True)
class SheetTable:
    """A sheet's rows from the first to the last filled one, empty ones too."""

    name: str
    rows: list[list[str]]
    values: Mapping[int, dict[int, Cell]]
    """By row and column, from 0."""
    struck: Mapping[int, set[int]]
    perhaps_struck: Mapping[int, set[int]]
    doubtful: Mapping[int, Mapping[int, DoubtfulText]]
    hidden_rows: frozenset[int]
    hidden_columns: frozenset[int]
    notes: tuple[Note, ...] = ()


@dataclass(slots=True)
class _Cells:
    values: dict[int, dict[int, Cell]] = field(default_factory=dict)
    struck: dict[int, set[int]] = field(default_factory=dict)
    perhaps_struck: dict[int, set[int]] = field(default_factory=dict)
    doubtful: dict[int, dict[int, DoubtfulText]] = field(default_factory=dict)
    blank: dict[Place, str] = field(default_factory=dict)
    """Cells that hold this, and their number format shows nothing."""


class Workbook:
    """Of one file's bytes. Raises InvalidInput for what is damaged, of another kind or too large."""

    def __init__(self, data: bytes) -> None:
        self._parts = archives.unpacked(data)
        workbook = archives.elements(self._parts["xl/workbook.xml"])
        self._listed = archives.sheets(workbook, self._parts.get("xl/_rels/workbook.xml.rels", b""))
        self._opens_on = archives.opens_on(workbook)
        self._styles: Styles = styles_of(self._parts.get(_STYLES, b""))
        self._texts_in_runs = texts_in_runs(self._parts.get(_TEXTS, b""))
        self._since_1904 = any(
            name == "workbookPr" and is_on(attributes, "date1904") for name, attributes in workbook
        )

    def first_seen(self) -> SheetTable:
        """
        The sheet that the workbook opens on; where that holds nothing, the first that a person can turn to.

        Raises:
            InvalidInput: also when no visible sheet holds anything.
        """
        for sheet in sorted(self._listed, key=lambda one: one.index != self._opens_on):
            if sheet.visible and sheet.part in self._parts:
                scan = self._scan(sheet)
                if scan.filled:
                    return self._table(sheet, scan, self._which(sheet))
        raise InvalidInput(
            "The workbook has no visible sheet with anything in it. Choose another file, or show the sheet "
            "that holds the table and save.",
            code="file_empty",
        )

    def hidden(self) -> list[SheetTable]:
        """Sheets that are hidden and hold something."""
        tables = []
        for sheet in self._listed:
            if not sheet.visible and sheet.part in self._parts:
                scan = self._scan(sheet)
                if scan.filled:
                    tables.append(self._table(sheet, scan, ()))
        return tables

    def _scan(self, sheet: Listed) -> Scan:
        return scanning.checked(
            self._parts[sheet.part], self._parts.get(_TEXTS, b""), self._styles.plain()
        )

    def _table(self, listed: Listed, scan: Scan, notes: tuple[Note, ...]) -> SheetTable:
        sheet = _read(readable_errors(self._parts, listed, scan.errors.values()), listed)
        rows: list[list[str]] = []
        cells = _Cells()
        for at, row in enumerate(sheet.to_python(skip_empty_area=False)):
            rows.append(
                [
                    value if type(value) is str else self._text(value, at, to, scan, cells)
                    for to, value in enumerate(row)
                ]
            )
        for (at, to), style in scan.styled.items():
            if style in self._styles.struck:
                cells.struck.setdefault(at, set()).add(to)
            if style in self._styles.unseen:
                cells.doubtful.setdefault(at, {})[to] = _UNSEEN
            if to in cells.values.get(at, NO_CELLS):
                continue
            shown, one = rows[at][to], self._styles.format_of(style)
            if shown and one.code not in _TEXT:
                rows[at][to] = one.shown_text(shown)
                if not rows[at][to]:
                    cells.blank[at, to] = shown
        _bring_back(rows, cells)
        mark_covered(sheet, cells.doubtful)
        self._apply_runs(listed, cells)
        self._apply_rules(scan, cells)
        for (at, to), text in scan.errors.items():
            rows[at][to] = text.strip()
            cells.values.setdefault(at, {})[to] = Cell(CellKind.ERROR)
        for at, to in scan.empty_formulas:
            if at < len(rows) and to < len(rows[at]):
                cells.values.setdefault(at, {})[to] = Cell(CellKind.UNCALCULATED)
        return SheetTable(
            listed.name,
            rows,
            cells.values,
            cells.struck,
            cells.perhaps_struck,
            cells.doubtful,
            frozenset(scan.hidden_rows),
            frozenset(scan.hidden_columns),
            (
                *notes,
                *about_merged(sheet),
                *about_uncalculated(scan.empty_formulas),
                *about_blank(cells.blank),
            ),
        )

    def _text(self, value: Value, at: int, to: int, scan: Scan, cells: _Cells) -> str:
        if isinstance(value, str):
            return value
        text, cell = self._shown(value, self._style(scan, (at, to)))
        if (formula := scan.sums.get((at, to))) is not None:
            cell = replace(cell, sum_of_rows=formula)
        if not scan.shows_zeros and cell.number == 0:
            text, cell = "", replace(cell, with_comma="")
        cells.values.setdefault(at, {})[to] = cell
        if not text:
            cells.blank[at, to] = general(cell.number).text if cell.number else ""
        return text

    def _apply_runs(self, sheet: Listed, cells: _Cells) -> None:
        runs_of_cells = cells_in_runs(self._parts[sheet.part], self._texts_in_runs)
        for (at, to), (style, runs) in runs_of_cells.items():
            if is_struck(runs):
                cells.struck.setdefault(at, set()).add(to)
            elif (doubtful := doubtful_text(runs, self._styles.ground(style))) is not None:
                cells.doubtful.setdefault(at, {})[to] = doubtful

    def _apply_rules(self, scan: Scan, cells: _Cells) -> None:
        """Whether a rule of conditional formatting applies, only the spreadsheet knows: so no cell under one is certain."""
        areas: dict[RuleStyle, set[str]] = {}
        for rule in scan.rules:
            look = self._styles.rule(rule.look) if isinstance(rule.look, int) else rule.look
            areas.setdefault(look, set()).update(rule.places())
        for look, places in areas.items():
            if not (look.strikes or look.code or look.hides):
                continue
            for area in places:
                for at, to in places_in(area, scan.last_row, scan.width):
                    if look.strikes:
                        cells.perhaps_struck.setdefault(at, set()).add(to)
                    if look.hides:
                        cells.doubtful.setdefault(at, {}).setdefault(to, _PERHAPS_UNSEEN)
                    cell = cells.values.get(at, NO_CELLS).get(to)
                    if look.code and cell is not None and cell.kind is CellKind.NUMBER:
                        cells.values[at][to] = replace(
                            cell, code=look.code, is_certain=False, with_comma=""
                        )

    def _style(self, scan: Scan, place: Place) -> NumberFormat:
        style = scan.styled.get(place)
        return _GENERAL if style is None else self._styles.format_of(style)

    def _shown(self, value: Value, form: NumberFormat) -> tuple[str, Cell]:
        if isinstance(value, bool):
            return ("TRUE" if value else "FALSE"), Cell(CellKind.TRUTH)
        if not isinstance(value, (int, float)):
            return _iso(value), Cell(CellKind.DATE)
        if not isfinite(value):
            # 1e400, which no program can have calculated.
            return str(value), Cell(CellKind.ERROR)
        number = exact(value)
        if form.is_date:
            text = date_formats.shown(number, form.code, since_1904=self._since_1904)
            return text, Cell(CellKind.DATE, number, form.code)
        shown = form.shown(number, Decimal(value))
        return shown.text, Cell(
            CellKind.NUMBER, number, form.code, shown.signs, shown.is_certain, shown.with_comma
        )

    def _which(self, chosen: Listed) -> tuple[Note, ...]:
        if len(self._listed) == 1:
            return ()
        opened = ", the one it opens on," if chosen.index == self._opens_on else ""
        return (
            Note(
                "one_sheet_of_several",
                f"The workbook has {len(self._listed)} sheets; “{chosen.name}”{opened} was read, and no other.",
            ),
        )


def _bring_back(rows: list[list[str]], cells: _Cells) -> None:
    """Rows that hold something and show nothing: as they are without number formats, and unseen."""
    by_row: dict[int, list[int]] = {}
    for (at, to), held in cells.blank.items():
        if held:
            by_row.setdefault(at, []).append(to)
    for at, columns in by_row.items():
        if any(
            text.strip()
            for to, text in enumerate(rows[at])
            if cells.doubtful.get(at, {}).get(to) is not _UNSEEN
        ):
            continue
        for to in columns:
            rows[at][to] = cells.blank.pop((at, to))
            cells.doubtful.setdefault(at, {})[to] = _UNSEEN
            cell = cells.values.get(at, NO_CELLS).get(to)
            if cell is not None and cell.number is not None:
                shown = general(cell.number)
                cells.values[at][to] = replace(
                    cell, code="General", is_certain=shown.is_certain, with_comma=shown.with_comma
                )


def _iso(value: Value) -> str:
    """Of a cell that holds a date as text, which only few programs write."""
    if isinstance(value, datetime.datetime):
        return date_formats.iso(value)
    return str(value)


def _read(parts: dict[str, bytes], chosen: Listed) -> CalamineSheet:
    from python_calamine import CalamineError, load_workbook

    # Without styles a date is the number that it is stored as, and its format is ours to apply.
    unstyled = {name: content for name, content in parts.items() if name != _STYLES}
    try:
        return load_workbook(archives.packed(unstyled, chosen.part)).get_sheet_by_index(
            chosen.index
        )
    except (CalamineError, IndexError, ValueError, OSError):
        raise archives.damaged() from None
    except BaseException as problem:
        # What the reader's own language calls a panic is no Exception, and no reason to stop.
        if type(problem).__name__ == "PanicException":
            raise archives.damaged() from None
        raise
