"""Columns that tell of their rows whether they are charges: sides, credits, states, flags, what is open."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence

from lib.domain.files import credit_words
from lib.domain.files.credit_words import bare_text, words_in
from lib.domain.files.flag_columns import FLAG_JUDGES, credit_flag
from lib.domain.files.row_errors import RowError
from lib.domain.runs import Severity
from lib.money import CURRENCIES

Judge = Callable[[int, str, str], RowError | None]
"""Of a row's number, the column's name and what stands in its cell."""

_NOTHING = re.compile(r"[-+0.,'’\s]*\Z")
_NEGATIVE = re.compile(r"\s*(?:[-−–(]|.*[-−–]\s*\Z)")
_TICKS = frozenset("✓✔☑")
_MINUS = frozenset("-−–")
# A heading of nothing but signs.
_SIGN_HEADINGS = frozenset({"+/-", "-/+", "+-", "±"})


def judges_of(header: Sequence[str], skipped: Collection[int]) -> Mapping[int, Judge]:
    """By column; of the others there is nothing to tell."""
    judges: dict[int, Judge] = {}
    for at, name in enumerate(header):
        plain = plain_heading(name)
        if at in skipped:
            continue
        if name.strip() in _SIGN_HEADINGS:
            judges[at] = _side
        for headings, judge in _JUDGES:
            if plain in headings:
                judges[at] = judge
    return judges


def plain_heading(name: str) -> str:
    """Without the currency that it may name: “Balance due (EUR)”."""
    words = words_in(name)
    return "".join(word for word in words if word not in CURRENCIES) or "".join(words)


def _credit(row: int, _: str, text: str) -> RowError | None:
    if _NOTHING.match(text) or credit_flag(text) is False:
        return None
    return _red(row, "amount", "row_is_credit", f"There is a credit in this row: {text[:30]}.")


def _side(row: int, _: str, text: str) -> RowError | None:
    if bare_text(text) not in credit_words.CREDIT_SIDES and text not in _MINUS:
        return None
    return _red(row, "amount", "row_is_credit", f"“{text[:20]}” marks a credit, not a charge.")


def _posting_key(row: int, column: str, text: str) -> RowError | None:
    """SAP's: 01 to 09 are debits of customers, 11 to 19 their credits and payments."""
    if not (text.isdecimal() and 11 <= int(text) <= 19):
        return None
    return _red(row, column, "row_is_credit", f"The posting key {text} is that of a credit.")


def _flag(row: int, column: str, text: str) -> RowError | None:
    if bare_text(text) in credit_words.NO or _NOTHING.match(text):
        return None
    return _amber(
        row,
        column,
        "credit_note_mentioned",
        f"“{text[:40]}” stands in a column of credits: is this a credit note?",
    )


def state(row: int, column: str, text: str) -> RowError | None:
    if bare_text(text) not in credit_words.SETTLED:
        return None
    return settled(row, column, text)


def _paid(row: int, column: str, text: str) -> RowError | None:
    plain = bare_text(text)
    if plain in credit_words.YES or plain in credit_words.SETTLED or text in _TICKS:
        return settled(row, column, text)
    # A sum that was paid, or the day on which it was.
    is_nothing = _NOTHING.match(text) or not any(map(str.isdecimal, text))
    return None if is_nothing else settled(row, column, text)


def _paid_amount(row: int, column: str, text: str) -> RowError | None:
    if _NOTHING.match(text) or not any(map(str.isdecimal, text)):
        return None
    return _amber(
        row,
        column,
        "row_is_settled",
        f"The row says that {text[:30]} was paid: is its amount still owed?",
    )


def _open_amount(row: int, column: str, text: str) -> RowError | None:
    if not any(map(str.isdecimal, text)) or not (_NOTHING.match(text) or _NEGATIVE.match(text)):
        return None
    return _amber(
        row,
        column,
        "row_is_settled",
        f"The row says that {text[:30]} is open: is its amount still owed?",
    )


def settled(row: int, column: str, text: str) -> RowError:
    return _amber(row, column, "row_is_settled", f"The row says “{text[:30]}”: is it still owed?")


_JUDGES: tuple[tuple[frozenset[str], Judge], ...] = (
    *FLAG_JUDGES,
    (credit_words.CREDIT_HEADINGS, _credit),
    (credit_words.SIDE_HEADINGS, _side),
    (credit_words.POSTING_KEY_HEADINGS, _posting_key),
    (credit_words.FLAG_HEADINGS, _flag),
    (credit_words.STATE_HEADINGS, state),
    (credit_words.PAID_HEADINGS, _paid),
    (credit_words.PAID_AMOUNT_HEADINGS | credit_words.OVERPAID_HEADINGS, _paid_amount),
    (credit_words.OPEN_AMOUNT_HEADINGS, _open_amount),
)


def _red(row: int, column: str, code: str, message: str) -> RowError:
    return RowError(row, column or "description", code, message)


def _amber(row: int, column: str, code: str, message: str) -> RowError:
    return RowError(row, column or "description", code, message, Severity.AMBER)
