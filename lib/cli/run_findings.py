"""What was found of a run's rows: as objects, and in lines."""

from __future__ import annotations

from collections.abc import Sequence

from lib.domain.files.row_errors import OF_THE_FILE, RowError, problems
from lib.domain.runs import Severity


def listed(errors: Sequence[RowError], severity: Severity) -> list[dict[str, object]]:
    """Row by row; what has one cause in the whole file once, with its first row and all of them."""
    of_rows = [error for error in errors if error.severity is severity]
    each = [error for error in of_rows if error.code not in OF_THE_FILE]
    shared = problems(error for error in of_rows if error.code in OF_THE_FILE)
    return [
        {
            "row": problem.rows[0],
            "rows": list(problem.rows),
            "column": problem.column,
            "code": problem.code,
            "message": problem.message,
        }
        for problem in shared
    ] + [
        {"row": error.row, "column": error.column, "code": error.code, "message": error.message}
        for error in each
    ]


def in_words(errors: Sequence[RowError]) -> list[str]:
    """Each cause in one line, whatever cannot be charged first."""
    ordered = sorted(problems(errors), key=lambda problem: problem.severity is not Severity.RED)
    return [
        f"  {'' if problem.severity is Severity.RED else 'look at '}{problem.places}"
        f"{f', {problem.column}' if problem.column else ''}: {problem.message}"
        for problem in ordered
    ]
