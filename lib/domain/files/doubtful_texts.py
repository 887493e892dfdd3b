"""Texts of which a spreadsheet shows a part otherwise than the rest, or nothing: what is meant, only a person knows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from lib.domain.files.row_errors import RowError
from lib.domain.runs import Severity

if TYPE_CHECKING:
    from lib.domain.files.sheets import SheetRow

_LONGEST = 40


class TextLook(StrEnum):
    """The code of the question."""

    STRUCK = "cell_partly_struck"
    RAISED = "cell_partly_raised"
    PALE = "cell_partly_unseen"
    UNSEEN = "cell_unseen"
    PERHAPS_UNSEEN = "cell_perhaps_unseen"
    COVERED = "cell_covered"


@dataclass(frozen=True, slots=True)
class DoubtfulText:
    look: TextLook
    part: str = ""
    """What looks so, where it is not the whole."""
    rest: str = ""
    """The text without it."""

    def question(self, whole: str) -> str:
        """
        Args:
            whole: as the cell is read.
        """
        if self.part:
            return (
                f"“{_short(self.part)}” {_HOW[self.look]}; the cell is read whole, as “{_short(whole)}”. Without it, it "
                f"says “{_short(self.rest)}”: which one is meant?"
            )
        return f"“{_short(whole)}” {_HOW[self.look]}: is it meant?"


def questions(row: SheetRow, columns: Mapping[str, int], names: Iterable[str]) -> list[RowError]:
    """
    Args:
        names: the columns that are acted on.
    """
    if not row.doubtful:
        return []
    return [
        RowError(
            row.number,
            name,
            row.doubtful[at].look,
            row.doubtful[at].question(row.cells[at].strip()),
            Severity.AMBER,
        )
        for name in names
        if (at := columns.get(name, -1)) in row.doubtful and row.cells[at].strip()
    ]


_HOW = {
    TextLook.COVERED: "lies under merged cells in the spreadsheet, where nobody sees it",
    TextLook.STRUCK: "is struck out in the spreadsheet",
    TextLook.RAISED: "stands above or below the line in the spreadsheet, as the sign of a note does",
    TextLook.PALE: "has the colour of what is behind it in the spreadsheet, so nobody sees it",
    TextLook.UNSEEN: "is seen by nobody in the spreadsheet: its colour, its size or its number format hides it",
    TextLook.PERHAPS_UNSEEN: "may be hidden by a rule of the spreadsheet (conditional formatting), and Onfile does not know "
    "whether it is",
}


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
