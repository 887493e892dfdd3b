"""Workbooks with what no spreadsheet writes today, and what people see all the same."""

from __future__ import annotations

import io
import zipfile
from decimal import Decimal

import pytest

from lib.domain.files import run_files
from lib.domain.files.number_formats import number_format
from lib.domain.files.run_columns import RUN_COLUMNS
from lib.domain.files.run_files import ParsedFile
from lib.domain.files.sheets import CellKind, Sheet
from lib.errors import InvalidInput
from lib.spreadsheets.reading import read_file
from tests.spreadsheets.case_files import sheet_of
from tests.spreadsheets.workbook_files import SHEET, with_parts

BOOK = sheet_of([("a@firm.example", 12, "eur", "R-1"), ("b@firm.example", 13, "eur", "R-2")])


def changed(*changes: tuple[str, str]) -> Sheet:
    """The workbook with other XML in the places of some of its own."""
    with zipfile.ZipFile(io.BytesIO(BOOK)) as book:
        xml = book.read(SHEET).decode()
    for before, after in changes:
        assert before in xml
        xml = xml.replace(before, after, 1)
    return read_file(with_parts(BOOK, {SHEET: xml.encode()}), "a.xlsx")


def parsed(sheet: Sheet) -> ParsedFile:
    return run_files.parse(sheet, RUN_COLUMNS.guess(sheet.header, {}))


def codes(file: ParsedFile) -> list[list[str]]:
    return [[one.code for one in (*row.errors, *row.warnings)] for row in file.rows]


@pytest.mark.parametrize("number", ["1e400", "-1e400", "NaN"])
def test_a_number_that_is_none_is_its_rows_error(number: str) -> None:
    sheet = changed(("<v>12</v>", f"<v>{number}</v>"))
    assert sheet.rows[0].values[1].kind is CellKind.ERROR
    assert codes(parsed(sheet)) == [["damaged_by_spreadsheet"], []]


@pytest.mark.parametrize("error", ["broken", "Err:502", "#ANYTHING?", "#VALUE!", "#SPILL!"])
@pytest.mark.parametrize("formula", ["", "<f>1/0</f>"])
def test_any_word_of_an_error_stops_its_row_alone(error: str, formula: str) -> None:
    cell = f'<c r="D2" t="e">{formula}<v>{error}</v></c><c r="E2" t="e"/>'
    sheet = changed(('<c r="D2" t="s"><v>6</v></c>', cell))
    assert sheet.rows[0].cells[3] == error
    file = parsed(sheet)
    assert codes(file) == [["damaged_by_spreadsheet"], []]
    assert f"“{error}” is a message of the spreadsheet" in file.rows[0].errors[0].message
    assert str(file.rows[1].money) == "€13.00"


def test_rows_are_hidden_where_the_height_of_all_is_nothing() -> None:
    nothing = ('defaultRowHeight="15"', 'defaultRowHeight="0" customHeight="1"')
    assert [row.is_hidden for row in changed(nothing).rows] == [True, True]
    high = ('<row r="3"', '<row r="3" ht="15" customHeight="1"')
    assert [row.is_hidden for row in changed(nothing, high).rows] == [True, False]


def test_a_row_too_low_for_letters_is_hidden() -> None:
    low = ('<row r="3"', '<row r="3" ht="3" customHeight="1"')
    assert [row.is_hidden for row in changed(low).rows] == [False, True]


def test_two_tables_of_cells_in_one_sheet_are_damage() -> None:
    with pytest.raises(InvalidInput) as refused:
        changed(("</sheetData>", "</sheetData><sheetData><row r='9'/></sheetData>"))
    assert refused.value.code == "file_damaged"


def test_columns_are_hidden_where_the_width_of_all_is_nothing() -> None:
    nothing = ('defaultRowHeight="15"', 'defaultRowHeight="15" defaultColWidth="0"')
    assert changed(nothing).origin.hidden_columns == {0, 1, 2, 3}
    wide = ("<sheetData>", '<cols><col min="1" max="2" width="9"/></cols><sheetData>')
    assert changed(nothing, wide).origin.hidden_columns == {2, 3}
    assert changed(wide).origin.hidden_columns == frozenset()


@pytest.mark.parametrize("code", ["0*-", "*-0", "0.00*\u2212", '0"."*\u2013'])
def test_dashes_as_wide_as_the_column_are_asked_as_a_minus(code: str) -> None:
    shown = number_format(code).shown(Decimal(12))
    assert (shown.is_certain, shown.with_comma) == (False, "")
    rows = [("a@firm.example", 12, "eur", "R-1")]
    file = parsed(read_file(sheet_of(rows, formats={(1, 1): code}), "a.xlsx"))
    assert codes(file) == [["amount_format_unknown"]]


@pytest.mark.parametrize("code", ["**0.00", "_-* #,##0.00_-", "0.00*x"])
def test_other_filling_is_no_sign(code: str) -> None:
    rows = [("a@firm.example", 12, "eur", "R-1")]
    file = parsed(read_file(sheet_of(rows, formats={(1, 1): code}), "a.xlsx"))
    assert codes(file) == [[]]
