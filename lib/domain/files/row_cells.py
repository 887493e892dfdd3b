"""The cells of one row, each read as a person sees it; what cannot be is collected as an error."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TypeVar

from lib.domain.files.amounts import NumberStyle
from lib.domain.files.error_texts import is_error
from lib.domain.files.garbled import read_wrongly, written_in_signs
from lib.domain.files.number_styles import DecimalSign
from lib.domain.files.row_errors import RowError
from lib.domain.files.sheets import Cell, CellKind, SheetRow
from lib.domain.files.words import senses_of
from lib.domain.identity import visible, visible_address, why_unreadable
from lib.domain.runs import Severity
from lib.errors import InvalidInput

_SHORTENED = re.compile(r"[+-]?[0-9](?:[.,][0-9]+)?E[+-][0-9]{2,3}\Z", re.ASCII | re.IGNORECASE)
# As Excel shows what it made of 11-24 or 3/5: 24-Nov, Nov-24, 24. Nov., 24 de noviembre, 11月24日.
_MONTHS = (
    "jan feb mar apr may jun jul aug sep sept oct nov dec january february march april june july august september october "
    "november december mär mrz mai okt dez januar februar märz juni juli oktober dezember janv févr mars avr juin juil août "
    "déc janvier février avril juillet septembre octobre novembre décembre ene abr ago dic enero febrero marzo abril mayo "
    "junio julio agosto septiembre octubre noviembre diciembre gen mag giu lug set ott gennaio febbraio aprile maggio giugno "
    "luglio settembre ottobre dicembre mrt mei maart augustus sty lut kwi maj cze lip sie wrz paź lis gru fev out dez "
    "fevereiro março maio junho julho setembro outubro dezembro янв фев мар апр май июн июл авг сен окт ноя дек"
).split()
_MONTH = f"(?:{'|'.join(sorted(set(_MONTHS), key=len, reverse=True))})"
_CLOCK = r"[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?(?: ?[ap]m)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?"
_LIKE_DATE = re.compile(
    rf"[0-9]{{1,2}}(?:-|\.? |/){_MONTH}\.?(?:[- /]?[0-9]{{2,4}})?\Z|{_MONTH}\.?[- /][0-9]{{2}}\Z"
    r"|(?:[0-9]{4}([-/.])[0-9]{1,2}\1[0-9]{1,2}|[0-9]{1,2}([./])[0-9]{1,2}\2(?:[0-9]{4}|[0-9]{2})"
    rf"|[0-9]{{1,2}}-[0-9]{{1,2}}-[0-9]{{4}}|[0-9]{{1,2}}\.[0-9]{{1,2}}\.)(?:[ T]{_CLOCK})?\Z|{_CLOCK}\Z"
    r"|(?:[0-9]{4}[年년] ?)?[0-9]{1,2}[月월] ?[0-9]{1,2}[日일]\Z",
    re.IGNORECASE,
)
_TRUTHS = frozenset(
    "TRUE FALSE WAHR FALSCH VRAI FAUX VERDADERO FALSO VERO VERDADEIRO WAAR ONWAAR PRAWDA FAŁSZ ИСТИНА ЛОЖЬ".split()
)
_MAY_BE_DAMAGED = frozenset("+-#0123456789")
# What a debt is known by: here another text is another debt.
_KEYS: Mapping[str, str] = {
    "customer": "customer",
    "reference": "reference",
    "payment_method": "saved method",
}
_WITH_ADDRESSES = frozenset(("customer", "email"))
# Cells that hold a code, with what is said where that cannot be read.
_CODES = {
    "currency": "currency_unknown",
    "payment_method": "payment_method_invalid",
    "statement_descriptor_suffix": "suffix_invalid",
}
# Excel's General shows longer numbers as 1.23E+11.
_GENERAL_DIGITS = 11

Read = TypeVar("Read")


class RowCells:
    """
    Args:
        letters_doubt: why it is not known which letters the file holds, in sentences.
        is_of_text: whether the file no longer tells a date from what was typed.
        keys: columns whose text must be the very one, and what each holds.
    """

    def __init__(
        self,
        row: SheetRow,
        columns: Mapping[str, int],
        style: NumberStyle,
        *,
        letters_doubt: str = "",
        is_of_text: bool = False,
        keys: Mapping[str, str] = _KEYS,
    ) -> None:
        self.errors: list[RowError] = []
        self.warnings: list[RowError] = []
        self._row = row
        self._columns = columns
        self._style = style
        self._letters_doubt = letters_doubt
        self._is_of_text = is_of_text
        self._keys = keys

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
        cell = raw.strip() if name == "name" else _seen(name, raw)
        if self._is_of_text and cell[:2] == '="' and cell[-1:] == '"' and cell.count('"') == 2:
            # So that a spreadsheet shows 0012 and not 12: what is shown is what stands between the marks.
            cell = visible(cell[2:-1])
        if value is not None and not self._is_readable(name, cell, value):
            return None
        if name in self._keys:
            if self._letters_doubt and not cell.isascii():
                self.fail(name, "encoding_unconfirmed", f"{self._letters_doubt} {_ENCODING}")
                return None
            if value is not None and value.kind is CellKind.NUMBER:
                cell = self._in_language(name, cell, value)
        is_plain = name not in _CODES or cell.isascii()
        why = None if is_plain else why_unreadable(cell, what="cell")
        if why is not None:
            self.fail(name, _CODES[name], why)
            return None
        if (cell[:1] in _MAY_BE_DAMAGED or ":5" in cell) and self._is_damaged(name, cell):
            return None
        if name in _KEYS and self._is_garbled(name, cell):
            return None
        if name == "reference" and self._is_of_text:
            self._look_at_text(cell)
            if cell in _TRUTHS:
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
        elif value.kind is CellKind.ERROR:
            self.fail(name, "damaged_by_spreadsheet", _AN_ERROR.format(cell[:24]))
        elif name not in self._keys:
            return True
        elif value.kind is CellKind.DATE:
            self.fail(
                name,
                f"{name}_is_date",
                f"Your spreadsheet made a date of this {self._keys[name]} and shows “{cell[:24]}”; what was typed "
                "cannot be known. Format the column as text, write it again and save.",
            )
        elif value.kind is CellKind.TRUTH:
            self.fail(
                name,
                f"{name}_is_truth",
                f"Your spreadsheet made a truth value ({cell}) of this {self._keys[name]}. Format the column as "
                "text, write it again and save.",
            )
        elif value.kind is CellKind.NUMBER and not value.is_certain:
            self.fail(
                name,
                f"{name}_format_unknown",
                f"What the cell shows depends on its format “{value.code[:40]}”, which Onfile does not read. "
                f"Format the column as text, write the {self._keys[name]} as you see it and save.",
            )
        else:
            return True
        return False

    def _in_language(self, name: str, cell: str, value: Cell) -> str:
        """Of a number that is no amount: as it is shown in the language of the file."""
        if value.code == "General" and sum(map(str.isdigit, cell)) > _GENERAL_DIGITS:
            self.fail(
                name,
                f"{name}_shown_shorter",
                f"The cell holds {cell}; Excel shows such a long number in another way.",
                Severity.AMBER,
            )
        translated = visible(value.with_comma)
        if translated == cell:
            return cell
        if self._style.chosen is None:
            self.fail(
                name,
                f"{name}_by_language",
                f"“{cell[:40]}” is a number with separators, which a program in another language shows as "
                f"“{translated[:40]}”. Write it as text, or say --decimal.",
                Severity.AMBER,
            )
        return translated if self._style.chosen is DecimalSign.COMMA else cell

    def _look_at_text(self, cell: str) -> None:
        """What a spreadsheet makes of a reference, in a file that no longer says so."""
        if cell in _TRUTHS:
            self.fail(
                "reference",
                "reference_is_truth",
                f"“{cell}” is what a spreadsheet makes of a truth value. Format the column as text, write the "
                "reference again and save.",
            )
        elif _LIKE_DATE.match(cell):
            self.fail(
                "reference",
                "reference_like_date",
                f"“{cell[:24]}” is how a spreadsheet shows a date: is it what stands on the invoice?",
                Severity.AMBER,
            )
        elif "?" in cell:
            self.fail(
                "reference",
                "letters_perhaps_lost",
                f"“{cell[:40]}” holds a question mark, which programs write in place of a letter that they cannot save: "
                "is it what stands on the invoice?",
                Severity.AMBER,
            )
        elif cell.startswith("="):
            self.fail(
                "reference",
                "reference_like_formula",
                f"“{cell[:24]}” is a formula, and a spreadsheet shows what comes of it: is it what stands on the invoice?",
                Severity.AMBER,
            )

    def _is_garbled(self, name: str, cell: str) -> bool:
        """Letters that a program lost (red), or that it read as others or wrote in signs (amber)."""
        if "\ufffd" in cell:
            self.fail(
                name,
                "letters_lost",
                f"“{cell[:40]}” holds a letter that a program could not read and lost. Write it again.",
            )
            return True
        if cell.isascii():
            if (meant := written_in_signs(cell)) is not None:
                self.fail(
                    name,
                    "letters_in_signs",
                    f"“{cell[:40]}” may be “{meant[:40]}”, of which a program wrote the letters in signs. Is it right?",
                    Severity.AMBER,
                )
            return False
        senses = senses_of(cell)
        if (meant := read_wrongly(cell, senses)) is not None:
            self.fail(
                name,
                "letters_garbled",
                f"“{cell[:40]}” looks like “{meant[:40]}” that was read in a wrong encoding and saved. Is it right?",
                Severity.AMBER,
            )
        elif senses.none:
            self.fail(
                name,
                "letters_unusual",
                f"“{cell[:40]}” holds letters that no language writes so; a wrong encoding makes such. Is it right?",
                Severity.AMBER,
            )
        return False

    def _is_damaged(self, name: str, cell: str) -> bool:
        if _SHORTENED.match(cell):
            self.fail(
                name,
                "damaged_by_spreadsheet",
                f"“{cell}” is what a spreadsheet makes of a long number; its last digits are lost. Format the "
                "column as text, enter the value again and save.",
            )
        elif is_error(cell):
            self.fail(name, "damaged_by_spreadsheet", _AN_ERROR.format(cell[:24]))
        else:
            return False
        return True


def _seen(column: str, text: str) -> str:
    """A name keeps the letters that decide how it is drawn, a domain those that make it another one."""
    if column == "name":
        return text.strip()
    return visible_address(text) if column in _WITH_ADDRESSES else visible(text)


_ENCODING = "Choose the encoding in which the rows look right (--encoding), or save the file as “CSV UTF-8”."
_AN_ERROR = "“{}” is a message of the spreadsheet and no value. Correct the formula or the width of the column, and save."
_UNCALCULATED = (
    "The cell holds a formula that was never calculated, so its value is not known. Open the file in Excel, "
    "save it there, and upload it again."
)
