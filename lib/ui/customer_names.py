"""Texts in tables as people copy them, and who must not be charged, who is named so in every list."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from lib.domain.shown_text import shown_name

NAMES = ("name", "shown")
"""Columns that name a customer."""
_HELD = "do_not_charge"
_WORDS = "Do not charge"


def column(frame: pd.DataFrame, name: str) -> list[object]:
    """
    Cells of text without letters that nobody sees, as an account's own ids may have; a customer's by the
    column that reports add (lib/reports/holds.py).
    """
    cells = [shown_name(cell) if isinstance(cell, str) else cell for cell in frame[name]]
    if name not in NAMES or _HELD not in frame.columns:
        return cells
    pairs = zip(cells, frame[_HELD], strict=True)
    return [f"{_WORDS} · {cell}" if is_held else cell for cell, is_held in pairs]


def words(row: Mapping[str, object]) -> tuple[str, ...]:
    """What stands before the name in a row of the search."""
    return (_WORDS,) if row.get(_HELD) else ()
