"""Where a cell stands: B7 is row 6 and column 1, both from 0."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product

Place = tuple[int, int]
"""Row and column, from 0: B7 is 6, 1."""

PLACE = re.compile(r"([A-Z]{1,3})([0-9]{1,7})", re.ASCII)


def column_number(letters: str) -> int:
    """A is 1."""
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number


def places_in(area: str, rows: int, columns: int) -> Iterator[Place]:
    """
    Of an area such as `B2:C9` or `B2`; nothing for what is none.

    Args:
        rows, columns: how far the sheet is filled.
    """
    first, _, last = area.partition(":")
    start, end = PLACE.fullmatch(first), PLACE.fullmatch(last or first)
    if start and end:
        yield from product(
            range(int(start[2]) - 1, min(int(end[2]), rows)),
            range(column_number(start[1]) - 1, min(column_number(end[1]), columns)),
        )
