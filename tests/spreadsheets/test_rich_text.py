"""A text that a spreadsheet writes in several ways: what is struck out or raised in it is asked about."""

from __future__ import annotations

import pytest
import xlsxwriter

from lib.domain.files import link_files, run_files
from lib.domain.files.run_columns import RUN_COLUMNS
from lib.domain.files.unseen_rows import why_unseen
from lib.spreadsheets.reading import read_file
from tests.spreadsheets.workbook_files import HEAD, SHEET, TAIL, one_sheet, with_parts, workbook

HEADER = ("customer", "amount", "currency", "reference")
PAYER = "a@firma.example"
STRUCK = "<rPr><strike/></rPr>"
RAISED = '<rPr><vertAlign val="superscript"/></rPr>'


def findings(data: bytes) -> list[tuple[str, str]]:
    """Of the one row: severities with codes, and what is said."""
    sheet = read_file(data, "a.xlsx")
    parsed = run_files.parse(sheet, RUN_COLUMNS.guess(sheet.header))
    (row,) = parsed.rows
    return [(f"{one.severity} {one.code}", one.message) for one in (*row.errors, *row.warnings)]


def codes(data: bytes) -> list[str]:
    return [code for code, _ in findings(data)]


def shared(*pieces: object) -> bytes:
    """The reference is one of the workbook's shared texts."""

    def fill(book: xlsxwriter.Workbook) -> None:
        looks = {
            "strike": book.add_format({"font_strikeout": True}),
            "raise": book.add_format({"font_script": 1}),
            "bold": book.add_format({"bold": True}),
        }
        sheet = book.add_worksheet("Run")
        sheet.write_row(0, 0, HEADER)
        sheet.write_row(1, 0, (PAYER, 80, "eur"))
        sheet.write_rich_string(1, 3, *(looks.get(str(piece), piece) for piece in pieces))

    return workbook(fill)


def inline(runs: str, *, prefix: str = "") -> bytes:
    """The reference stands in its cell, as many programs write it."""
    rows = [
        f'<row r="{at}">{"".join(map(cell, places, texts))}</row>'
        for at, (places, texts) in enumerate(
            [
                (("A1", "B1", "C1", "D1"), [f"<t>{name}</t>" for name in HEADER]),
                (("A2", "B2", "C2", "D2"), [f"<t>{PAYER}</t>", "<t>80</t>", "<t>eur</t>", runs]),
            ],
            1,
        )
    ]
    whole = HEAD.decode() + "".join(rows) + TAIL.decode()
    if prefix:
        space = whole.partition('xmlns="')[2].partition('"')[0]
        whole = whole.replace("xmlns=", f'xmlns:{prefix}="{space}" xmlns=', 1)
        whole = whole.replace("<r>", f"<{prefix}:r>").replace("</r>", f"</{prefix}:r>")
    return with_parts(one_sheet(("x",)), {SHEET: whole.encode()})


def cell(place: str, text: str) -> str:
    return f'<c r="{place}" t="inlineStr"><is>{text}</is></c>'


def run(text: str, look: str = "") -> str:
    return f'<r>{look}<t xml:space="preserve">{text}</t></r>'


@pytest.mark.parametrize(
    "data",
    [
        shared("strike", "INV-1", " INV-9"),
        shared("strike", "INV-1", "bold", " INV-9"),
        inline(run("INV-1", STRUCK) + run(" INV-9")),
        inline(run("INV-1", '<rPr><b/><strike val="1"/></rPr>') + run(" INV-9", "<rPr><b/></rPr>")),
        inline(run("INV-1", STRUCK) + run(" INV-9"), prefix="x"),
    ],
)
def test_a_reference_that_is_partly_struck_out_is_asked(data: bytes) -> None:
    ((code, said),) = findings(data)
    assert code == "amber cell_partly_struck"
    assert said == (
        "“INV-1” is struck out in the spreadsheet; the cell is read whole, as “INV-1 INV-9”. Without it, it "
        "says “INV-9”: which one is meant?"
    )


@pytest.mark.parametrize(
    "data",
    [
        shared("strike", "INV", "strike", "-1"),
        shared("strike", "INV-1", " "),
        inline(run("INV-1", STRUCK)),
        inline(run("INV", STRUCK) + run(" ") + run("-1", STRUCK)),
    ],
)
def test_one_that_is_struck_out_whole_is_a_row_struck_out(data: bytes) -> None:
    assert codes(data) == ["red hidden_unconfirmed", "amber row_struck_out"]


@pytest.mark.parametrize(
    ("data", "part", "rest"),
    [
        (shared("INV-1", "raise", "2"), "2", "INV-1"),
        (inline(run("INV-1") + run("2", RAISED)), "2", "INV-1"),
        (inline(run("1", '<rPr><vertAlign val="subscript"/></rPr>') + run("INV-1")), "1", "INV-1"),
    ],
)
def test_a_raised_number_may_be_that_of_a_note(data: bytes, part: str, rest: str) -> None:
    ((code, said),) = findings(data)
    assert code == "amber cell_partly_raised"
    assert f"“{part}”" in said
    assert f"says “{rest}”" in said


@pytest.mark.parametrize(
    "data",
    [
        shared("bold", "INV-1", " and 2"),
        inline(run("INV-1", '<rPr><strike val="0"/></rPr>') + run("2")),
        inline(run("INV-1", RAISED)),
        inline(run("INV-1", '<rPr><vertAlign val="baseline"/></rPr>') + run("2")),
        # How the letters are spoken is no part of the text.
        inline(f'<t>INV-1</t><rPh sb="0" eb="1">{run("x", STRUCK)}</rPh>'),
    ],
)
def test_other_looks_say_nothing(data: bytes) -> None:
    assert codes(data) == []


def test_the_same_text_in_another_cell_is_not_struck_out() -> None:
    def fill(book: xlsxwriter.Workbook) -> None:
        sheet = book.add_worksheet("Run")
        struck = book.add_format({"font_strikeout": True})
        sheet.write_row(0, 0, (*HEADER, "note"))
        sheet.write_row(1, 0, (PAYER, 80, "eur", "INV-1"))
        sheet.write_rich_string(1, 4, struck, "INV", struck, "-1")

    assert codes(workbook(fill)) == []


def test_a_list_for_links_asks_too() -> None:
    data = inline(run("INV-1", STRUCK) + run(" INV-9"))
    sheet = read_file(data, "a.xlsx")
    columns = {"email": 0, "reference": 3}
    (row,) = link_files.parse(sheet, columns).rows
    assert [one.code for one in row.findings] == ["cell_partly_struck"]
    struck = read_file(inline(run("INV-1", STRUCK)), "a.xlsx").rows[0]
    assert why_unseen(struck, columns, link_files.LINK_COLUMNS) == "struck_out"
