"""Totals of files with credits: what is negative or marked as a credit is taken off, in any writing."""

from __future__ import annotations

import pytest

from lib.domain.files import run_files
from lib.domain.files.number_styles import DecimalSign
from lib.domain.files.readings import Choices
from lib.domain.files.run_columns import RUN_COLUMNS
from lib.spreadsheets.reading import read_file
from tests.spreadsheets.workbook_files import one_sheet

HEADER = "customer;amount;currency;reference;side"


def asked(*rows: str, sign: DecimalSign | None = None) -> list[int]:
    """Numbers of the rows that may be totals."""
    sheet = read_file("\n".join((HEADER, *rows)).encode(), "a.csv")
    parsed = run_files.parse(sheet, RUN_COLUMNS.guess(sheet.header), choices=Choices(decimal=sign))
    return [error.row for error in parsed.warnings if error.code == "amount_is_a_sum"]


@pytest.mark.parametrize(
    ("negative", "sign"),
    [
        ("-20.50", None),
        ("20.50-", None),
        ("(20.50)", None),
        ("−20.50", None),
        ("EUR -20.50", None),
        ("-20,50", DecimalSign.COMMA),
    ],
)
def test_a_negative_amount_is_taken_off(negative: str, sign: DecimalSign | None) -> None:
    def amount(text: str) -> str:
        return text.replace(".", ",") if sign is DecimalSign.COMMA else text

    rows = [
        f"a@x.example;{amount('120.50')};eur;I1;",
        f"b@x.example;{negative};eur;C1;",
        f"c@x.example;{amount('33.25')};eur;I2;",
        f"d@x.example;{amount('133.25')};eur;I3;",
    ]
    assert asked(*rows, sign=sign) == [5]


def test_a_number_of_a_workbook() -> None:
    data = one_sheet(
        ("customer", "amount", "currency", "reference"),
        ("a@x.example", 120.5, "eur", "I1"),
        ("b@x.example", -20.5, "eur", "C1"),
        ("c@x.example", 33.25, "eur", "I2"),
        ("d@x.example", 133.25, "eur", "I3"),
    )
    sheet = read_file(data, "a.xlsx")
    parsed = run_files.parse(sheet, RUN_COLUMNS.guess(sheet.header))
    assert [error.row for error in parsed.warnings if error.code == "amount_is_a_sum"] == [5]


@pytest.mark.parametrize(
    ("total", "is_asked"), [("133.25", True), ("174.25", True), ("140.00", False)]
)
def test_a_row_on_the_side_of_credits_counts_either_way(total: str, is_asked: bool) -> None:
    rows = (
        "a@x.example;120.50;eur;I1;DR",
        "b@x.example;20.50;eur;C1;CR",
        "c@x.example;33.25;eur;I2;DR",
        f"d@x.example;{total};eur;I3;DR",
    )
    assert asked(*rows) == ([5] if is_asked else [])


def test_what_can_mean_two_sums_is_no_part() -> None:
    assert asked("a@x.example;1.500;eur;I1;", "b@x.example;-1.250;eur;C1;") == []
