"""Merged cells: the first one is seen, and what a program left in the others is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lib.domain.files.doubtful_texts import DoubtfulText, TextLook
from lib.domain.files.sheets import Note, column_letter

if TYPE_CHECKING:
    from python_calamine import CalamineSheet

_COVERED = DoubtfulText(TextLook.COVERED)


def mark_covered(sheet: CalamineSheet, doubtful: dict[int, dict[int, DoubtfulText]]) -> None:
    """By row and column, all but the first cell of each area."""
    for (top, left), (bottom, right) in sheet.merged_cell_ranges or ():
        # Whole columns can be merged; the sheet is only so large.
        for at in range(top, min(bottom, sheet.total_height) + 1):
            for to in range(left, min(right, sheet.total_width) + 1):
                if (at, to) != (top, left):
                    doubtful.setdefault(at, {})[to] = _COVERED


def about_merged(sheet: CalamineSheet) -> tuple[Note, ...]:
    tall = [area for area in sheet.merged_cell_ranges or () if area[1][0] > area[0][0]]
    if not tall:
        return ()
    row, column = tall[0][0]
    return (
        Note(
            "merged_cells",
            f"Cells are merged over several rows, for example at {column_letter(column)}{row + 1}. Their "
            "value counts for the uppermost row only.",
        ),
    )
