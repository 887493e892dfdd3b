"""Columns of flags say of a row that it is not to be charged, was taken back, or is a credit."""

from __future__ import annotations

import pytest

from lib.domain.files import no_charges

COLUMNS = {"customer": 0, "amount": 1, "reference": 2}


def said(heading: str, cell: str) -> list[str]:
    header = ("customer", "amount", "reference", heading)
    row = ("a@firma.example", "80.00", "RE-9", cell)
    return [
        f"{error.severity} {error.code}"
        for error in no_charges.marks_of(header, COLUMNS, [row]).of_row(2, row)
    ]


@pytest.mark.parametrize(
    ("heading", "cell"),
    [
        ("Charge?", "no"),
        ("To charge", "FALSE"),
        ("Include", "0"),
        ("Abbuchen", "nein"),
        ("À prélever", "non"),
        ("請求する", "いいえ"),
        ("Skip", "x"),
        ("On hold", "credit limit"),
        ("Hold", "yes"),
        ("Gesperrt", "J"),
        ("Do not charge", "✓"),
    ],
)
def test_a_row_that_is_not_to_be_charged(heading: str, cell: str) -> None:
    assert said(heading, cell) == ["amber row_not_to_charge"]


@pytest.mark.parametrize(
    ("heading", "cell"),
    [
        ("Reversed", "TRUE"),
        ("Reversal of", "RE-3"),
        ("Deleted at", "2026-11-01"),
        ("Stornobeleg", "4711"),
        ("Credit note no.", "CN-4"),
        ("Annulé le", "12/11/2026"),
    ],
)
def test_a_row_that_was_taken_back(heading: str, cell: str) -> None:
    assert said(heading, cell)[0].startswith("amber ")


@pytest.mark.parametrize(
    ("heading", "cell"),
    [
        ("Qty", "-1"),
        ("Net", "(24.26)"),
        ("Net amount (EUR)", "24,26-"),
        ("MwSt", "−3"),
        ("Menge", "-2"),
        ("数量", "-1"),
    ],
)
def test_less_than_nothing_beside_a_positive_amount(heading: str, cell: str) -> None:
    assert said(heading, cell) == ["amber row_perhaps_credit"]


def test_a_flag_of_credits() -> None:
    assert said("Credit?", "yes") == ["red row_is_credit"]


@pytest.mark.parametrize(
    ("heading", "cell"),
    [
        ("Charge?", "yes"),
        ("Charge", "0"),
        ("Abbuchen", "ja"),
        ("Skip", "no"),
        ("Skip", "-"),
        ("Block", "C"),
        ("Stop", "Hauptbahnhof"),
        ("Hold", ""),
        ("Reversed", "FALSE"),
        ("Deleted at", "0000-00-00"),
        ("Stornobeleg", "0000000000"),
        ("Qty", "-"),
        ("Qty", "-0"),
        ("Discount", "-5.00"),
        ("Credit?", "no"),
        ("Credit", "FALSE"),
    ],
)
def test_what_says_nothing_against_a_charge(heading: str, cell: str) -> None:
    assert said(heading, cell) == []
