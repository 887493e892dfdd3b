"""CSV and XLSX files that are written: read back alike, no formula, fast."""

from __future__ import annotations

import csv
import zipfile
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.domain.files.formulas import bare, inert
from lib.domain.files.sheets import LONGEST_CELL, column_letter
from lib.errors import InvalidInput
from lib.spreadsheets.reading import read_file
from lib.spreadsheets.writing import to_csv, to_xlsx
from tests.fuzzing import examples

ANY_TEXT = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\x00\ufffe\uffff"), max_size=12
)
NASTY = st.sampled_from(
    [
        "=1+1",
        "'=1",
        "''",
        "'",
        '"',
        '";"',
        "a;b",
        "sep=;",
        "\r",
        "\n",
        "\r\n",
        "\t",
        "-5",
        "|",
        ",",
        "1E+15",
    ]
)
CELL = st.one_of(ANY_TEXT, NASTY)
NAME = CELL.filter(lambda text: text.strip() != "")


@st.composite
def tables(draw) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    width = draw(st.integers(1, 5))
    header = tuple(draw(st.lists(NAME, min_size=width, max_size=width)))
    row = st.tuples(*[CELL] * width).filter(lambda cells: any(cell.strip() for cell in cells))
    return header, draw(st.lists(row, min_size=1, max_size=6))


class TestRoundTrip:
    @settings(max_examples=examples(300), deadline=None)
    @given(table=tables())
    def test_any_text_in_any_cell_of_a_csv_file(self, table) -> None:
        header, rows = table
        sheet = read_file(to_csv(header, rows), "a.csv")
        assert sheet.header == header
        assert [row.cells for row in sheet.rows] == rows

    @settings(max_examples=examples(100), deadline=None)
    @given(table=tables())
    def test_any_text_in_any_cell_of_a_workbook(self, table) -> None:
        header, rows = table
        sheet = read_file(to_xlsx(header, rows, sheet="Results"), "a.xlsx")
        assert sheet.header == header
        assert [row.cells for row in sheet.rows] == rows


class TestFormulas:
    @pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "'="])
    def test_an_apostrophe_stands_before_what_could_run(self, start) -> None:
        assert inert(f"{start}1+1") == f"'{start}1+1"
        assert bare(inert(f"{start}1+1")) == f"{start}1+1"

    @given(text=st.text())
    def test_taking_it_off_undoes_it(self, text) -> None:
        assert bare(inert(text)) == text
        assert inert(text)[:1] not in set("=+-@\t\r\n")

    @pytest.mark.parametrize("opened_by", [";", "\t", ","])
    @given(text=st.text(alphabet=";\t\r\n=+@'\"a,"))
    def test_no_cell_begins_one_however_the_file_is_opened(self, opened_by, text) -> None:
        """Excel opens a CSV by the separator of its country, and a semicolon in a cell begins another one."""
        content = to_csv(["customer", "name", "amount"], [["cus_1", text, "1.00"]])
        lines = content.decode("utf-8-sig").splitlines(keepends=True)
        for cells in csv.reader(lines, delimiter=opened_by):
            assert [cell for cell in cells if cell[:1] in set("=+-@") - {""}] == []

    def test_a_name_begins_no_formula_in_a_file_opened_by_semicolons(self) -> None:
        content = to_csv(["customer", "name"], [["cus_1", "Acme;=1+1;"]]).decode("utf-8-sig")
        (_, cells) = csv.reader(content.splitlines(), delimiter=";")
        assert cells[:2] == ['cus_1,"Acme', "'=1+1"]

    @pytest.mark.parametrize(
        "text", ["", "a", "'a", "1=1", " =1", "''", "a; -b", "a\r\n\r\nb", "a;'b", "a-b;c"]
    )
    def test_other_cells_stay(self, text) -> None:
        assert inert(text) == text
        assert bare(text) == text

    def test_no_formula_is_written(self) -> None:
        header, rows = ("=A1", "amount"), [("=1+1", "-5"), ("@x", "=2")]
        assert b'"\'=1+1"' in to_csv(header, rows)
        with zipfile.ZipFile(BytesIO(to_xlsx(header, rows, sheet="x", numbers={"amount"}))) as book:
            assert b"<f>" not in book.read("xl/worksheets/sheet1.xml")


class TestFiles:
    def test_csv_as_excel_wants_it(self) -> None:
        written = to_csv(("a", "é"), [("1", 'x"y')])
        assert written == b'\xef\xbb\xbf"a","\xc3\xa9"\r\n"1","x""y"\r\n'

    @pytest.mark.parametrize(
        ("cell", "read"),
        [
            ("12.30", "12.30"),
            ("-5", "-5"),
            ("1200", "1200"),
            ("0012", "0012"),
            ("", ""),
            ("=1", "=1"),
            ("12345678901234567", "12345678901234567"),
            ("1e5", "1e5"),
        ],
    )
    def test_amounts_may_be_numbers(self, cell, read) -> None:
        sheet = read_file(
            to_xlsx(("n", "amount"), [("x", cell)], sheet="x", numbers={"amount"}), "a.xlsx"
        )
        assert sheet.rows[0].cells[1:] in {(read,), ()}

    @pytest.mark.parametrize("name", ["Run: [a/b]*?\\", "x" * 40, "", "'", "History", "Läufe"])
    def test_any_name_of_a_sheet(self, name) -> None:
        assert read_file(to_xlsx(("a",), [("1",)], sheet=name), "a.xlsx").header == ("a",)

    def test_a_cell_that_no_workbook_holds(self) -> None:
        with pytest.raises(InvalidInput, match="characters"):
            to_xlsx(("a",), [("x" * (LONGEST_CELL + 2),)], sheet="x")

    @pytest.mark.parametrize(
        ("index", "letters"), [(0, "A"), (25, "Z"), (26, "AA"), (701, "ZZ"), (702, "AAA")]
    )
    def test_columns_have_letters(self, index, letters) -> None:
        assert column_letter(index) == letters


def test_as_many_rows_come_back() -> None:
    """How long reading 50,000 takes is told by `python -m bench.files`."""
    header = ("customer", "amount", "currency", "reference")
    rows = [(f"cus_{at:014}", f"{at}.50", "eur", f"INV-{at}") for at in range(5_000)]
    for name, data in {
        "csv": to_csv(header, rows),
        "xlsx": to_xlsx(header, rows, sheet="Run", numbers={"amount"}),
    }.items():
        assert len(read_file(data, f"run.{name}").rows) == 5_000
