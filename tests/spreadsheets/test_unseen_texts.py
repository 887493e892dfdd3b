"""Texts that are in a workbook and that nobody sees there: letters in the colour of their ground, formats that hide."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import xlsxwriter

from lib.domain.files import run_files
from lib.domain.files.readings import Choices, Hidden
from lib.domain.files.run_columns import RUN_COLUMNS
from lib.domain.files.run_files import ParsedFile
from lib.spreadsheets.colours import USUAL, WHITE, colour, is_seen
from lib.spreadsheets.reading import read_file
from tests.spreadsheets.workbook_files import SHEET, with_parts, workbook

HEADER = ("customer", "amount", "currency", "reference")
ROW = ("a@firma.example", 80, "eur", "INV-1")
Look = Mapping[str, object]


def parsed(data: bytes) -> ParsedFile:
    sheet = read_file(data, "a.xlsx")
    return run_files.parse(sheet, RUN_COLUMNS.guess(sheet.header))


def codes(data: bytes, row: int = 0) -> list[str]:
    one = parsed(data).rows[row]
    return [f"{error.severity} {error.code}" for error in (*one.errors, *one.warnings)]


def with_reference(look: Look) -> bytes:
    def fill(book: xlsxwriter.Workbook) -> None:
        sheet = book.add_worksheet("Run")
        sheet.write_row(0, 0, HEADER)
        sheet.write_row(1, 0, ROW[:3])
        sheet.write(1, 3, ROW[3], book.add_format(dict(look)))

    return workbook(fill)


@pytest.mark.parametrize(
    "look",
    [
        {"font_color": "#FFFFFF"},
        {"font_color": "#FCFCFC"},
        {"font_color": "#FFFFFF", "bg_color": "#FFFFFF"},
        {"font_color": "#203764", "bg_color": "#203764"},
    ],
)
def test_letters_in_the_colour_of_their_ground_are_asked(look: Look) -> None:
    assert codes(with_reference(look)) == ["amber cell_unseen"]


@pytest.mark.parametrize(
    "look",
    [
        {"font_color": "#FFFFFF", "bg_color": "#203764"},
        {"font_color": "#DDDDDD"},
        {"font_color": "#203764"},
        {"bg_color": "#000000"},
    ],
)
def test_other_colours_say_nothing(look: Look) -> None:
    assert codes(with_reference(look)) == []


def test_a_heading_in_white_on_blue_says_nothing() -> None:
    def fill(book: xlsxwriter.Workbook) -> None:
        sheet = book.add_worksheet("Run")
        sheet.write_row(0, 0, HEADER, book.add_format({"font_color": "white", "bg_color": "navy"}))
        sheet.write_row(1, 0, ROW)

    assert codes(workbook(fill)) == []


def test_a_row_of_which_nothing_is_seen_is_hidden() -> None:
    def fill(book: xlsxwriter.Workbook) -> None:
        sheet = book.add_worksheet("Run")
        sheet.write_row(0, 0, HEADER)
        sheet.write_row(1, 0, ROW)
        sheet.write_row(2, 0, (*ROW[:3], "INV-2"), book.add_format({"font_color": "white"}))

    data = workbook(fill)
    assert codes(data, 1)[:2] == ["red hidden_unconfirmed", "amber cell_unseen"]
    assert codes(data, 1)[-1] == "amber row_hidden"
    assert "1 row hidden (row 3) with €80.00" in parsed(data).hidden_question


def test_a_white_number_format() -> None:
    assert codes(with_reference({"num_format": "[White]General;[White]@"})) == ["amber cell_unseen"]


def test_a_part_in_white() -> None:
    def fill(book: xlsxwriter.Workbook) -> None:
        sheet = book.add_worksheet("Run")
        sheet.write_row(0, 0, HEADER)
        sheet.write_row(1, 0, ROW[:3])
        sheet.write_rich_string(1, 3, "INV-1", book.add_format({"font_color": "white"}), "-B")

    (error,) = parsed(workbook(fill)).rows[0].warnings
    assert error.code == "cell_partly_unseen"
    assert "“-B”" in error.message
    assert "says “INV-1”" in error.message


def test_a_rule_that_may_hide_a_text() -> None:
    def with_rule(look: Look, area: str = "D2:D9") -> bytes:
        def fill(book: xlsxwriter.Workbook) -> None:
            sheet = book.add_worksheet("Run")
            sheet.write_row(0, 0, HEADER)
            sheet.write_row(1, 0, ROW)
            rule = {"type": "formula", "criteria": "=$B2>0", "format": book.add_format(dict(look))}
            sheet.conditional_format(area, rule)

        return workbook(fill)

    assert codes(with_rule({"font_color": "#FFFFFF"})) == ["amber cell_perhaps_unseen"]
    assert codes(with_rule({"num_format": ";;;"})) == ["amber cell_perhaps_unseen"]
    assert codes(with_rule({"font_color": "#FFFFFF", "bg_color": "#C00000"})) == []
    assert codes(with_rule({"font_color": "#C00000", "num_format": "0.00"})) == []
    assert codes(with_rule({"font_color": "#FFFFFF"}, "F2:F9")) == []


@pytest.mark.parametrize(
    ("look", "found"),
    [
        ('<font><color rgb="FFFFFFFF"/></font>', ["amber cell_perhaps_unseen"]),
        ('<font><b/></font><border><left><color rgb="FFFFFFFF"/></left></border>', []),
        (
            '<font><color theme="0"/></font><fill><patternFill><bgColor rgb="FF203764"/></patternFill></fill>',
            [],
        ),
    ],
)
def test_a_rule_in_an_extension(look: str, found: list[str]) -> None:
    data = with_reference({})
    sheet = SHEET_XML.replace("LOOK", look)
    assert codes(with_parts(data, {SHEET: sheet.encode()})) == found


SHEET_XML = (
    '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
    + "".join(
        f'<row r="{at}">'
        + "".join(
            f'<c r="{column}{at}" t="inlineStr"><is><t>{text}</t></is></c>'
            for column, text in zip("ABCD", texts, strict=True)
        )
        + "</row>"
        for at, texts in ((1, HEADER), (2, ROW))
    )
    + '</sheetData><extLst><ext xmlns:x14="http://schemas.microsoft.com/office/spreadsheetml/2009/9/main">'
    '<x14:conditionalFormatting xmlns:xm="http://schemas.microsoft.com/office/excel/2006/main">'
    '<x14:cfRule type="expression" priority="1" id="{1}"><x14:dxf>LOOK</x14:dxf></x14:cfRule><xm:sqref>D2</xm:sqref>'
    "</x14:conditionalFormatting></ext></extLst></worksheet>"
)


def test_a_cell_whose_format_shows_nothing_is_empty_and_said() -> None:
    def fill(book: xlsxwriter.Workbook) -> None:
        sheet = book.add_worksheet("Run")
        blank = book.add_format({"num_format": ";;;"})
        sheet.write_row(0, 0, HEADER)
        sheet.write_row(1, 0, ROW)
        sheet.write(1, 3, "INV-1", blank)
        sheet.write(1, 4, "x", blank)

    one = parsed(workbook(fill))
    assert [error.code for error in one.errors] == ["reference_missing"]
    (note,) = one.notes
    assert note.message == (
        "Cell D2 holds something, and its number format shows nothing of it, so it is read as empty (2 cells are like this)."
    )


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"rgb": "FFFFFFFF"}, WHITE),
        ({"rgb": "FFFFFF"}, WHITE),
        ({"indexed": "9"}, WHITE),
        ({"theme": "0"}, WHITE),
        ({"theme": "0", "tint": "-0.34998626667073579"}, "theme 0 -0.34998626667073579"),
        ({"theme": "1"}, "theme 1 0"),
        ({"rgb": "ff203764"}, "203764"),
        ({"rgb": "zzzzzz"}, "ZZZZZZ"),
        ({"auto": "1"}, USUAL),
    ],
)
def test_colours(attributes: Mapping[str, str], expected: str) -> None:
    assert colour(attributes) == expected


def test_what_has_no_colour_of_its_own_is_seen() -> None:
    assert is_seen(USUAL, "000000")
    assert is_seen(WHITE, "000000")
    assert not is_seen(WHITE, USUAL)
    assert not is_seen("000000", "000000")


@pytest.mark.parametrize(
    ("area", "findings"),
    [
        ("A2:A3", [[], ["amber cell_covered"]]),
        ("C2:D2", [["amber cell_covered"], []]),
        ("A3:D3", [[], ["amber cell_covered"] * 3]),
        ("F2:F3", [[], []]),
    ],
)
def test_what_lies_under_merged_cells_is_asked(area: str, findings: list[list[str]]) -> None:
    """Excel empties such cells; a program that merges them may not."""
    sheet = SHEET_XML.partition("<extLst>")[0]
    third = "".join(
        f'<c r="{column}3" t="inlineStr"><is><t>{text}</t></is></c>'
        for column, text in zip("ABCD", (*ROW[:3], "INV-2"), strict=True)
    )
    sheet = sheet.replace("</sheetData>", f'<row r="3">{third}</row></sheetData>')
    sheet += f'<mergeCells count="1"><mergeCell ref="{area}"/></mergeCells></worksheet>'
    data = with_parts(with_reference({}), {SHEET: sheet.encode()})
    assert [codes(data, 0), codes(data, 1)] == findings


def test_empty_cells_under_merged_ones_say_nothing() -> None:
    def fill(book: xlsxwriter.Workbook) -> None:
        sheet = book.add_worksheet("Run")
        sheet.write_row(0, 0, (*HEADER, "note"))
        sheet.write_row(1, 0, ROW)
        sheet.merge_range(1, 4, 1, 6, "a long note")

    assert codes(workbook(fill)) == []


def with_row(look: Look, row: tuple[object, ...] = ("b@firma.example", 12.5, "eur", 7)) -> bytes:
    """Whose second row looks so."""

    def fill(book: xlsxwriter.Workbook) -> None:
        sheet = book.add_worksheet("Run")
        sheet.write_row(0, 0, HEADER)
        sheet.write_row(1, 0, ROW)
        sheet.write_row(2, 0, row, book.add_format(dict(look)))

    return workbook(fill)


@pytest.mark.parametrize("look", [{"num_format": ";;;"}, {"font_size": 1}, {"font_color": "white"}])
def test_a_row_that_nobody_sees_is_hidden_with_its_sum(look: Look) -> None:
    file = parsed(with_row(look))
    [unseen] = file.reading.unseen
    assert (unseen.why, unseen.rows, unseen.totals) == ("hidden", (3,), {"eur": 1250})
    assert "1 row hidden (row 3) with €12.50" in file.hidden_question
    assert [note.code for note in file.notes] == []


def test_a_hidden_row_that_is_included_is_read_as_it_is_without_its_format() -> None:
    sheet = read_file(with_row({"num_format": ";;;"}), "a.xlsx")
    choices = Choices(hidden=Hidden.INCLUDE)
    row = run_files.parse(sheet, RUN_COLUMNS.guess(sheet.header), choices=choices).rows[1]
    assert (row.customer, str(row.money), row.reference) == ("b@firma.example", "€12.50", "7")
    assert {error.code for error in row.warnings} == {"cell_unseen", "row_hidden"}


def test_rows_of_zeros_that_a_format_hides_are_empty() -> None:
    file = parsed(with_row({"num_format": "0;;;"}, (0, 0, 0, 0)))
    assert (len(file.rows), file.hidden_question) == (1, "")


def test_a_sheet_that_shows_no_zeros_shows_no_reference_of_zero() -> None:
    def fill(book: xlsxwriter.Workbook) -> None:
        sheet = book.add_worksheet("Run")
        sheet.hide_zero()
        sheet.write_row(0, 0, HEADER)
        sheet.write_row(1, 0, (*ROW[:3], 0))

    assert codes(workbook(fill)) == ["red reference_missing"]
