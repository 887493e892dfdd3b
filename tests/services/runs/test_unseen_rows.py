"""Rows that nobody sees in their spreadsheet, in every way in which a spreadsheet hides them."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
import xlsxwriter

from lib.domain.files.number_styles import DecimalSign
from lib.domain.files.readings import Choices, Hidden, HiddenUnconfirmed
from lib.domain.runs import RowState
from lib.errors import InvalidInput
from tests.beginnings import made_once
from tests.charge_runs import approve, rows_of
from tests.commands import Run, commands_of
from tests.spreadsheets.case_files import HEADER
from tests.spreadsheets.workbook_files import SHEET, with_parts, workbook
from tests.world import ALICE, World

LEAVE_OUT, INCLUDE = Choices(hidden=Hidden.LEAVE_OUT), Choices(hidden=Hidden.INCLUDE)
# Rows 3 and 5 of the sheet are those that are hidden below.
AMOUNTS = ((120, "eur"), (230, "usd"), (340, "eur"), (450, "eur"))
Arrange = Callable[[xlsxwriter.Workbook, xlsxwriter.worksheet.Worksheet], None]


@pytest.fixture
def run(world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    return commands_of(world, capsys, monkeypatch)


@pytest.fixture
@made_once
def payer(world: World) -> str:
    customer = world.customer("Ana", email="ana@orchard.example")
    world.save_card(customer)
    world.services.sync.run(full=True)
    world.services.users.add_practice_users()
    return customer


def filled(sheet: xlsxwriter.worksheet.Worksheet, payer: str, prefix: str = "F") -> None:
    rows = [(payer, amount, code, f"{prefix}-{at}") for at, (amount, code) in enumerate(AMOUNTS)]
    for at, row in enumerate([HEADER, *rows]):
        sheet.write_row(at, 0, row)


def file(payer: str, arrange: Arrange = lambda *_: None, *, attributes: str = "") -> bytes:
    """
    Args:
        attributes: in the XML of rows 3 and 5, which no program of ours writes.
    """

    def fill(book: xlsxwriter.Workbook) -> None:
        sheet = book.add_worksheet("Open items")
        filled(sheet, payer)
        arrange(book, sheet)

    data = workbook(fill)
    if attributes:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            xml = archive.read(SHEET).decode()
        for row in (3, 5):
            xml, found = re.subn(rf'<row r="{row}"', f'<row r="{row}" {attributes}', xml)
            assert found == 1
        data = with_parts(data, {SHEET: xml.encode()})
    return data


def by_hand(_: object, sheet: xlsxwriter.worksheet.Worksheet) -> None:
    for at in (2, 4):
        sheet.set_row(at, None, None, {"hidden": True})


def by_a_filter(_: object, sheet: xlsxwriter.worksheet.Worksheet) -> None:
    sheet.autofilter(0, 0, 4, 3)
    sheet.filter_column(3, "x == F-0 or x == F-2")
    by_hand(None, sheet)


def by_a_collapsed_group(_: object, sheet: xlsxwriter.worksheet.Worksheet) -> None:
    """Two groups, each folded into the row below it."""
    for at in (2, 4):
        sheet.set_row(at, None, None, {"level": 1, "hidden": True})
        sheet.set_row(at + 1, None, None, {"collapsed": True})


def by_groups_in_groups(_: object, sheet: xlsxwriter.worksheet.Worksheet) -> None:
    for at, level in ((2, 1), (4, 3)):
        sheet.set_row(at, None, None, {"level": level, "hidden": True})


def with_a_hidden_sheet(book: xlsxwriter.Workbook, payer: str) -> None:
    old = book.add_worksheet("Last year")
    filled(old, payer, prefix="OLD")
    old.hide()


def rows_and_a_sheet(payer: str) -> Arrange:
    def arrange(book: xlsxwriter.Workbook, sheet: xlsxwriter.worksheet.Worksheet) -> None:
        by_hand(book, sheet)
        with_a_hidden_sheet(book, payer)

    return arrange


WAYS = {
    "by hand": {"arrange": by_hand},
    "by a filter": {"arrange": by_a_filter},
    "by a collapsed group": {"arrange": by_a_collapsed_group},
    "by groups in groups": {"arrange": by_groups_in_groups},
    "by zero height": {"attributes": 'ht="0" customHeight="1"'},
    "by a height of 0.0": {"attributes": 'ht="0.0"'},
    "by a height that shows nothing": {"attributes": 'ht="0.75" customHeight="1"'},
    "by the word true": {"attributes": 'hidden="true"'},
}


@pytest.mark.parametrize("way", WAYS)
class TestEveryWay:
    def test_is_said_with_its_sums_and_nothing_is_green_before(
        self, world: World, payer: str, way: str
    ) -> None:
        files = world.services.runs.files
        upload = files.open(file(payer, **WAYS[way]), "a.xlsx")  # type: ignore[arg-type]
        parsed = upload.parsed()
        assert (parsed.valid, parsed.totals) == (0, {})
        assert "2 rows hidden (rows 3, 5) with $230.00, €450.00" in parsed.hidden_question
        with pytest.raises(InvalidInput) as refused:
            files.create_run(upload, name="Case", by=ALICE)
        assert refused.value.code == "hidden_unconfirmed"

    def test_left_out_it_is_not_charged(self, world: World, payer: str, way: str) -> None:
        runs = world.services.runs
        upload = runs.files.open(file(payer, **WAYS[way]), "a.xlsx")  # type: ignore[arg-type]
        run = runs.files.create_run(upload, name="Case", by=ALICE, choices=LEAVE_OUT)
        approve(world, runs.approvals.submit(run.id, by=ALICE))
        runs.control.start(run.id, by=ALICE)
        assert runs.executor.execute(run.id)
        assert sorted(world.moved()) == [(12_000, "eur"), (34_000, "eur")]

    def test_included_each_row_says_it(self, world: World, payer: str, way: str) -> None:
        files = world.services.runs.files
        upload = files.open(file(payer, **WAYS[way]), "a.xlsx")  # type: ignore[arg-type]
        run = files.create_run(upload, name="Case", by=ALICE, choices=INCLUDE)
        found = {row.number: [one.code for one in row.findings] for row in rows_of(world, run.id)}
        assert {number for number, codes in found.items() if "row_hidden" in codes} == {3, 5}


def test_the_certificate_names_what_is_not_in_the_run(world: World, payer: str) -> None:
    runs = world.services.runs
    upload = runs.files.open(file(payer, by_hand), "a.xlsx")
    run = runs.files.create_run(upload, name="Case", by=ALICE, choices=LEAVE_OUT)
    approve(world, runs.approvals.submit(run.id, by=ALICE))
    runs.control.start(run.id, by=ALICE)
    assert runs.executor.execute(run.id)
    page = runs.papers.printed(runs.certificates.certify(run.id, by=ALICE)).decode()
    assert "counted nowhere: 2 rows hidden (rows 3, 5) with $230.00, €450.00." in page


def test_a_group_that_is_open_hides_nothing(world: World, payer: str) -> None:
    def open_group(_: object, sheet: xlsxwriter.worksheet.Worksheet) -> None:
        for at in (2, 4):
            sheet.set_row(at, None, None, {"level": 1})

    upload = world.services.runs.files.open(file(payer, open_group), "a.xlsx")
    assert upload.parsed().hidden_question == ""
    run = world.services.runs.files.create_run(upload, name="Case", by=ALICE)
    assert [row.state for row in rows_of(world, run.id)] == [RowState.PLANNED] * 4


class TestHiddenSheets:
    @pytest.fixture(params=["hide", "very_hidden"])
    def data(self, request: pytest.FixtureRequest, payer: str) -> bytes:
        def arrange(book: xlsxwriter.Workbook, _: object) -> None:
            old = book.add_worksheet("Last year")
            filled(old, payer, prefix="OLD")
            getattr(old, request.param)()

        return file(payer, arrange)

    def test_are_said_with_their_sums_and_nothing_is_green_before(
        self, world: World, data: bytes
    ) -> None:
        files = world.services.runs.files
        upload = files.open(data, "a.xlsx")
        question = upload.parsed().hidden_question
        assert "4 rows (the hidden sheet “Last year”) with €910.00, $230.00" in question
        assert "--hidden leave-out" in question
        assert "--hidden include" not in question, "which would be refused"
        with pytest.raises(InvalidInput) as refused:
            files.create_run(upload, name="Case", by=ALICE)
        assert refused.value.code == "hidden_unconfirmed"

    def test_are_never_charged(self, world: World, data: bytes) -> None:
        files = world.services.runs.files
        upload = files.open(data, "a.xlsx")
        with pytest.raises(InvalidInput, match="Rows of a hidden sheet cannot be included"):
            files.create_run(upload, name="Case", by=ALICE, choices=INCLUDE)
        run = files.create_run(upload, name="Case", by=ALICE, choices=LEAVE_OUT)
        assert [row.reference for row in rows_of(world, run.id)] == ["F-0", "F-1", "F-2", "F-3"]
        assert run.reading is not None
        assert "the hidden sheet “Last year”" in run.reading["words"]

    @pytest.mark.parametrize(
        ("choices", "became", "references"),
        [
            (INCLUDE, "included", ["F-0", "F-1", "F-2", "F-3"]),
            (LEAVE_OUT, "left out", ["F-0", "F-2"]),
        ],
    )
    def test_beside_hidden_rows_the_choice_is_about_the_rows(
        self, world: World, payer: str, choices: Choices, became: str, references: list[str]
    ) -> None:
        files = world.services.runs.files
        upload = files.open(file(payer, rows_and_a_sheet(payer)), "a.xlsx")
        question = upload.parsed().hidden_question
        for said in (
            "2 rows hidden (rows 3, 5) with $230.00, €450.00",
            "4 rows (the hidden sheet “Last year”) with €910.00, $230.00",
            "--hidden include or --hidden leave-out",
            "Rows of a hidden sheet are left out either way.",
        ):
            assert said in question
        run = files.create_run(upload, name="Case", by=ALICE, choices=choices)
        assert [row.reference for row in rows_of(world, run.id)] == references
        assert run.reading is not None
        assert f"with $230.00, €450.00: {became};" in run.reading["words"]
        assert "“Last year”) with €910.00, $230.00: left out" in run.reading["words"]

    def test_a_hidden_column_can_be_included_beside_one(self, world: World, payer: str) -> None:
        def arrange(book: xlsxwriter.Workbook, sheet: xlsxwriter.worksheet.Worksheet) -> None:
            sheet.set_column(3, 3, None, None, {"hidden": True})
            with_a_hidden_sheet(book, payer)

        files = world.services.runs.files
        upload = files.open(file(payer, arrange), "a.xlsx")
        for choices in (None, LEAVE_OUT):
            with pytest.raises(HiddenUnconfirmed, match="include what is hidden") as refused:
                files.create_run(upload, name="Case", by=ALICE, choices=choices)
            assert refused.value.choices == ("include",)
            assert "--hidden leave-out" not in str(refused.value), "which would be refused"
        run = files.create_run(upload, name="Case", by=ALICE, choices=INCLUDE)
        assert [row.reference for row in rows_of(world, run.id)] == ["F-0", "F-1", "F-2", "F-3"]

    def test_a_hidden_list_of_something_else_asks_nothing(self, world: World, payer: str) -> None:
        def arrange(book: xlsxwriter.Workbook, _: object) -> None:
            lists = book.add_worksheet("Lists")
            lists.write_column(0, 0, ["country", "DE", "FR"])
            lists.hide()

        upload = world.services.runs.files.open(file(payer, arrange), "a.xlsx")
        assert upload.parsed().hidden_question == ""


class TestWhileTheNumberStyleIsOpen:
    """Sums that are written as text can mean two things; both are told until a person has said which."""

    @staticmethod
    def data(payer: str, *texts: str) -> bytes:
        def fill(book: xlsxwriter.Workbook) -> None:
            sheet = book.add_worksheet("Open items")
            rows = [(payer, text, "usd", f"F-{at}") for at, text in enumerate(texts)]
            for at, row in enumerate([HEADER, *rows]):
                sheet.write_row(at, 0, row)
            for at in (2, 4):
                sheet.set_row(at, None, None, {"hidden": True})

        return workbook(fill)

    def said(self, world: World, data: bytes, choices: Choices | None = None) -> dict[str, object]:
        upload = world.services.runs.files.open(data, "a.xlsx")
        parsed = upload.parsed(choices=choices)
        [unseen] = parsed.reading.as_json()["unseen"]
        return unseen | {"words": parsed.hidden_question or parsed.reading.in_words()}

    def test_both_sums_are_told(self, world: World, payer: str) -> None:
        found = self.said(world, self.data(payer, "1,234", "1,234", "1,234", "2,5"))
        assert (found["totals"], found["unread"]) == ({}, 1)
        assert found["either"] == {"dot": {"usd": 123_400}, "comma": {"usd": 250}}
        sums = "with $1,234.00 (decimal dot) or $2.50 (decimal comma), 1 without an amount that can be read"
        assert sums in str(found["words"])

    def test_the_sum_is_told_once_it_is_said(self, world: World, payer: str) -> None:
        data = self.data(payer, "1,234", "6,25", "1,234", "2,5")
        found = self.said(world, data, Choices(decimal=DecimalSign.COMMA))
        assert (found["totals"], found["either"], found["unread"]) == ({"usd": 875}, {}, 0)
        assert "(rows 3, 5) with $8.75." in str(found["words"])

    def test_what_no_sign_can_read_is_counted(self, world: World, payer: str) -> None:
        found = self.said(world, self.data(payer, "5.00", "x", "6.00", "7.00"))
        assert (found["totals"], found["either"], found["unread"]) == ({"usd": 700}, {}, 1)
        assert "with $7.00, 1 without an amount that can be read" in str(found["words"])

    def test_the_command_line_tells_both(
        self, world: World, payer: str, tmp_path: Path, run: Run
    ) -> None:
        path = tmp_path / "a.xlsx"
        path.write_bytes(self.data(payer, "1,234", "1,234", "1,234", "2,50"))
        output = run("--as", "alice", "--json", "runs", "import", str(path))
        assert "(decimal dot) or $2.50 (decimal comma)" in output.error["message"]
