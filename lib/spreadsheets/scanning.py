"""
A look at a sheet's XML before it is read in earnest.

The reader makes a full rectangle out of the outermost cells and a text of its own for every cell,
so a few bytes could ask for terabytes; and it shows a formula without a result as an empty cell.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.parsers import expat

from lib.domain.sheets import MOST_COLUMNS, MOST_ROWS, column_letter
from lib.errors import InvalidInput
from lib.spreadsheets.archives import parse, too_large

_MOST_CELLS = 5_000_000
_MOST_CHARACTERS = 200_000_000
# Rows above the heading and empty ones among the others.
_LAST_ROW = MOST_ROWS + 1000
# The whole tag: of two places in one cell the reader would take the second.
_PLAIN_CELL = re.compile(rb'<c r="([A-Z]{1,3}[0-9]{1,7})"(?: [st]="[A-Za-z0-9]+")*/?>')
_PLACE = re.compile(r"^([A-Z]{1,3})([0-9]{1,7})$", re.ASCII | re.MULTILINE)
_LETTERS = string.ascii_uppercase.encode()
_DIGITS = string.digits.encode()
_TAG_ENDS = (b" ", b">", b"/", b"\t", b"\r", b"\n")


@dataclass(frozen=True, slots=True)
class Scan:
    filled: int
    """Cells with a value."""
    last_row: int
    width: int
    shared: int
    """Cells that hold one of the workbook's shared texts."""
    empty_formulas: tuple[str, ...] = ()
    """Cells, as in B7."""
    errors: Mapping[str, str] = field(default_factory=dict)
    """What stands in cells such as #DIV/0!, which the reader shows as empty."""

    def fits(self) -> bool:
        return (
            self.last_row <= _LAST_ROW
            and self.width <= MOST_COLUMNS
            and self.last_row * self.width <= _MOST_CELLS
        )


def checked(xml: bytes, shared_texts: bytes) -> Scan:
    """
    Raises:
        InvalidInput: too large for memory, damaged, or with formulas that were never calculated.
    """
    scan = _glanced(xml) or _scanned(xml)
    if not scan.fits():
        raise _too_far(scan)
    longest = max(map(len, shared_texts.split(b"<si")), default=0)
    if scan.shared * longest > _MOST_CHARACTERS:
        _refuse_too_much_text(xml, shared_texts)
    if scan.empty_formulas:
        first, count = scan.empty_formulas[0], len(scan.empty_formulas)
        others = f" ({count:,} cells are like this)" if count > 1 else ""
        raise InvalidInput(
            f"Cell {first} holds a formula that was never calculated, so its value is not known{others}. "
            "Open the file in Excel, save it there, and upload it again.",
            field=first,
            code="formula_without_value",
        )
    return scan


def too_many_columns(width: int) -> InvalidInput:
    return InvalidInput(
        f"The table reaches to column {column_letter(width - 1)}; Onfile reads {MOST_COLUMNS} columns. Delete "
        "those that are not needed and upload the file again.",
        field=column_letter(width - 1),
        code="too_many_columns",
    )


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


def _glanced(xml: bytes) -> Scan | None:
    """
    The same without parsing, in a fraction of the time: only for a sheet so plain that both must
    agree, and within the limits even if its empty cells counted. None when it is not.
    """
    if any(mark in xml for mark in (b"<!", b":c", b"<f", b't="e"', b"\x00")):
        return None
    places = _PLAIN_CELL.findall(xml)
    cells = sum(xml.count(b"<c" + end) for end in _TAG_ENDS)
    if not 0 < len(places) == cells:
        return None
    listed = b"\n".join(places)
    scan = Scan(
        filled=xml.count(b"<v>") + xml.count(b"<is>"),
        last_row=max(map(int, set(listed.translate(None, _LETTERS).split()))),
        width=max(map(_number, set(listed.translate(None, _DIGITS).decode().split()))),
        shared=xml.count(b't="s"'),
    )
    return scan if scan.filled and scan.fits() else None


def _scanned(xml: bytes) -> Scan:
    parser = expat.ParserCreate()
    kinds: dict[str, str] = {}
    places: list[str] = []
    shared = 0
    empty_formulas: list[str] = []
    errors: dict[str, str] = {}
    cell: dict[str, str] = {}
    awaited = False

    def told(text: str) -> None:
        nonlocal awaited
        if text.strip():
            awaited = False

    def told_of_error(text: str) -> None:
        nonlocal awaited
        awaited = False
        errors[cell["r"]] = errors.get(cell["r"], "") + text

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal cell, awaited, shared
        kind = kinds.get(name)
        if kind is None:
            kind = kinds[name] = name.rpartition(":")[2]
        if kind == "c":
            if awaited:
                empty_formulas.append(cell.get("r", "?"))
                awaited = False
            cell = attributes
        elif kind == "f":
            # A text formula may well come to nothing; a number or a truth may not.
            awaited = cell.get("t") != "str"
            parser.CharacterDataHandler = None
        elif kind in {"v", "is"}:
            parser.CharacterDataHandler = told if awaited else None
            places.append(cell.get("r", ""))
            kind = cell.get("t")
            if kind == "s":
                shared += 1
            elif kind == "e" and "r" in cell:
                parser.CharacterDataHandler = told_of_error

    parse(xml, parser, start)
    if awaited:
        empty_formulas.append(cell.get("r", "?"))
    found = _PLACE.findall("\n".join(places))
    if len(found) != len(places):
        raise InvalidInput(
            "The workbook does not say where its cells stand. Open it in Excel, save it there, and upload "
            "it again.",
            code="file_damaged",
        )
    return Scan(
        filled=len(places),
        last_row=max(map(int, {digits for _, digits in found}), default=0),
        width=max(map(_number, {letters for letters, _ in found}), default=0),
        shared=shared,
        empty_formulas=tuple(empty_formulas),
        errors=errors,
    )


def position(place: str) -> tuple[int, int]:
    """Row and column, from 0: B7 is 6, 1."""
    letters, digits = _PLACE.findall(place)[0]
    return int(digits) - 1, _number(letters) - 1


def _number(letters: str) -> int:
    """A is 1."""
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number


def _refuse_too_much_text(xml: bytes, shared_texts: bytes) -> None:
    """Exactly what the cells come to when every one has its text: slow, so only for the doubtful."""
    lengths: list[int] = []
    _gathered(shared_texts, {"si"}, lambda text: lengths.append(len(text)))
    total = 0

    def add(text: str) -> None:
        nonlocal total
        if text.isascii() and text.isdigit() and int(text) < len(lengths):
            total += lengths[int(text)]

    _gathered(xml, {"v"}, add)
    if total > _MOST_CHARACTERS:
        raise too_large()


def _gathered(xml: bytes, names: set[str], use: Callable[[str], Any]) -> None:
    """Call `use` with all the text inside each of the named elements."""
    parser = expat.ParserCreate()
    parser.buffer_text = True
    pieces: list[str] | None = None

    def start(name: str, _: dict[str, str]) -> None:
        nonlocal pieces
        if name.rpartition(":")[2] in names:
            pieces = []

    def end(name: str) -> None:
        nonlocal pieces
        if name.rpartition(":")[2] in names and pieces is not None:
            use("".join(pieces))
            pieces = None

    def text(piece: str) -> None:
        if pieces is not None:
            pieces.append(piece)

    parser.EndElementHandler = end
    parser.CharacterDataHandler = text
    parse(xml, parser, start)
