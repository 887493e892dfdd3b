"""Formulas that add up cells of other rows, as those of totals do, whatever stands beside them."""

from __future__ import annotations

import re
from collections.abc import Mapping

from lib.domain.files.sheets import column_letter
from lib.spreadsheets.places import Place, column_number

_TEXT = re.compile(r'"[^"]*"')
# Of other sheets: details stand there of which a row is the sum.
_ELSEWHERE = re.compile(
    r"(?:'(?:[^']|'')*'|[\w.\[\]]+)!\$?[A-Z]{0,3}\$?[0-9]*(?::\$?[A-Z]{0,3}\$?[0-9]*)?"
)
_SUM = re.compile(r"(?<![\w.])(?:_XLFN\.)?(?:SUM|SUBTOTAL|AGGREGATE)\(")
_ANY_SUM = re.compile(r"(?<![\w.])(?:_XLFN\.)?(?:SUM|SUMIFS?|SUMPRODUCT|DSUM|SUBTOTAL|AGGREGATE)\(")
_CELLS = re.compile(
    r"(?<![\w.$])(\$?)([A-Z]{1,3})(\$?)([0-9]{1,7})(?::(\$?)([A-Z]{1,3})(\$?)([0-9]{1,7}))?(?![\w(])"
)
_COLUMNS = re.compile(r"(?<![\w.$])\$?([A-Z]{1,3}):\$?([A-Z]{1,3})(?![\w(])")
_OWN_ROW = re.compile(r"@|#THIS ROW")
_SCALES = re.compile(r"[*/^]")


class SumScan:
    """Listens to the formulas of a sheet, one after the other, for those that add up other rows."""

    def __init__(self) -> None:
        self.sums: dict[Place, str] = {}
        self.is_open = False
        self._formula = ""
        self._shared_as = ""
        self._shared: dict[str, tuple[Place, str]] = {}
        """Of formulas that several cells share: where the first stands, and what it is."""

    def begin(self, attributes: Mapping[str, str]) -> None:
        self.is_open, self._formula = True, ""
        self._shared_as = attributes.get("si", "") if attributes.get("t") == "shared" else ""

    def on_text(self, text: str) -> None:
        self._formula += text

    def close(self, place: Place) -> None:
        """
        Args:
            place: of the cell that the formula stands in.
        """
        self.is_open, formula = False, self._formula
        if not formula and self._shared_as in self._shared:
            (row, column), first = self._shared[self._shared_as]
            formula = moved(first, place[0] - row, place[1] - column)
        if not may_add(formula):
            return
        if self._shared_as:
            self._shared.setdefault(self._shared_as, (place, formula))
        if adds_other_rows(formula, place):
            self.sums[place] = formula


def may_add(formula: str) -> bool:
    """A quick look: the others add up nothing."""
    return "+" in formula or bool(_ANY_SUM.search(formula.upper()))


def adds_other_rows(formula: str, place: Place) -> bool:
    """
    Whether it comes to a sum of cells in other rows of its sheet.

    A row's share of such a sum (`=A2/SUM(A$2:A$9)*F1`) does not, nor what is added within a row.

    Args:
        place: where it stands.
    """
    row, column = place
    plain = _ELSEWHERE.sub("", _TEXT.sub("", formula).upper())
    if _SCALES.search(plain):
        return False
    areas = [area for area in _areas(plain) if area != (row, column, row, column)]
    if _ANY_SUM.search(plain) and any(
        left <= column <= right and top < bottom for top, left, bottom, right in areas
    ):
        return True
    if _SUM.search(plain):
        is_column_of_table = "[" in plain and not _OWN_ROW.search(plain)
        return is_column_of_table or any(top < bottom for top, _, bottom, _ in areas)
    others = {top for top, left, _, _ in areas if left == column and top != row}
    return "+" in plain and len(others) > 1


def moved(formula: str, rows: int, columns: int) -> str:
    """As a cell further down or to the right has it, where several share one formula."""

    def cell(match: re.Match[str], at: int) -> str:
        fixed_column, letters, fixed_row, number = match.group(at, at + 1, at + 2, at + 3)
        to = column_number(letters) + (0 if fixed_column else columns)
        down = int(number) + (0 if fixed_row else rows)
        return f"{fixed_column}{column_letter(max(to, 1) - 1)}{fixed_row}{max(down, 1)}"

    def area(match: re.Match[str]) -> str:
        return cell(match, 1) + (f":{cell(match, 5)}" if match[8] else "")

    return _CELLS.sub(area, formula)


def _areas(formula: str) -> list[tuple[int, int, int, int]]:
    """Top, left, bottom and right, from 0."""
    cells = [
        (
            int(match[4]) - 1,
            column_number(match[2]) - 1,
            int(match[8] or match[4]) - 1,
            column_number(match[6] or match[2]) - 1,
        )
        for match in _CELLS.finditer(formula)
    ]
    columns = [
        (0, column_number(match[1]) - 1, 10_000_000, column_number(match[2]) - 1)
        for match in _COLUMNS.finditer(formula)
    ]
    return cells + columns
