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


def test_many_customers_who_are_unknown_are_one_problem_and_the_first_are_named() -> None:
    (told,) = problems([of(row, f"No k{row} is known.", Severity.RED) for row in range(2, 63)])
    assert told.message == (
        "No k2 is known. Likewise row 3: k3; row 4: k4; row 5: k5; row 6: k6; row 7: k7; and 55 more."
    )
    assert told.places == "rows 2–62 (61)"


def test_the_words_in_which_rows_differ_may_be_all_of_them() -> None:
    (told,) = problems([of(2, "One.", Severity.RED), of(3, "Two of them.", Severity.RED)])
    assert (told.message, told.rows) == ("One. Likewise row 3: Two of them.", (2, 3))


def test_what_differs_by_its_length_alone_is_told_whole() -> None:
    (told,) = problems([of(2, "a a b", Severity.RED), of(3, "a b", Severity.RED)])
    assert told.message == "a a b Likewise row 3: a b."


def test_what_is_asked_of_cells_is_one_problem() -> None:
    asked = [
        of(
            row,
            f"“M?ller-{row}” holds a question mark: is it right?",
            Severity.AMBER,
            "letters_perhaps_lost",
        )
        for row in range(2, 5)
    ]
    (told,) = problems(asked)
    assert told.message.endswith("is it right? Likewise row 3: “M?ller-3”; row 4: “M?ller-4”.")


def test_what_one_answer_solves_is_one_problem() -> None:
    rows = [
        of(row, f"{row},50 has a comma", Severity.RED, "decimal_unconfirmed")
        for row in range(2, 63)
    ]
    (told,) = problems(rows)
    assert told.places == "rows 2–62 (61)"
