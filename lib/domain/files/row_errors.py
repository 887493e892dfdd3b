"""Errors in the rows of a file; rows with one cause are one problem."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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


def problems(errors: Iterable[RowError]) -> list[Problem]:
    """By cause, in the order of their first rows. Of several messages the first speaks for all."""
    groups: dict[tuple[str, str, Severity], list[RowError]] = {}
    for error in errors:
        groups.setdefault((error.column, error.code, error.severity), []).append(error)
    return [
        Problem(
            tuple(dict.fromkeys(error.row for error in same)),
            column,
            code,
            same[0].message
            if len({error.message for error in same}) == 1
            else f"{same[0].message} So or alike in {len(same):,} rows.",
            severity,
        )
        for (column, code, severity), same in groups.items()
    ]


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
