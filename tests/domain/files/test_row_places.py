"""A row is read under the heading that stands over it, and a title over it says whether it is a charge."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lib.domain.files.row_places import says_no_charge
from lib.domain.files.run_columns import RUN_COLUMNS
from lib.domain.files.run_files import ParsedFile, parse
from lib.domain.files.sheets import Origin, Sheet
from lib.spreadsheets.reading import read_pasted

HEADING = "customer,amount,currency,reference"
FIRST = "cus_1,10.00,eur,R-1"
SECOND = "cus_2,20.00,eur,R-2"


def sheet_of(*lines: str) -> Sheet:
    return read_pasted("\n".join(lines))


def parsed(sheet: Sheet) -> ParsedFile:
    return parse(sheet, RUN_COLUMNS.guess(sheet.header))


def found(*lines: str) -> list[tuple[int, str]]:
    return [
        (error.row, f"{error.severity} {error.code}")
        for row in parsed(sheet_of(*lines)).rows
        for error in (*row.errors, *row.warnings)
    ]


def test_a_heading_once_more_is_no_charge_and_all_that_is_said_of_its_row() -> None:
    assert found(HEADING, FIRST, "", HEADING.upper(), SECOND) == [(4, "red row_is_heading")]


@pytest.mark.parametrize(
    "heading",
    [
        "customer,reference,currency,amount",
        "Kunde,Bezahlt,Währung,Rechnungsnummer",
        "customer,tax,currency,reference",
    ],
)
def test_rows_under_another_heading_are_of_another_table(heading: str) -> None:
    assert found(HEADING, FIRST, heading, SECOND, "cus_3,7.77,eur,R-3") == [
        (3, "red row_is_heading"),
        (4, "red row_of_other_table"),
        (5, "red row_of_other_table"),
    ]


def test_the_first_heading_begins_its_table_again() -> None:
    other = "customer,reference,currency,amount"
    assert found(HEADING, FIRST, other, HEADING, SECOND)[2:] == []


@pytest.mark.parametrize(
    "title", ["Credits", "Already paid:", "Credit notes", "Bitte nicht abbuchen"]
)
def test_a_title_over_rows_that_are_no_charges(title: str) -> None:
    said = found(HEADING, FIRST, f"{title},,,", SECOND)
    assert [one for one in said if one[0] == 4] == [(4, "amber row_under_title")]


@pytest.mark.parametrize("title", ["North", "Total", "Not yet paid", "Rechnungen November"])
def test_a_title_over_charges(title: str) -> None:
    assert [one for one in found(HEADING, FIRST, f"{title},,,", SECOND) if one[0] != 3] == []


def test_the_next_title_ends_what_was_said() -> None:
    said = found(HEADING, "Paid,,,", FIRST, "Open,,,", SECOND)
    assert {row for row, code in said if code == "amber row_under_title"} == {3}


def test_a_title_over_the_table_counts_for_all_rows() -> None:
    said = found("Gutschriften November", "", HEADING, FIRST, SECOND)
    assert said == [(4, "amber row_under_title"), (5, "amber row_under_title")]
    assert len(parsed(sheet_of("Refunds,,,", HEADING, FIRST, SECOND)).problems) == 1


@pytest.mark.parametrize("name", ["Refunds", "Storno", "Do not charge", "Paid Nov 2026"])
def test_the_name_of_a_sheet_counts_as_a_title(name: str) -> None:
    sheet = sheet_of(HEADING, FIRST)
    workbook = replace(sheet, origin=Origin(kind="workbook", sheet=name))
    assert [one.code for one in parsed(workbook).warnings] == ["row_under_title"]


@pytest.mark.parametrize(
    "title",
    [
        "Sheet1",
        "Charges November 2026",
        "Credit control report",
        "Credit card customers",
        "Open and paid invoices",
        "Unpaid",
        "To be paid by card",
        "Noch nicht bezahlt",
        "Draft",
        "Our terms say that whatever was paid is not refunded",
    ],
)
def test_a_title_that_says_nothing_against_charges(title: str) -> None:
    assert not says_no_charge(title)
