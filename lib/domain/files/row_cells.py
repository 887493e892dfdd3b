"""The cells of one row, each read as a person sees it; what cannot be is collected as an error."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TypeVar

from lib.domain.files.amounts import NumberStyle
from lib.domain.files.number_styles import DecimalSign
from lib.domain.files.row_errors import RowError
from lib.domain.files.sheets import Cell, CellKind, SheetRow
from lib.domain.identity import visible
from lib.domain.runs import Severity
from lib.errors import InvalidInput

_SHORTENED = re.compile(r"[+-]?[0-9](?:[.,][0-9]+)?E[+-][0-9]{2,3}\Z", re.ASCII | re.IGNORECASE)
# #N/A, #DIV/0!, #REF!, in German #NV and #WERT!; and ##### where a column was too narrow.
_SHEET_ERROR = re.compile(r"#(?:[A-ZÄÖÜ/0]+[!?]|N/A|NV|GETTING_DATA|#+)\Z")
_MAY_BE_DAMAGED = frozenset("+-#0123456789")
# What a debt is known by: here another text is another debt.
_KEYS = {
    "customer": "customer",
    "reference": "reference",
    "payment_method": "saved method",
}
# Excel's General shows longer numbers as 1.23E+11.
_GENERAL_DIGITS = 11
_SEPARATORS = str.maketrans(",.", ".,")

Read = TypeVar("Read")


class RowCells:
    """
    Args:
        letters_are_certain: whether the encoding of the file is more than a proposal.
    """

    def __init__(
        self,
        row: SheetRow,
        columns: Mapping[str, int],
        style: NumberStyle,
        *,
        letters_are_certain: bool = True,
    ) -> None:
        self.errors: list[RowError] = []
        self.warnings: list[RowError] = []
        self._row = row
        self._columns = columns
        self._style = style
        self._letters_are_certain = letters_are_certain

    def has(self, name: str) -> bool:
        return name in self._columns

    def value(self, name: str) -> Cell | None:
        """What the cell holds beside its text."""
        return self._row.values.get(self._columns.get(name, -1))

    def fail(self, name: str, code: str, message: str, severity: Severity = Severity.RED) -> None:
        errors = self.errors if severity is Severity.RED else self.warnings
        errors.append(RowError(self._row.number, name, code, message, severity))

    def text(self, name: str) -> str | None:
        """The cell as it is read; None when what a person sees there is lost or not known."""
        index = self._columns.get(name)
        if index is None:
            return ""
        raw, value = self._row.cells[index], self._row.values.get(index)
        # Amounts know their own spaces.
        cell = raw.strip() if name == "amount" else visible(raw)
        if value is not None and not self._is_readable(name, cell, value):
            return None
        if name in _KEYS:
            if not (self._letters_are_certain or cell.isascii()):
                self.fail(name, "encoding_unconfirmed", _ENCODING)
                return None
            if value is not None and value.kind is CellKind.NUMBER:
                cell = self._in_language(name, cell, value)
        if cell[:1] in _MAY_BE_DAMAGED and self._is_damaged(name, cell):
            return None
        return cell

    def read(self, name: str, clean: Callable[[str], Read]) -> Read | None:
        cell = self.text(name)
        return None if cell is None else self.attempt(name, lambda: clean(cell))

    def attempt(self, name: str, read: Callable[[], Read]) -> Read | None:
        try:
            return read()
        except InvalidInput as refused:
            self.fail(name, refused.code, str(refused))
            return None

    def _is_readable(self, name: str, cell: str, value: Cell) -> bool:
        if value.kind is CellKind.TOO_LONG:
            self.fail(
                name, "cell_too_long", "The cell holds more than 30,000 characters. Shorten it."
            )
        elif value.kind is CellKind.UNCALCULATED:
            self.fail(name, "formula_without_value", _UNCALCULATED)
        elif name not in _KEYS:
            return True
        elif value.kind is CellKind.DATE:
            self.fail(
                name,
                f"{name}_is_date",
                f"Your spreadsheet made a date of this {_KEYS[name]} and shows “{cell[:24]}”; what was typed "
                "cannot be known. Format the column as text, write it again and save.",
            )
        elif value.kind is CellKind.TRUTH:
            self.fail(
                name,
                f"{name}_is_truth",
                f"Your spreadsheet made a truth value ({cell}) of this {_KEYS[name]}. Format the column as "
                "text, write it again and save.",
            )
        elif value.kind is CellKind.NUMBER and not value.is_certain:
            self.fail(
                name,
                f"{name}_format_unknown",
                f"What the cell shows depends on its format “{value.code[:40]}”, which Onfile does not read. "
                f"Format the column as text, write the {_KEYS[name]} as you see it and save.",
            )
        else:
            return True
        return False

    def _in_language(self, name: str, cell: str, value: Cell) -> str:
        """Of a number that is no amount: as it is shown in the language of the file."""
        if value.code == "General":
            if sum(map(str.isdigit, cell)) > _GENERAL_DIGITS:
                self.fail(
                    name,
                    f"{name}_shown_shorter",
                    f"The cell holds {cell}; Excel shows such a long number in another way.",
                    Severity.AMBER,
                )
            if "." not in cell:
                return cell
        if not set(cell) & set(",."):
            return cell
        if self._style.chosen is None:
            self.fail(
                name,
                f"{name}_by_language",
                f"“{cell[:40]}” is a number with separators, which a program in another language shows as "
                f"“{cell[:40].translate(_SEPARATORS)}”. Write it as text, or say --decimal.",
                Severity.AMBER,
            )
        return cell.translate(_SEPARATORS) if self._style.chosen is DecimalSign.COMMA else cell

    def _is_damaged(self, name: str, cell: str) -> bool:
        if _SHORTENED.match(cell):
            self.fail(
                name,
                "damaged_by_spreadsheet",
                f"“{cell}” is what a spreadsheet makes of a long number; its last digits are lost. Format the "
                "column as text, enter the value again and save.",
            )
        elif _SHEET_ERROR.match(cell):
            self.fail(
                name,
                "damaged_by_spreadsheet",
                f"“{cell[:24]}” is a message of the spreadsheet and no value. Correct the formula or the "
                "width of the column, and save.",
            )
        else:
            return False
        return True


_ENCODING = (
    "The file is not Unicode, so which letters these are is a guess. Choose the encoding in which the rows "
    "look right (--encoding), or save the file as “CSV UTF-8”."
)
_UNCALCULATED = (
    "The cell holds a formula that was never calculated, so its value is not known. Open the file in Excel, "
    "save it there, and upload it again."
)
