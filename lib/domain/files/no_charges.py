"""Rows that are no charge: totals, credit notes, credits in a debit/credit column, what is settled already."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

from lib.domain.files import credit_words
from lib.domain.files.credit_hints import hints_in, searchable
from lib.domain.files.credit_references import credit_in, is_settled
from lib.domain.files.credit_words import bare_text
from lib.domain.files.row_errors import RowError
from lib.domain.files.row_states import of_short_name, of_state
from lib.domain.files.row_words import names_an_invoice, of_credit_note, of_total
from lib.domain.files.sheets import column_letter
from lib.domain.files.sides import Sides, sides_of
from lib.domain.files.telling_columns import Judge, judges_of, settled, state
from lib.domain.runs import Severity

# CN-17 and CN/A/17; what is behind a name, as in CN-TOWER-5, is none of its numbers.
_NUMBERED = re.compile(r"\A[\W_]*(?P<letters>[^\W\d_]+)(?:[\W_]+[^\W\d_]{1,2})?[\W_]*\d")


@dataclass(frozen=True, slots=True)
class Marks:
    """The columns of a file in which a row can say that it is no charge, by index."""

    types: frozenset[int]
    numbers: Mapping[int, str]
    """Columns of documents' numbers, each with the letters that all of its cells begin with, if they do."""
    telling: Mapping[int, Judge]
    keys: frozenset[int]
    """Of the customer and the reference, which hold no words beside what they name."""
    skipped: frozenset[int]
    """Amounts, currencies and what Onfile wrote, which hold no such words."""
    amount_is_credit: bool
    usual_types: Mapping[int, str] = field(default_factory=dict)
    """What a charge is called in a column of types that names any."""
    sides: Mapping[int, Sides] = field(default_factory=dict)
    """Columns whose cells tell debits from credits, whatever they are called."""
    names: Mapping[int, str] = field(default_factory=dict)
    """Of our columns."""
    header: Sequence[str] = ()
    watched: tuple[int, ...] = ()
    hints: tuple[str, ...] = ()
    """Those parts of words that stand anywhere in the file."""

    def of_row(self, row: int, cells: Sequence[str]) -> list[RowError]:
        errors: list[RowError] = []
        speaks = self.hints != () and self._speaks("\n".join(cells))
        for at in range(len(cells)) if speaks else self.watched:
            text = cells[at].strip()
            if text and at not in self.skipped:
                error = self._of_cell(row, at, text, speaks=speaks)
                if error is not None and error.code not in {one.code for one in errors}:
                    errors.append(error if at in self.names else self._of_other_column(at, error))
        if self.amount_is_credit:
            errors.append(_amber(row, "amount", "amount_of_credits", _CREDIT_COLUMN))
        return errors

    def _of_other_column(self, at: int, error: RowError) -> RowError:
        """It stands in none of our columns, so its heading says where."""
        heading = " ".join(self.header[at].split())[:40]
        place = f"“{heading}”" if heading else f"column {column_letter(at)}"
        return replace(error, column="", message=f"In {place}: {error.message}")

    def _speaks(self, text: str) -> bool:
        flat = searchable(text)
        return any(hint in flat for hint in self.hints)

    def _of_cell(self, row: int, at: int, text: str, *, speaks: bool) -> RowError | None:
        column, is_type = self.names.get(at, ""), at in self.types
        error = self.telling[at](row, column, text) if at in self.telling else None
        if error is None and (is_type or (speaks and self._speaks(text))):
            error = self._of_words(row, at, text)
        return (
            error
            or self._of_number(row, at, text)
            or self._of_ends(row, at, text)
            or self._of_side(row, at, text)
            or self._of_type(row, at, text)
        )

    def _of_words(self, row: int, at: int, text: str) -> RowError | None:
        column, is_type, is_key = self.names.get(at, ""), at in self.types, at in self.keys
        is_reduced = at in self.numbers or column in {"reference", "description"}
        short = of_short_name(row, column, text) if column == "reference" else None
        return (
            of_total(row, column, text, is_key=is_key)
            or of_credit_note(row, column, text, is_type=is_type, is_key=is_key)
            or of_state(row, column, text, is_reduced=is_reduced)
            or short
        )

    def _of_number(self, row: int, at: int, text: str) -> RowError | None:
        """“CN-17”, in a column of numbers or of types; alone in its cell, in any."""
        is_expected = at in self.numbers or at in self.types
        letters = _prefix(text) if is_expected or _CREDIT_NUMBER.fullmatch(text) else None
        if letters is None or letters == self.numbers.get(at):
            return None
        return _amber(
            row,
            self.names.get(at, ""),
            "row_numbered_as_credit",
            f"“{text[:40]}”: numbers of credit notes begin with “{letters.upper()}”. Is this one?",
        )

    def _of_ends(self, row: int, at: int, text: str) -> RowError | None:
        if at not in self.numbers or not _may_end_so(_shape(text)):
            return None
        column = self.names.get(at, "")
        if (word := credit_in(text)) is not None:
            words = f"“{text[:40]}”: “{word.upper()}” at an end is a name of credits and refunds. Is this a charge?"
            return _amber(row, column, "row_numbered_as_credit", words)
        return settled(row, column, text) if is_settled(text) else None

    def _of_side(self, row: int, at: int, text: str) -> RowError | None:
        sides = self.sides.get(at)
        if sides is None or text not in sides.credits:
            return None
        column, others = self.names.get(at, ""), ""
        if sides.debit:
            others = f" where other rows say “{sides.debit[:20]}”"
        if sides.is_certain:
            message = f"“{text[:20]}” stands here{others}: it marks a credit, not a charge."
            return RowError(row, column or "description", "row_is_credit", message)
        message = f"“{text[:20]}” stands here{others}: is this row a credit?"
        return _amber(row, column, "row_perhaps_credit", message)

    def _of_type(self, row: int, at: int, text: str) -> RowError | None:
        usual = self.usual_types.get(at)
        if usual is None or names_an_invoice(text):
            return None
        return _amber(
            row,
            self.names.get(at, ""),
            "row_type_unusual",
            f"“{text[:40]}” stands where other rows say “{usual[:40]}”: is this a charge?",
        )


_DIGITS = str.maketrans("123456789", "000000000")
_NUMBER = r"(?:cn|crn|credit|cred)[\W_]{0,2}\d[\w/.-]{0,20}"
_CREDIT_NUMBER = re.compile(rf"#?\s*{_NUMBER}", re.IGNORECASE)
# What may stand before it is left out: looked for from every blank on, a file of blanks would take days.
_IN_A_FILE = re.compile(_NUMBER, re.IGNORECASE)
# Columns of names and numbers, which may hold any letters.
_NAMES = ("customer", "reference", "payment_method")
_CREDIT_COLUMN = "The amounts are those of a column of credits. Choose the column of what is owed."


def marks_of(
    header: Sequence[str], columns: Mapping[str, int], rows: Sequence[Sequence[str]]
) -> Marks:
    """
    Args:
        rows: the cells of all rows: what is usual in a column is no news of one of them.
    """
    plain = [bare_text(name) for name in header]
    amount = columns.get("amount")
    skipped = {columns[name] for name in ("amount", "currency") if name in columns}
    skipped |= {
        at for at, name in enumerate(header) if name.strip().casefold().startswith("onfile_")
    }

    def of(words: frozenset[str]) -> frozenset[int]:
        return frozenset(at for at, name in enumerate(plain) if name in words) - skipped

    types = of(credit_words.TYPE_HEADINGS)
    numbers = of(credit_words.NUMBER_HEADINGS) - types
    if "reference" in columns:
        numbers |= {columns["reference"]}
    telling = dict(judges_of(header, skipped))
    if "description" in columns:
        telling.setdefault(columns["description"], state)
    texts = {at: {cells[at].strip() for cells in rows} - {""} for at in numbers | types}
    whole = "\n".join(map("\n".join, rows))
    sides = _sides(header, rows, set(skipped) | {columns[one] for one in _NAMES if one in columns})
    watched = types | numbers | telling.keys() | sides.keys()
    if _IN_A_FILE.search(whole):
        watched |= set(range(len(header))) - {
            columns.get("customer"),
            columns.get("payment_method"),
        }
    return Marks(
        types=types,
        numbers={at: _shared_prefix(texts[at]) for at in numbers},
        telling=telling,
        keys=frozenset(columns[name] for name in ("customer", "reference") if name in columns),
        skipped=frozenset(skipped),
        amount_is_credit=amount is not None
        and amount < len(plain)
        and plain[amount] in credit_words.CREDIT_HEADINGS | credit_words.OVERPAID_HEADINGS,
        usual_types={
            at: min(usual) for at in types if (usual := set(filter(names_an_invoice, texts[at])))
        },
        sides=sides,
        header=header,
        names={index: name for name, index in columns.items()},
        watched=tuple(sorted(watched)),
        hints=hints_in(whole),
    )


def _sides(
    header: Sequence[str], rows: Sequence[Sequence[str]], others: Collection[int]
) -> dict[int, Sides]:
    by_column = {}
    for at, heading in enumerate(header):
        if at not in others:
            texts = {cells[at].strip() for cells in rows} - {""}
            sides = sides_of(texts, heading)
            if sides is not None:
                by_column[at] = sides
    return by_column


def _shared_prefix(texts: Collection[str]) -> str:
    """What all begin with where that may be somebody's initials, too."""
    shared = _prefix(next(iter(texts), ""))
    if shared not in credit_words.PERHAPS_CREDIT_PREFIXES:
        return ""
    return shared if all(_prefix(text) == shared for text in texts) else ""


def _prefix(text: str) -> str | None:
    """The letters before a number, where those of credit notes begin with them."""
    return _prefix_of(_shape(text))


def _shape(text: str) -> str:
    """Numbers of documents differ in their digits, which say nothing of what these are."""
    return text.translate(_DIGITS) if text.isascii() else text


@lru_cache(maxsize=1_000)
def _may_end_so(shape: str) -> bool:
    return credit_in(shape) is not None or is_settled(shape)


@lru_cache(maxsize=1_000)
def _prefix_of(text: str) -> str | None:
    if text.isdecimal():
        return None
    match = _NUMBERED.search(text)
    if match is None:
        return None
    letters = unicodedata.normalize("NFKC", match["letters"]).casefold()
    is_known = (
        letters in credit_words.CREDIT_PREFIXES or letters in credit_words.PERHAPS_CREDIT_PREFIXES
    )
    return letters if is_known else None


def _amber(row: int, column: str, code: str, message: str) -> RowError:
    return RowError(row, column or "description", code, message, Severity.AMBER)
