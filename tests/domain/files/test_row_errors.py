"""What is told of many rows at once."""

from __future__ import annotations

from lib.domain.files.row_errors import RowError, problems
from lib.domain.runs import Severity


def of(row: int, message: str, severity: Severity, code: str = "corrected") -> RowError:
    return RowError(row, "amount", code, message, severity)


def test_each_correction_is_told_in_its_own_words() -> None:
    """An approver who reads of 10.50 alone would approve 2,000.00 with it."""
    corrections = [
        of(2, "10.00 is now 10.50", Severity.AMBER),
        of(3, "20.00 is now 2000.00", Severity.AMBER),
        of(4, "10.00 is now 10.50", Severity.AMBER),
        *(of(row, f"as in row {row}", Severity.AMBER) for row in range(5, 40)),
    ]
    told = problems(corrections)
    assert [(one.rows, one.message) for one in told[:2]] == [
        ((2, 4), "10.00 is now 10.50"),
        ((3,), "20.00 is now 2000.00"),
    ]
    assert len(told) == 37


def test_of_many_customers_who_are_unknown_the_first_are_named() -> None:
    told = problems([of(row, f"k{row} is unknown", Severity.RED) for row in range(2, 63)])
    assert [one.message for one in told[:2]] == ["k2 is unknown", "k3 is unknown"]
    assert len(told) == 11
    assert told[-1].message == "k12 is unknown So or alike in 51 rows."
    assert told[-1].places == "rows 12–62 (51)"


def test_what_one_answer_solves_is_one_problem() -> None:
    rows = [
        of(row, f"{row},50 has a comma", Severity.RED, "decimal_unconfirmed")
        for row in range(2, 63)
    ]
    (told,) = problems(rows)
    assert told.places == "rows 2–62 (61)"
