"""An amount that a formula adds up from other rows is asked of as a total, whatever it comes to."""

from __future__ import annotations

import pytest
import xlsxwriter

from lib.domain.files import run_files
from lib.domain.files.run_columns import RUN_COLUMNS
from lib.domain.files.run_files import ParsedFile
from lib.spreadsheets.reading import read_file
from lib.spreadsheets.sum_formulas import adds_other_rows, may_add, moved
from tests.spreadsheets.workbook_files import with_sheet, workbook

HERE = 8, 1
"""B9."""


@pytest.mark.parametrize(
    "formula",
    [
        "SUM(B2:B8)",
        "SUM(B$2:B8)",
        "SUM($B2:$C8)",
        "SUM(C2:C8)",
        "SUBTOTAL(9,B2:B8)",
        "subtotal(109,Table1[Amount])",
        "SUBTOTAL(109,[Amount])",
        "AGGREGATE(9,7,B2:B8)",
        "ROUND(SUM(B2:B8),2)",
        "SUM(B2:B4)+SUM(B6:B8)",
        "SUM(B:B)-B9",
        'SUMIF(A2:A8,"x",B2:B8)',
        "B2+B5",
        "+B2+B3+B4",
        "_xlfn.AGGREGATE(9,7,B2:B8)",
    ],
)
def test_a_formula_that_adds_up_other_rows(formula: str) -> None:
    assert may_add(formula)
    assert adds_other_rows(formula, HERE)


@pytest.mark.parametrize(
    "formula",
    [
        "SUM(C9:E9)",
        "SUM(C9,D9)",
        "C9+D9",
        "C9*D9",
        "C9+B8",
        "B8",
        "SUM(Details!B2:B8)",
        "SUM('Line items'!B2:B8)",
        "SUMIF(Details!A:A,A9,Details!C:C)",
        "SUMIF(G2:G99,A9,H2:H99)",
        "SUM(Table1[@[Net]:[Tax]])",
        "SUM(Table1[[#This Row],[Net]:[Tax]])",
        "C9/SUM(C$2:C$8)*F$1",
        'IF(A9="SUM(B2:B8)",1,2)',
        "SUMMARY+1",
        "LOG10(5)+1",
        "VLOOKUP(A9,G2:H99,2,FALSE)",
    ],
)
def test_a_formula_that_does_not(formula: str) -> None:
    assert not adds_other_rows(formula, HERE)


def test_a_formula_that_cells_share_moves_with_them() -> None:
    assert moved("SUM(B2:B$8)+$C9+LOG10(B1)", 1, 2) == "SUM(D3:D$8)+$C10+LOG10(D2)"


def codes(data: bytes) -> list[list[str]]:
    file = parsed(data)
    return [[f"{e.severity} {e.code}" for e in (*row.errors, *row.warnings)] for row in file.rows]


def parsed(data: bytes) -> ParsedFile:
    sheet = read_file(data, "a.xlsx")
    return run_files.parse(sheet, RUN_COLUMNS.guess(sheet.header))


def with_total(
    formula: str, value: float, *, customer: str = "cus_9", reference: str = "R-9"
) -> bytes:
    def fill(book: xlsxwriter.Workbook) -> None:
        sheet = book.add_worksheet("Run")
        sheet.write_row(0, 0, ("customer", "amount", "currency", "reference"))
        for at, amount in enumerate((11, 12.5, 13), 1):
            sheet.write_row(at, 0, (f"cus_{at}", amount, "eur", f"R-{at}"))
        sheet.write_row(4, 0, (customer, 0, "eur", reference))
        sheet.write_formula(4, 1, formula, None, value)

    return workbook(fill)


def test_it_is_asked_of_though_it_is_no_sum_that_can_be_seen() -> None:
    data = with_total("=SUBTOTAL(9,B2:B4)", 24)
    assert codes(data) == [[], [], [], ["amber amount_is_a_sum"]]
    [question] = parsed(data).warnings
    assert question.message == (
        "24 is added up from other rows by its formula: is this a total? It is SUBTOTAL(9,B2:B4)."
    )


def test_without_a_customer_and_a_reference_it_is_a_total() -> None:
    assert codes(with_total("=SUM(B2:B3)", 23.5, customer="", reference=""))[3] == [
        "red row_is_total"
    ]


def test_a_sum_within_the_row_is_a_charge() -> None:
    assert codes(with_total("=SUM(E5:F5)", 24))[3] == []


def test_a_formula_that_two_cells_share() -> None:
    def cell(place: str, content: str) -> bytes:
        return f'<c r="{place}">{content}</c>'.encode()

    def text(place: str, content: str) -> bytes:
        return f'<c r="{place}" t="inlineStr"><is><t>{content}</t></is></c>'.encode()

    heading = zip(
        "ABCDE", ("customer", "paid before", "amount", "currency", "reference"), strict=True
    )
    rows = [b"".join(text(f"{column}1", name) for column, name in heading)]
    for at in (2, 3):
        rows.append(
            text(f"A{at}", f"cus_{at}")
            + cell(f"B{at}", "<v>0</v>")
            + cell(f"C{at}", f"<v>{at}</v>")
            + text(f"D{at}", "eur")
            + text(f"E{at}", f"R-{at}")
        )
    rows.append(
        text("A4", "cus_4")
        + cell("B4", '<f t="shared" ref="B4:C4" si="0">SUM(B2:B3)</f><v>0</v>')
        + cell("C4", '<f t="shared" si="0"/><v>9</v>')
        + text("D4", "eur")
        + text("E4", "R-4")
    )
    xml = b"".join(b'<row r="%d">%s</row>' % (at, row) for at, row in enumerate(rows, 1))
    assert codes(with_sheet(xml)) == [[], [], ["amber amount_is_a_sum"]]
