"""The findings of a run's rows: as objects, and in lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lib.domain.approvals import stopped_in_words
from lib.domain.files.row_errors import OF_THE_FILE, Problem, RowError, problems
from lib.domain.runs import Severity
from lib.money import format_money

if TYPE_CHECKING:
    from lib.services.runs.run_object import RunView

_SEVERITIES = {
    Severity.RED: "blocked: ",
    Severity.STOPPED: "stopped: ",
    Severity.AMBER: "look at ",
}


def objects(errors: Sequence[RowError], severity: Severity) -> list[dict[str, object]]:
    """Row by row; what has one cause in the whole file once, with its first row and all of them."""
    of_rows = [error for error in errors if error.severity is severity]
    each = [error for error in of_rows if error.code not in OF_THE_FILE]
    shared = problems(error for error in of_rows if error.code in OF_THE_FILE)
    listed: list[dict[str, object]] = [
        {
            "row": problem.rows[0],
            "rows": list(problem.rows),
            "column": problem.column,
            "code": problem.code,
            "message": problem.message,
            "severity": problem.severity.value,
        }
        for problem in shared
    ]
    listed += [
        {
            "row": error.row,
            "column": error.column,
            "code": error.code,
            "message": error.message,
            "severity": error.severity.value,
        }
        for error in each
    ]
    return listed


def causes(errors: Sequence[RowError]) -> list[dict[str, object]]:
    """Each cause once with its rows, as `in_words` says them, the worst first."""
    return [
        {
            "rows": list(problem.rows),
            "column": problem.column,
            "code": problem.code,
            "message": problem.message,
            "severity": problem.severity.value,
        }
        for problem in _ordered(errors)
    ]


def stopped(view: RunView) -> list[str]:
    if not view.stopped.rows:
        return []
    sums = ", ".join(format_money(amount, code) for code, amount in view.stopped.totals.items())
    return [f"  {stopped_in_words(view.stopped.rows, sums)}"]


def in_words(errors: Sequence[RowError]) -> list[str]:
    """Each cause in one line, the worst first."""
    return [
        f"  {_SEVERITIES[problem.severity]}{problem.places}"
        f"{f', {problem.column}' if problem.column else ''}: {problem.message}"
        for problem in _ordered(errors)
    ]


def _ordered(errors: Sequence[RowError]) -> list[Problem]:
    return sorted(problems(errors), key=lambda problem: list(_SEVERITIES).index(problem.severity))
