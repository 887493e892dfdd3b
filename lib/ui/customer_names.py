"""Names of customers in tables: who must not be charged is named so in every list."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

NAMES = ("name", "shown")
"""Columns that name a customer."""
_HELD = "do_not_charge"
_WORDS = "Do not charge"


def column(frame: pd.DataFrame, name: str) -> list[object]:
    """Its cells, by the column that reports add (lib/reports/holds.py)."""
    cells = list(frame[name])
    if _HELD not in frame.columns:
        return cells
    pairs = zip(cells, frame[_HELD], strict=True)
    return [f"{_WORDS} · {cell}" if is_held else cell for cell, is_held in pairs]


def words(row: Mapping[str, object]) -> tuple[str, ...]:
    """What stands before the name in a row of the search."""
    return (_WORDS,) if row.get(_HELD) else ()
