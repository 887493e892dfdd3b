"""What a cell shows and what it holds, in files that looked harmless: from the file to the money."""

from __future__ import annotations

import io
import zipfile

import pytest
import xlsxwriter

from lib.domain.runs import RowState, RunRow
from tests.beginnings import made_once
from tests.charge_runs import approve, rows_of
from tests.spreadsheets.case_files import HEADER, csv_of, sheet_of
from tests.spreadsheets.workbook_files import SHEET, with_parts, workbook
from tests.world import ALICE, World

ADDRESS = "dora@lighthouse.example"


@pytest.fixture
@made_once
def payer(world: World) -> str:
    world.save_card(world.customer("Dora", email=ADDRESS))
    world.services.sync.run(full=True)
    world.services.users.add_practice_users()
    return ADDRESS


def row_of(world: World, data: bytes, name: str) -> RunRow:
    files = world.services.runs.files
    run = files.create_run(files.open(data, name), name="Case", by=ALICE)
    (row,) = rows_of(world, run.id)
    return row


def charged(world: World, data: bytes, name: str) -> None:
    runs = world.services.runs
    run = runs.files.create_run(runs.files.open(data, name), name="Case", by=ALICE)
    approve(world, runs.approvals.submit(run.id, by=ALICE))
    runs.control.start(run.id, by=ALICE)
    assert runs.executor.execute(run.id)


class TestAmountsUnderAFormat:
    @pytest.mark.parametrize(
        ("code", "finding"),
        [
            # Shown in thousands: 0.35 and 0.4.
            ("0.00,", "amount_shown_otherwise"),
            ('0.0,"k"', "amount_shown_otherwise"),
            ('#,##0.0,,"M"', "amount_shown_otherwise"),
            # Not a number's places as Onfile knows them.
            ("0.,0", "amount_format_unknown"),
            # “350 k” is a sum of its own to whoever reads it.
            ('0" k"', "amount_with_words"),
            ('0.00" pcs"', "amount_with_words"),
        ],
    )
    def test_a_sum_that_is_not_the_number_is_never_green(
        self, world: World, payer: str, code: str, finding: str
    ) -> None:
        file = sheet_of([(payer, 350, "eur", "K-1")], formats={(1, 1): code})
        assert [one.code for one in row_of(world, file, "a.xlsx").findings] == [finding]

    @pytest.mark.parametrize(
        ("code", "currency"),
        [
            (r"_-* #,##0.00\ _€_-;-* #,##0.00\ _€_-", "eur"),
            ("[$€-407] #,##0.00", "eur"),
            ('[>1000]0.0,"k";0', "eur"),
            ('#,##0.00" zł"', "pln"),
            ('#,##0.00"р."', "rub"),
            ('"R "#,##0.00', "zar"),
        ],
    )
    def test_one_that_is_is_charged(
        self, world: World, payer: str, code: str, currency: str
    ) -> None:
        file = sheet_of([(payer, 350, currency, "K-1")], formats={(1, 1): code})
        row = row_of(world, file, "a.xlsx")
        assert (row.amount, row.state, row.findings) == (35_000, RowState.PLANNED, ())


@pytest.mark.parametrize("text", ["12½", "12 ½", "12²", "①2", "12 Ⅷ"])
def test_a_letter_that_is_a_number_is_part_of_the_sum(world: World, payer: str, text: str) -> None:
    row = row_of(world, csv_of([(payer, text, "eur", "K-1")]), "a.csv")
    assert (row.amount, row.state) == (None, RowState.BLOCKED)
    assert [one.code for one in row.findings] == ["amount_invalid"]


class TestDatesInText:
    @pytest.mark.parametrize(
        "shown",
        [
            *("24-Nov", "3-Mar", "Nov-24", "24. Nov", "24.11.", "5. Okt", "Mrz 26"),
            # As programs write one that read it from a workbook.
            *(
                "2026-11-24 00:00:00",
                "2026-11-24T00:00",
                "24.11.2026 00:00",
                "11/24/2026 12:00:00 AM",
            ),
            *("2026-11-24T00:00:00.000Z", "2026-11-24T00:00:00+01:00"),
        ],
    )
    def test_a_file_saved_as_text_after_the_spreadsheet_made_a_date(
        self, world: World, payer: str, shown: str
    ) -> None:
        """The invoice 11-24 was paid; the file that names it again was opened in a spreadsheet."""
        charged(world, csv_of([(payer, "120.00", "eur", "11-24")]), "first.csv")
        row = row_of(world, csv_of([(payer, "120.00", "eur", shown)]), "again.csv")
        assert "reference_like_date" in [one.code for one in row.findings]
        assert world.moved() == [(12_000, "eur")]

    @pytest.mark.parametrize(
        "reference",
        ["Nov-2200", "24-Nova", "1-A", "May", "MAR-123", "3-M", "2026-11-24-7", "2026-11-24 7"],
    )
    def test_what_only_sounds_like_it(self, world: World, payer: str, reference: str) -> None:
        row = row_of(world, csv_of([(payer, "120.00", "eur", reference)]), "a.csv")
        assert (row.reference, row.findings) == (reference, ())

    def test_a_workbook_tells_text_from_dates(self, world: World, payer: str) -> None:
        row = row_of(world, sheet_of([(payer, 120, "eur", "24-Nov")]), "a.xlsx")
        assert (row.reference, row.findings) == ("24-Nov", ())


class TestLettersThatAProgramLost:
    @pytest.mark.parametrize("shown", ["??-1", "Faktura-?????-17", "FV/?/3"])
    def test_a_question_mark_in_their_place_is_asked(
        self, world: World, payer: str, shown: str
    ) -> None:
        row = row_of(world, csv_of([(payer, "120.00", "eur", shown)]), "a.csv")
        assert [one.code for one in row.findings] == ["letters_perhaps_lost"]

    def test_a_workbook_loses_none(self, world: World, payer: str) -> None:
        assert row_of(world, sheet_of([(payer, 120, "eur", "R?1")]), "a.xlsx").findings == ()


class TestRulesOfTheSpreadsheet:
    """Conditional formatting: whether a rule applies, only the spreadsheet knows."""

    @pytest.mark.parametrize(
        ("area", "looks", "codes"),
        [
            ("D2:D3", {"num_format": '"INV-"0'}, ["reference_format_unknown"]),
            ("B1:B1048576", {"num_format": "[$$-409]0.00"}, ["amount_format_unknown"]),
            ("A1:D2", {"font_strikeout": True}, ["row_perhaps_struck_out"]),
            (
                "A1:C2",
                {"num_format": '0" or so"', "font_strikeout": True},
                ["amount_format_unknown", "row_perhaps_struck_out"],
            ),
            ("A1:D2", {"bold": True, "bg_color": "#FFC7CE"}, []),
            ("F1:G2 B4", {"font_strikeout": True, "num_format": '"INV-"0'}, []),
        ],
    )
    def test_what_one_may_show_otherwise_is_never_green(
        self, world: World, payer: str, area: str, looks: dict[str, object], codes: list[str]
    ) -> None:
        def fill(book: xlsxwriter.Workbook) -> None:
            sheet = book.add_worksheet("Open items")
            sheet.write_row(0, 0, HEADER)
            sheet.write_row(1, 0, (payer, 120, "eur", 2200))
            first, *others = area.split()
            sheet.conditional_format(
                first,
                {
                    "type": "formula",
                    "criteria": "=$B2>0",
                    "format": book.add_format(looks),
                    **({"multi_range": area} if others else {}),
                },
            )

        assert [one.code for one in row_of(world, workbook(fill), "a.xlsx").findings] == codes

    @pytest.mark.parametrize(
        ("look", "cells", "codes"),
        [
            (
                '<numFmt numFmtId="165" formatCode="&quot;INV-&quot;0"/>',
                "D2:D3",
                ["reference_format_unknown"],
            ),
            (
                '<numFmt numFmtId="165" formatCode="[$$-409]0.00"/>',
                "B1:B9 C7",
                ["amount_format_unknown"],
            ),
            ("<font><strike/></font>", "F1 A1:D2", ["row_perhaps_struck_out"]),
            ('<font><strike val="0"/><b/></font>', "A1:D2", []),
            ("<font><strike/></font>", "A7:D9", []),
        ],
    )
    def test_one_that_looks_at_another_sheet_is_read_too(
        self, world: World, payer: str, look: str, cells: str, codes: list[str]
    ) -> None:
        """Excel keeps it in an extension, with what it does inside and its cells behind it."""
        data = sheet_of([(payer, 120, "eur", 2200)])
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            xml = archive.read(SHEET)
        rule = (
            '<extLst><ext xmlns:x14="http://schemas.microsoft.com/office/spreadsheetml/2009/9/main" '
            'uri="{78C0D931-6437-407d-A8EE-F0AAD7539E65}"><x14:conditionalFormattings>'
            '<x14:conditionalFormatting xmlns:xm="http://schemas.microsoft.com/office/excel/2006/main">'
            '<x14:cfRule type="expression" priority="1" id="{1}"><xm:f>Rules!$A$1=1</xm:f>'
            f"<x14:dxf>{look}</x14:dxf></x14:cfRule><xm:sqref>{cells}</xm:sqref>"
            "</x14:conditionalFormatting></x14:conditionalFormattings></ext>"
            '<ext uri="{CCE6A557-97BC-4b89-ADB6-D9C93CAAB3DF}"><x14:dataValidations count="1">'
            "<x14:dataValidation><x14:formula1><xm:f>Rules!$A$1</xm:f></x14:formula1>"
            "<xm:sqref>A1:D9</xm:sqref></x14:dataValidation></x14:dataValidations></ext></extLst></worksheet>"
        )
        data = with_parts(data, {SHEET: xml.replace(b"</worksheet>", rule.encode())})
        assert [one.code for one in row_of(world, data, "a.xlsx").findings] == codes
