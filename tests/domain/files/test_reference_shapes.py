"""A reference with a word beside what all others of its file are made of is asked of, whatever the word."""

from __future__ import annotations

import pytest

from lib.domain.files.credit_references import credit_in
from lib.domain.files.reference_shapes import ReferenceShapes, says_nothing
from lib.domain.files.run_columns import RUN_COLUMNS
from lib.domain.files.run_files import parse
from lib.spreadsheets.reading import read_pasted

USUAL = ("RE-5", "RE-6", "RE-81", "RE-9")


def is_asked(reference: str, usual: tuple[str, ...] = USUAL) -> bool:
    return ReferenceShapes((*usual, reference)).question(7, reference) is not None


@pytest.mark.parametrize(
    "reference",
    [
        "STO RE-7",
        "RE-7 rev",
        "RE-7/S",
        "RE-7 (old)",
        "re-7 zurück",
        "KORR_RE-7",
        "RE-7 取り止め",
        "RÜCKL. RE-7",
    ],
)
def test_a_word_beside_the_usual_reference_is_asked_of(reference: str) -> None:
    assert is_asked(reference)


@pytest.mark.parametrize(
    "reference",
    [
        "RE-7",
        "re-7",
        "RE-7 late fee",
        "RE-7-2",
        "RE-7/8",
        "RE-7 & RE-8",
        "AB-7",
        "PRE-7",
        "7",
        "Hosting November",
    ],
)
def test_what_has_no_word_beside_it_is_not(reference: str) -> None:
    assert not is_asked(reference)


def test_a_bare_number_is_usual_between_spaces_only() -> None:
    numbers = ("4711", "4712", "4713")
    assert is_asked("STO 4714", numbers)
    assert is_asked("4714 (rev)", numbers)
    assert not is_asked("INV-4714", numbers)


@pytest.mark.parametrize(
    ("usual", "reference"),
    [
        (("RE-5",), "STO RE-7"),
        (("RE-5", "AB 7", "Q/9", "2026"), "STO RE-7"),
        (("DWG-1 rev", "DWG-2 rev"), "DWG-3 rev"),
        (("November 1", "November 2"), "December 3"),
    ],
)
def test_where_nothing_is_usual_nothing_is_unusual(usual: tuple[str, ...], reference: str) -> None:
    assert not is_asked(reference, usual)


@pytest.mark.parametrize("reference", ["-", "—", "0", "000", "n/a", "N.N.", "TBD", "xxx", "なし"])
def test_a_reference_that_says_nothing(reference: str) -> None:
    assert says_nothing(reference)
    assert is_asked(reference)


@pytest.mark.parametrize("reference", ["1", "10", "A", "NA-1", "Test 7", "ohne Tarif"])
def test_a_short_reference_says_enough(reference: str) -> None:
    assert not says_nothing(reference)


def test_the_question_stands_at_its_row_once() -> None:
    rows = [
        f"cus_{at},{at}.37,eur,{one}" for at, one in enumerate((*USUAL, "STO RE-7", "RE-8 refund"))
    ]
    sheet = read_pasted("\n".join(("customer,amount,currency,reference", *rows)))
    warnings = parse(sheet, RUN_COLUMNS.guess(sheet.header)).warnings
    assert [(one.row, one.code) for one in warnings] == [
        (6, "reference_unlike_others"),
        (7, "credit_note_mentioned"),
    ]
    assert warnings[0].message.startswith(
        "“STO RE-7”: the other references are written like “RE-5”"
    )


@pytest.mark.parametrize(
    "reference", ["CREDIT-SUISSE-7", "Crédit Agricole 7", "Credit Union 2026-1"]
)
def test_a_house_whose_name_begins_with_credit_is_no_credit(reference: str) -> None:
    assert credit_in(reference) is None


@pytest.mark.parametrize("reference", ["Credit INV-7", "CREDIT-7", "Credit goodwill 7", "7-CREDIT"])
def test_a_credit_is_one(reference: str) -> None:
    assert credit_in(reference) == "credit"
