"""A spreadsheet's table: text in cells, numbered rows, and no formula that runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType

from lib.domain.files.doubtful_texts import DoubtfulText

MOST_ROWS = 100_000
MOST_COLUMNS = 200
LONGEST_CELL = 30_000
"""Characters. Excel holds 32,767 in a cell."""


class CellKind(StrEnum):
    """What a cell holds beside the text that it shows."""

    NUMBER = "number"
    DATE = "date"
    """Also a time."""
    TRUTH = "truth"
    ERROR = "error"
    UNCALCULATED = "uncalculated"
    """A formula whose result was not saved."""
    TOO_LONG = "too_long"


@dataclass(frozen=True, slots=True)
class Cell:
    """Of a cell that is more than the text it shows."""

    kind: CellKind
    number: Decimal | None = None
    """As it was entered, whatever of it the format shows."""
    code: str = "General"
    """The number format."""
    signs: str = ""
    """What the format writes beside the number, such as a currency."""
    is_certain: bool = True
    """Whether every person sees exactly the text of this cell."""
    with_comma: str = ""
    """The text in a language whose decimal sign is a comma; of numbers whose format is understood only."""
    sum_of_rows: str = ""
    """The formula, where it adds up cells of other rows."""


NO_CELLS: Mapping[int, Cell] = MappingProxyType({})
NO_DOUBTS: Mapping[int, DoubtfulText] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class SheetRow:
    number: int
    """As the spreadsheet counts: empty rows and rows above the header count too."""
    cells: tuple[str, ...]
    """As many as the header has; each as it is shown."""
    values: Mapping[int, Cell] = field(default_factory=lambda: NO_CELLS)
    """By column, of what is not text only."""
    is_hidden: bool = False
    struck: frozenset[int] = frozenset()
    """Columns whose text is struck out."""
    perhaps_struck: frozenset[int] = frozenset()
    """Columns whose text a rule of the spreadsheet strikes out where it applies, which is not known."""
    doubtful: Mapping[int, DoubtfulText] = field(default_factory=lambda: NO_DOUBTS)
    """By column, texts of which a part looks otherwise."""


@dataclass(frozen=True, slots=True)
class Note:
    """What a person should know about how a file was read."""

    code: str
    message: str
    """In sentences."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a sheet stood, and how its text was found."""

    kind: str = "text"
    """text or workbook"""
    sheet: str | None = None
    header_row: int = 1
    encoding: str | None = None
    """Python's name; None for a workbook and for pasted text, which are Unicode."""
    delimiter: str | None = None
    hidden_columns: frozenset[int] = frozenset()
    letters_doubt: str = ""
    """Why a person has to choose the encoding, in sentences."""
    letters_examples: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Where there is doubt: cells as they read, by encoding."""
    encoding_is_chosen: bool = False

    @property
    def encoding_is_certain(self) -> bool:
        return not self.letters_doubt


@dataclass(frozen=True, slots=True)
class Sheet:
    header: tuple[str, ...]
    """As written; names may be empty or stand twice."""
    rows: tuple[SheetRow, ...]
    """Without the empty ones."""
    notes: tuple[Note, ...] = ()
    origin: Origin = field(default_factory=Origin)
    above: tuple[str, ...] = ()
    """What stands over the heading, cell by cell."""
    hidden_sheets: tuple[Sheet, ...] = ()
    """Sheets of the same workbook that hold a table and are hidden; they are never charged."""


def column_letter(index: int) -> str:
    """0 is A, 26 is AA."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters
