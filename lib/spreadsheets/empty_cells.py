"""Notes on cells of a workbook that are read as empty: formulas without a value, formats that show nothing."""

from __future__ import annotations

from collections.abc import Collection

from lib.domain.files.sheets import Note, column_letter
from lib.spreadsheets.places import Place


def about_uncalculated(places: Collection[Place]) -> tuple[Note, ...]:
    if not places:
        return ()
    return (
        Note(
            "formula_without_value",
            f"{_first_of(places)} holds a formula that was never calculated, so its value is "
            f"not known{_others(places)}. Open the file in Excel, save it there, and upload it again.",
        ),
    )


def about_blank(places: Collection[Place]) -> tuple[Note, ...]:
    if not places:
        return ()
    return (
        Note(
            "format_shows_nothing",
            f"{_first_of(places)} holds something, and its number format shows nothing of it, so it is "
            f"read as empty{_others(places)}.",
        ),
    )


def _first_of(places: Collection[Place]) -> str:
    row, column = min(places)
    return f"Cell {column_letter(column)}{row + 1}"


def _others(places: Collection[Place]) -> str:
    return f" ({len(places):,} cells are like this)" if len(places) > 1 else ""
