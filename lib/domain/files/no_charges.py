"""Rows that are no charge: totals, credit notes, credits in a debit/credit column, what is settled already."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from lib.domain.files import credit_words
from lib.domain.files.credit_hints import hints_in
from lib.domain.files.credit_references import begins_as_void, credit_in, is_settled
from lib.domain.files.credit_words import bare_text, flat_text, words_in
from lib.domain.files.row_errors import RowError
from lib.domain.files.telling_columns import Judge, judges_of, settled, state
from lib.domain.runs import Severity
from lib.money import CURRENCIES

_MOST_WORDS = 5
_LETTERS = re.compile(r"[^\W\d_]+")


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
    names: Mapping[int, str] = field(default_factory=dict)
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
                    errors.append(error)
        if self.amount_is_credit:
            errors.append(_amber(row, "amount", "amount_of_credits", _CREDIT_COLUMN))
        return errors

    def _speaks(self, text: str) -> bool:
        flat = flat_text(text)
        return any(hint in flat for hint in self.hints)

    def _of_cell(self, row: int, at: int, text: str, *, speaks: bool) -> RowError | None:
        column, is_type = self.names.get(at, ""), at in self.types
        error = self.telling[at](row, column, text) if at in self.telling else None
        if error is None and (speaks or is_type):
            error = _of_total(row, column, text, is_key=at in self.keys) or _of_credit_note(
                row, column, text, is_type=is_type, is_key=at in self.keys
            )
        return (
            error
            or self._of_number(row, at, text)
            or self._of_ends(row, at, text)
            or self._of_type(row, at, text)
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
        if at not in self.numbers:
            return None
        column = self.names.get(at, "")
        if (word := credit_in(text)) is not None:
            words = f"“{text[:40]}”: “{word.upper()}” at an end is a name of credits and refunds. Is this a charge?"
            return _amber(row, column, "row_numbered_as_credit", words)
        return settled(row, column, text) if is_settled(text) else None

    def _of_type(self, row: int, at: int, text: str) -> RowError | None:
        usual = self.usual_types.get(at)
        if usual is None or _names_an_invoice(text):
            return None
        return _amber(
            row,
            self.names.get(at, ""),
            "row_type_unusual",
            f"“{text[:40]}” stands where other rows say “{usual[:40]}”: is this a charge?",
        )


_CREDIT_NUMBER = re.compile(r"#?\s*(?:cn|crn|credit|cred)[\W_]{0,2}\d[\w/.-]{0,20}", re.IGNORECASE)
_SIGMA = "\N{N-ARY SUMMATION}"
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
    watched = types | numbers | telling.keys()
    if _CREDIT_NUMBER.search(whole):
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
            at: min(usual) for at in types if (usual := set(filter(_names_an_invoice, texts[at])))
        },
        names={index: name for name, index in columns.items()},
        watched=tuple(sorted(watched)),
        hints=hints_in(whole),
    )


def _shared_prefix(texts: Collection[str]) -> str:
    """What all begin with where that may be somebody's initials, too."""
    shared = _prefix(next(iter(texts), ""))
    if shared not in credit_words.PERHAPS_CREDIT_PREFIXES:
        return ""
    return shared if all(_prefix(text) == shared for text in texts) else ""


def _prefix(text: str) -> str | None:
    """The letters before a number, where those of credit notes begin with them."""
    if text.isdecimal():
        return None
    match = _LETTERS.search(text)
    if match is None or not any(map(str.isdecimal, text)):
        return None
    letters = unicodedata.normalize("NFKC", match.group()).casefold()
    is_known = (
        letters in credit_words.CREDIT_PREFIXES or letters in credit_words.PERHAPS_CREDIT_PREFIXES
    )
    return letters if is_known else None


def _of_total(row: int, column: str, text: str, *, is_key: bool) -> RowError | None:
    if _is_total(text):
        return _red(row, column, "row_is_total", f"“{text[:40]}” is a total, not a charge.")
    if _ends_or_begins_as_total(text) or (is_key and _begins_with_a_total(text)):
        return _amber(row, column, "row_total_mentioned", f"“{text[:40]}”: is this a total?")
    return None


def _of_credit_note(
    row: int, column: str, text: str, *, is_type: bool, is_key: bool
) -> RowError | None:
    bare = bare_text(text)
    is_named = any(word in bare for word in _CREDIT_NOTES_BARE)
    # In a free text it may be spoken of; as a type, or alone in its cell, it is meant.
    if bare in _CREDIT_NOTES_BARE or (is_type and (is_named or _is_credit_type(text))):
        return _red(row, column, "row_is_credit_note", f"“{text[:40]}” is no charge.")
    if begins_as_void(text):
        return settled(row, column, text)
    speaks = _begins_with_a_refund(text) or (is_key and _ends_with_a_credit(text))
    if is_named or (is_type and _may_be_a_credit(text)) or speaks:
        return _amber(
            row, column, "credit_note_mentioned", f"“{text[:40]}”: is this a credit note?"
        )
    return None


def _begins_with_a_refund(text: str) -> bool:
    words = words_in(text)
    return bool(words) and (
        words[0] in credit_words.REFUNDS or "".join(words[:2]) in credit_words.REFUNDS
    )


def _ends_with_a_credit(text: str) -> bool:
    """“INV-7 refund”, “R-5 (credit)”; an address may end in anything."""
    last = "" if "@" in text else (words_in(text) or [""])[-1]
    return last in credit_words.REFUNDS or last in credit_words.CREDIT_WORDS


def _is_credit_type(text: str) -> bool:
    """Alone or with a number behind it: “CN-17”."""
    letters = bare_text(text).strip("0123456789")
    return letters in credit_words.CREDIT_TYPES or letters in credit_words.CREDIT_PREFIXES


def _may_be_a_credit(text: str) -> bool:
    words = set(words_in(text))
    if bare_text(text).strip("0123456789") in credit_words.PERHAPS_CREDIT_TYPES:
        return True
    return not words.isdisjoint(credit_words.CREDIT_WORDS) and words.isdisjoint(credit_words.CARDS)


def _names_an_invoice(text: str) -> bool:
    words = {word.strip("0123456789") for word in words_in(text)}
    return (
        not words.isdisjoint(credit_words.INVOICE_TYPES)
        or bare_text(text) in credit_words.INVOICE_TYPES
    )


def names_a_total(text: str) -> bool:
    return _is_total(text) or _ends_or_begins_as_total(text)


def _is_total(text: str) -> bool:
    """The word alone, or with a currency, a date or another number behind it."""
    words = words_in(text)
    if not words:
        return text.strip(" :=") == _SIGMA
    while words:
        if "".join(words) in credit_words.TOTALS:
            return True
        last = words.pop()
        if not (last in CURRENCIES or last.isdecimal() or last in credit_words.QUALIFIERS):
            return False
    return False


_CREDIT_NOTES_BARE = frozenset(map(bare_text, credit_words.CREDIT_NOTES))


def _begins_with_a_total(text: str) -> bool:
    """“Totals for November”, in place of a customer or a reference."""
    words = words_in(text)
    return len(words) > 1 and words[0] in credit_words.TOTALS


def _ends_or_begins_as_total(text: str) -> bool:
    words = words_in(text)
    if not 2 <= len(words) <= _MOST_WORDS or "@" in text:
        return False
    return words[-1] in credit_words.BEHIND_A_NAME or not credit_words.BEFORE_A_NAME.isdisjoint(
        (words[0], "".join(words[:2]))
    )


def _red(row: int, column: str, code: str, message: str) -> RowError:
    return RowError(row, column or "description", code, message)


def _amber(row: int, column: str, code: str, message: str) -> RowError:
    return RowError(row, column or "description", code, message, Severity.AMBER)
