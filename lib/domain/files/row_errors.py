"""Errors in the rows of a file; rows with one cause are one problem."""

from __future__ import annotations

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
_TOLD_MESSAGES = 10


def problems(errors: Iterable[RowError]) -> list[Problem]:
    """
    By cause, in the order of their first rows.

    What an approver is to look at is never told by another row's words. Of messages that stop rows the
    first few are told, and then one speaks for the others.
    """
    groups: dict[tuple[str, str, Severity], dict[str, list[RowError]]] = {}
    for error in errors:
        of_cause = groups.setdefault((error.column, error.code, error.severity), {})
        of_cause.setdefault(error.message, []).append(error)
    return [
        problem
        for (_, code, severity), by_message in groups.items()
        for problem in _problems(list(by_message.values()), _most(code, severity))
    ]


def _most(code: str, severity: Severity) -> int | None:
    """How many messages of one cause are told; None for all."""
    if code in OF_THE_FILE:
        return 0
    return _TOLD_MESSAGES if severity is Severity.RED else None


def _problems(by_message: list[list[RowError]], most: int | None) -> Iterator[Problem]:
    if most is None or len(by_message) <= most + 1:
        yield from (_problem(same, same[0].message) for same in by_message)
        return
    yield from (_problem(same, same[0].message) for same in by_message[:most])
    others = [error for same in by_message[most:] for error in same]
    yield _problem(others, f"{others[0].message} So or alike in {len(others):,} rows.")


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
