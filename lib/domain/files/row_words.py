"""Words of one cell by which its row is a total, a credit note or void."""

from __future__ import annotations

from lib.domain.files import credit_words, state_words
from lib.domain.files.credit_references import begins_as_void
from lib.domain.files.credit_words import bare_text, words_in
from lib.domain.files.row_errors import RowError
from lib.domain.files.telling_columns import settled
from lib.domain.runs import Severity
from lib.money import CURRENCIES

_MOST_WORDS = 5
_LONGEST_SHORT_NAME = 8
_SIGMA = "\N{N-ARY SUMMATION}"


def of_total(row: int, column: str, text: str, *, is_key: bool) -> RowError | None:
    if _is_total(text):
        return _red(row, column, "row_is_total", f"“{text[:40]}” is a total, not a charge.")
    if (
        _ends_or_begins_as_total(text)
        or _is_carried(text, is_key=is_key)
        or (is_key and _begins_with_a_total(text))
    ):
        return _amber(row, column, "row_total_mentioned", f"“{text[:40]}”: is this a total?")
    return None


def of_credit_note(
    row: int, column: str, text: str, *, is_type: bool, is_key: bool
) -> RowError | None:
    bare = bare_text(text)
    is_named = _names_a_credit_note(text, bare)
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


def _names_a_credit_note(text: str, bare: str) -> bool:
    """Short names count as words only, as Stornoway is a town; and a fee for a cancellation is charged."""
    words = words_in(text)
    if not state_words.FEES.isdisjoint(words):
        return False
    return any(word in bare for word in _LONG_NAMES) or not _SHORT_NAMES.isdisjoint(words)


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


def names_an_invoice(text: str) -> bool:
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
_SHORT_NAMES = frozenset(
    word for word in _CREDIT_NOTES_BARE if len(word) <= _LONGEST_SHORT_NAME and word.isascii()
)
_LONG_NAMES = _CREDIT_NOTES_BARE - _SHORT_NAMES


def _begins_with_a_total(text: str) -> bool:
    """“Totals for November”, in place of a customer or a reference; no board to balance on."""
    words = words_in(text)
    return len(words) > 1 and words[0] in credit_words.TOTALS and words[0] not in _AT_THE_BEGINNING


def _is_carried(text: str, *, is_key: bool) -> bool:
    bare = bare_text(text)
    is_known = bare.strip("0123456789") in state_words.CARRIED
    return is_known or (is_key and bare in state_words.CARRIED_AS_KEYS)


# Names of other things begin with them.
_AT_THE_BEGINNING = frozenset({"balance", "saldo", "sum", "suma", "summa", "tot"})


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
