"""Texts of which a spreadsheet shows a part otherwise than the rest: which of it is meant, only a person knows."""

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
    """Of a part of a cell's text."""

    STRUCK = "struck"
    RAISED = "raised"


@dataclass(frozen=True, slots=True)
class DoubtfulText:
    look: TextLook
    part: str
    """What looks so."""
    rest: str
    """The text without it."""

    @property
    def code(self) -> str:
        return f"cell_partly_{self.look}"

    def question(self, whole: str) -> str:
        """
        Args:
            whole: as the cell is read.
        """
        return (
            f"“{_short(self.part)}” {_HOW[self.look]} in the spreadsheet; the cell is read whole, as "
            f"“{_short(whole)}”. Without it, it says “{_short(self.rest)}”: which one is meant?"
        )


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
            row.doubtful[at].code,
            row.doubtful[at].question(row.cells[at].strip()),
            Severity.AMBER,
        )
        for name in names
        if (at := columns.get(name, -1)) in row.doubtful
    ]


_HOW = {
    TextLook.STRUCK: "is struck out",
    TextLook.RAISED: "stands above or below the line, as the sign of a note does,",
}


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
