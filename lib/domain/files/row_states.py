"""Texts that say what became of their row: that it was cancelled or paid, is a reduction, or is not to be charged."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from itertools import pairwise

from lib.domain.files import credit_words, state_words
from lib.domain.files.credit_words import bare_text, words_in
from lib.domain.files.row_errors import RowError
from lib.domain.files.telling_columns import settled
from lib.domain.runs import Severity

_REDUCTIONS = state_words.REDUCTIONS | (credit_words.CREDIT_WORDS - {"credits"})
_MOST_WORDS = 6
# “To be charged” stands so far behind “not”.
_WINDOW = 4
_LONGEST_NAME = 2
_JAPANESE_STATES = tuple(map(bare_text, state_words.JAPANESE_STATES))
_JAPANESE = re.compile(
    f"(?:{'|'.join(map(re.escape, _JAPANESE_STATES))})"
    f"(?!{'|'.join(map(re.escape, map(bare_text, state_words.JAPANESE_FEES.split())))})"
)
_JAPANESE_NOT = tuple(map(bare_text, state_words.JAPANESE_NOT_TO_CHARGE))
# C/N and N.C. are credit notes, W/O is what is written off.
_SHORT = re.compile(
    r"(?<!\w)(?:c\s?[/.]\s?n|n\s?[/.]\s?(?:de\s?)?c|n\s?de?\s?c|w\s?/\s?o)\.?(?!\w)", re.IGNORECASE
)


def of_state(row: int, column: str, text: str, *, is_reduced: bool) -> RowError | None:
    """
    Args:
        is_reduced: whether the column is one in which a reduction is no product: of numbers, references or descriptions.
    """
    if "@" in text:
        return None
    words, bare = words_in(text), bare_text(text)
    if forbids(text) or any(one in bare for one in _JAPANESE_NOT):
        return RowError(
            row,
            column or "description",
            "row_not_to_charge",
            f"The row says “{text[:40]}”: is it to be charged?",
            Severity.AMBER,
        )
    if _says_a_state(words) or _JAPANESE.search(bare):
        return settled(row, column, text)
    if is_reduced and stands_alone(words, _REDUCTIONS):
        return _credit(row, column, text)
    return None


def of_short_name(row: int, column: str, text: str) -> RowError | None:
    """Of a reference: “C/N 7”, “INV-7 W/O”."""
    match = _SHORT.search(text)
    is_at_an_end = match is not None and not (
        text[: match.start()].strip() and text[match.end() :].strip(" )]")
    )
    return _credit(row, column, text) if is_at_an_end else None


def _credit(row: int, column: str, text: str) -> RowError:
    return RowError(
        row,
        column or "description",
        "credit_note_mentioned",
        f"“{text[:40]}” may be a credit or a reduction: is it a charge?",
        Severity.AMBER,
    )


def forbids(text: str) -> bool:
    """“Do not charge”, “bitte nicht mehr abbuchen”, “no cobrar”; “not yet charged” does not."""
    words = words_in(text)
    if not state_words.YET.isdisjoint(words):
        return False
    for at, word in enumerate(words):
        window = _WINDOW if word in state_words.NOT else 1 if word in state_words.NO else 0
        if not state_words.TO_CHARGE.isdisjoint(words[at + 1 : at + 1 + window]):
            return True
    return False


def _says_a_state(words: Sequence[str]) -> bool:
    if stands_alone(words, state_words.ALONE) or _was_earlier(words):
        return True
    if len(words) > 1 and words[0] in state_words.PAID and words[1] in state_words.HOW:
        return True
    is_state = len(words) > 1 and words[-1] in state_words.STATES - state_words.NOT_AT_AN_END
    return is_state and len(words) <= _MOST_WORDS and state_words.TURNS.isdisjoint(words)


def _was_earlier(words: Sequence[str]) -> bool:
    """“Bereits bezahlt”, “charged already”."""
    return any(
        (first in state_words.EARLIER and second in state_words.DONE)
        or (second in state_words.EARLIER and first in state_words.DONE)
        for first, second in pairwise(words)
    )


def stands_alone(words: Sequence[str], known: frozenset[str]) -> bool:
    """Whether one of them, or several as one, stands there beside nothing but names of invoices."""
    if not state_words.FEES.isdisjoint(words):
        return False
    for start in range(len(words)):
        for end in range(start + 1, min(start + _WINDOW, len(words) + 1)):
            bare = "".join(words[start:end]).strip("0123456789")
            if bare in known:
                return all(map(belongs_to_an_invoice, (*words[:start], *words[end:])))
    return False


def belongs_to_an_invoice(word: str) -> bool:
    return (
        any(map(str.isdecimal, word))
        or len(word) <= _LONGEST_NAME
        or word in state_words.NAMES_OF_INVOICES
    )


def _shortest(words: Collection[str]) -> tuple[str, ...]:
    """Those that stand in every other."""
    return tuple(
        sorted(word for word in words if not any(one in word for one in words if one != word))
    )


HINTS_TO_CHARGE = _shortest(state_words.TO_CHARGE)
_SIGNS = ("c/n", "c.n", "n/c", "n.c", "n de c", "n. de", "w/o", "b/f", "c/f")
HINTS = (*_SIGNS, *_shortest({*_JAPANESE_STATES, *_JAPANESE_NOT}))
"""Pieces of a text, without case and accents."""
WORDS = frozenset(
    {
        *state_words.PIECES,
        *credit_words.SETTLED,
        *credit_words.VOID,
        *credit_words.REFUNDS,
        "already",
        "ndc",
        "report",
        "transport",
    }
)
"""A text with none of these as a word, and without the pieces, says nothing."""
