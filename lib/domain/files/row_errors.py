"""Errors in the rows of a file; rows with one cause are one problem."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from lib.domain.runs import Severity

# Their cause is the file's, and one answer solves all of them.
OF_THE_FILE = frozenset(
    {
        "decimal_unconfirmed",
        "decimal_other_style",
        "encoding_unconfirmed",
        "hidden_unconfirmed",
    }
)


@dataclass(frozen=True, slots=True)
class RowError:
    row: int
    column: str
    """Our name of the column, whatever its heading is."""
    code: str
    message: str
    severity: Severity = Severity.RED


@dataclass(frozen=True, slots=True)
class Problem:
    """One cause, with all of its rows."""

    rows: tuple[int, ...]
    column: str
    code: str
    message: str
    severity: Severity

    @property
    def places(self) -> str:
        """ "row 2", "rows 2, 3, 5 (3)" or "rows 2–62 (61)"."""
        if len(self.rows) == 1:
            return f"row {self.rows[0]}"
        return f"rows {spans(self.rows)} ({len(self.rows):,})"


_SHOWN_SPANS = 6
_TOLD_OTHERS = 5
# What is quoted stays whole.
_WORDS = re.compile(r"“[^”]*”\S*|\S+")
# Amber, and found in the cells alone: what is asked of one row is asked of all in the same words but for the cell's.
_OF_CELLS = frozenset(
    {
        "letters_garbled",
        "letters_perhaps_lost",
        "letters_in_signs",
        "letters_unusual",
        "reference_like_date",
        "reference_like_formula",
        "reference_shown_shorter",
        "reference_by_language",
        "customer_by_language",
        "reference_unlike_others",
        "row_numbered_as_credit",
        "credit_note_mentioned",
        "amount_rounded",
        "amount_with_words",
        "amount_format_unknown",
    }
)


def problems(errors: Iterable[RowError]) -> list[Problem]:
    """
    By cause, in the order of their first rows; one problem each, in the words of its first row, with what
    differs in the next few.

    What an approver is to look at beside the cells (a correction, an earlier charge) is never told by
    another row's words.
    """
    groups: dict[tuple[str, str, Severity], dict[str, list[RowError]]] = {}
    for error in errors:
        of_cause = groups.setdefault((error.column, error.code, error.severity), {})
        of_cause.setdefault(error.message, []).append(error)
    return [
        problem
        for (_, code, severity), by_message in groups.items()
        for problem in _problems(list(by_message.values()), code, severity)
    ]


def _problems(by_message: list[list[RowError]], code: str, severity: Severity) -> Iterator[Problem]:
    if code in OF_THE_FILE:
        by_message = [[error for same in by_message for error in same]]
    elif severity is not Severity.RED and code not in _OF_CELLS:
        yield from (_problem(same, same[0].message) for same in by_message)
        return
    every = [error for same in by_message for error in same]
    yield _problem(every, _in_one(by_message))


def _in_one(by_message: Sequence[Sequence[RowError]]) -> str:
    """The first message, and of the next few the words in which they differ from it."""
    first = by_message[0][0].message
    others = [same[0] for same in by_message[1:]]
    if not others:
        return first
    words = [_WORDS.findall(message) for message in (first, *(one.message for one in others))]
    start = _same(words)
    end = _same([list(reversed(some[start:])) for some in words])
    differences = [
        f"row {other.row}: {' '.join(some[start : len(some) - end]).rstrip('.,:;') or other.message}"
        for other, some in zip(others[:_TOLD_OTHERS], words[1:], strict=False)
    ]
    more = len(others) - len(differences)
    return f"{first} Likewise {'; '.join(differences)}{f'; and {more:,} more' if more else ''}."


def _same(lists: Sequence[Sequence[str]]) -> int:
    """How many of the first are the same in all."""
    count = 0
    for some in zip(*lists, strict=False):
        if len(set(some)) > 1:
            break
        count += 1
    return count


def _problem(same: Sequence[RowError], message: str) -> Problem:
    rows = tuple(sorted({error.row for error in same}))
    return Problem(rows, same[0].column, same[0].code, message, same[0].severity)


def spans(rows: Sequence[int]) -> str:
    """ "2, 3, 5" or "2–62"; the first few when there are many."""
    ranges: list[list[int]] = []
    for row in rows:
        if ranges and row == ranges[-1][1] + 1:
            ranges[-1][1] = row
        else:
            ranges.append([row, row])
    shown = [str(a) if a == b else f"{a}–{b}" for a, b in ranges[:_SHOWN_SPANS]]
    return ", ".join(shown) + (" …" if len(ranges) > _SHOWN_SPANS else "")
