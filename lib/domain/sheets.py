"""What a spreadsheet's table is to us: text in cells, numbered rows, and no formula that runs."""

from __future__ import annotations

import re
from dataclasses import dataclass

MOST_ROWS = 100_000
MOST_COLUMNS = 200
LONGEST_CELL = 30_000
"""Characters. Excel holds 32,767 in a cell."""

# What a spreadsheet takes for the start of a formula; the wide forms in Japanese settings. Behind
# apostrophes too, so that one that was typed and one that was added can be told apart.
# https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")


@dataclass(frozen=True, slots=True)
class SheetRow:
    number: int
    """As the spreadsheet counts: empty rows and rows above the header count too."""
    cells: tuple[str, ...]
    """As many as the header has."""


@dataclass(frozen=True, slots=True)
class Sheet:
    header: tuple[str, ...]
    """As written; names may be empty or stand twice."""
    rows: tuple[SheetRow, ...]
    """Without the empty ones."""
    notes: tuple[str, ...]
    """What a person should know about how the file was read, in sentences."""


def inert(cell: str) -> str:
    """An apostrophe before what a spreadsheet would take for a formula."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def bare(cell: str) -> str:
    """The cell as it was before `inert`; nothing else is taken off."""
    return cell[1:] if cell[:1] == "'" and _FORMULA.match(cell) else cell


def column_letter(index: int) -> str:
    """0 is A, 26 is AA."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters
