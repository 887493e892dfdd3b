"""CSV and XLSX files to cells: encodings, separators, workbooks, and files made to do harm."""

from __future__ import annotations

import contextlib
import datetime
import io
import resource
import zipfile

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from lib.domain.files.sheets import LONGEST_CELL, MOST_ROWS, CellKind
from lib.errors import InvalidInput
from lib.spreadsheets.archives import MOST_UNPACKED
from lib.spreadsheets.reading import MOST_BYTES, Sheet, read_file, read_pasted
from tests.fuzzing import examples
from tests.spreadsheets.workbook_files import one_sheet, with_parts, with_sheet, workbook

WORDS = "Kunde;Betrag;Währung\ncus_1;12.30;EUR\nJosé Müller;2;EUR\n"
PLAIN = "customer,amount\ncus_1,12.30\ncus_2,5\n"


def cells(sheet: Sheet) -> list[tuple[str, ...]]:
    return [row.cells for row in sheet.rows]


def messages(sheet: Sheet) -> list[str]:
    return [note.message for note in sheet.notes]


def numbers(sheet: Sheet) -> list[int]:
    return [row.number for row in sheet.rows]


class TestEncodings:
    @pytest.mark.parametrize(
        "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252", "latin-1"]
    )
    def test_european(self, encoding) -> None:
        sheet = read_file(WORDS.encode(encoding), "run.csv")
        assert sheet.header == ("Kunde", "Betrag", "Währung")
        assert cells(sheet) == [("cus_1", "12.30", "EUR"), ("José Müller", "2", "EUR")]

    @pytest.mark.parametrize("order", ["le", "be"])
    def test_utf_16_of_either_order(self, order) -> None:
        mark = "\ufeff".encode(f"utf-16-{order}")
        sheet = read_file(mark + WORDS.replace(";", "\t").encode(f"utf-16-{order}"), "run.txt")
        assert sheet.header[2] == "Währung"

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932"])
    @pytest.mark.parametrize(
        "text",
        ["顧客,金額\n山田,12\n", "customer,amount\n株式会社テスト,1\n", "ｶﾌﾞｼｷ,金額\n1,2\n"],
    )
    def test_japanese(self, encoding, text) -> None:
        sheet = read_file(text.encode(encoding), "run.csv")
        assert [sheet.header, *cells(sheet)] == [
            tuple(line.split(",")) for line in text.splitlines()
        ]

    @pytest.mark.parametrize(
        "name", ["Bär", "Größe", "MÜLLER", "Œuvre", "Ångström", "Señor Nuñez", "5 €"]
    )
    def test_a_single_western_letter_is_not_taken_for_a_kanji(self, name) -> None:
        sheet = read_file(f"customer,amount\n{name},1\n".encode("cp1252"), "run.csv")
        assert cells(sheet) == [(name, "1")]

    def test_a_guess_is_said(self) -> None:
        assert "Windows-1252" in messages(read_file(WORDS.encode("cp1252"), "a.csv"))[0]
        japanese = read_file("顧客,金額\n山田,1".encode("cp932"), "a.csv")
        assert "Shift-JIS" in messages(japanese)[0]
        assert not japanese.origin.encoding_is_certain
        assert read_file("né,a\n1,2".encode(), "a.csv").notes == ()

    @pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
    def test_unicode_without_its_mark(self, encoding) -> None:
        sheet = read_file("name,amount\nŁódź,1\n".encode(encoding), "a.csv")
        assert (cells(sheet), sheet.notes) == ([("Łódź", "1")], ())
        assert (sheet.origin.encoding, sheet.origin.encoding_is_certain) == (encoding, True)

    def test_one_damaged_letter_in_utf_8_is_refused_with_its_line(self) -> None:
        data = "name,amount\nMüller,1\nJosé,2\n".encode().replace("é".encode(), b"\xe9")
        data += "Günther,3\nRené,4\n".encode()
        with pytest.raises(InvalidInput, match="line 3"):
            read_file(data, "run.csv")

    @pytest.mark.parametrize(
        ("data", "code"),
        [
            (b"customer,amount\ncus_1,1\x00\n", "file_not_text"),
            (b"\xff\xfe" + "a,b\n\x00,1".encode("utf-16-le"), "file_not_text"),
            (b"\xff\xfeabc", "file_damaged"),
            (b"\xef\xbb\xbfcustomer\n\xff", "file_damaged"),
            (b"\x89\x00\x1a\n\x00\x00\x00\rIHDR", "file_not_text"),
            (b"\x00\x01a\x00,b\n", "file_not_text"),
            (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n\x01\x02", "file_kind"),
        ],
    )
    def test_what_is_no_text(self, data, code) -> None:
        with pytest.raises(InvalidInput) as refused:
            read_file(data, "run.csv")
        assert refused.value.code == code


class TestSeparators:
    @pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
    @pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
    def test_all_with_all_line_endings(self, separator, ending) -> None:
        text = PLAIN.replace(",", separator).replace("\n", ending)
        sheet = read_file(text.encode(), "run.csv")
        assert sheet.header == ("customer", "amount")
        assert cells(sheet) == [("cus_1", "12.30"), ("cus_2", "5")]
        assert numbers(sheet) == [2, 3]

    @pytest.mark.parametrize(
        "text",
        [
            "customer;amount\ncus_1;12,30\ncus_2;13,30\n",
            "customer;amount;note, free\ncus_1;12,30;a\ncus_2;13,30;b\n",
            'customer;amount\n"Acme, Inc";1,5\n',
            "customer;amount\ncus_1;1\n",
        ],
    )
    def test_decimal_commas_do_not_split_a_semicolon_file(self, text) -> None:
        assert read_file(text.encode(), "run.csv").header[:2] == ("customer", "amount")

    def test_other_separators_inside_quotes(self) -> None:
        text = 'customer,amount\n"Acme; Ltd; x",12\n"B; Ltd; y",13\n'
        assert cells(read_file(text.encode(), "a.csv"))[0] == ("Acme; Ltd; x", "12")

    def test_excels_own_separator_line_is_swallowed(self) -> None:
        sheet = read_file(b"sep=;\r\na;b\r\n1;2,5\r\n", "a.csv")
        assert sheet.header == ("a", "b")
        assert sheet.rows[0].number == 2

    def test_one_column(self) -> None:
        assert cells(read_file(b"customer\ncus_1\ncus_2\n", "a.csv")) == [("cus_1",), ("cus_2",)]


class TestRows:
    def test_quoted_line_breaks_stay_in_their_row(self) -> None:
        sheet = read_file(b'a,b\r\n"one\r\ntwo",2\r\n3,"x ""y"""\r\n', "a.csv")
        assert [(row.number, *row.cells) for row in sheet.rows] == [
            (2, "one\r\ntwo", "2"),
            (3, "3", 'x "y"'),
        ]

    def test_empty_rows_count_and_are_skipped(self) -> None:
        sheet = read_file(b"a,b\n\n1,2\n,\n  ,\n3,4\n\n", "a.csv")
        assert [(row.number, *row.cells) for row in sheet.rows] == [(3, "1", "2"), (6, "3", "4")]

    def test_a_heading_below_a_title(self) -> None:
        sheet = read_file(b"\nInvoices June\n\ncustomer,amount,currency\ncus_1,1,eur\n", "a.csv")
        assert sheet.header == ("customer", "amount", "currency")
        assert numbers(sheet) == [5]
        assert "row 4" in messages(sheet)[0]

    def test_empty_columns_at_the_end_go(self) -> None:
        sheet = read_file(b"a,b,,\n1,2,,\n3,4,,\n", "a.csv")
        assert sheet.header == ("a", "b")
        assert cells(sheet) == [("1", "2"), ("3", "4")]

    def test_short_rows_are_filled_up(self) -> None:
        assert cells(read_file(b"a,b,c\n1\n1,2,3\n", "a.csv"))[0] == ("1", "", "")

    def test_a_row_longer_than_the_heading_is_refused(self) -> None:
        with pytest.raises(
            InvalidInput, match="Row 4 has 3 cells, but the heading has 2"
        ) as refused:
            read_file(b"customer,amount\ncus_1,1\n\ncus_2,1,234.50\n", "a.csv")
        assert refused.value.field == "row 4"

    @pytest.mark.parametrize(
        ("text", "row"),
        [('a,b\n1,2\n3,"4\n', 3), ('a,b\n1,"2"x\n', 2)],
    )
    def test_quotation_marks_that_do_not_fit(self, text, row) -> None:
        with pytest.raises(InvalidInput, match=f"Row {row} cannot be read"):
            read_file(text.encode(), "a.csv")

    def test_names_that_stand_twice_or_not_at_all_are_said(self) -> None:
        sheet = read_file(b"amount,,Amount \n1,2,3\n", "a.csv")
        assert sheet.header == ("amount", "", "Amount ")
        assert messages(sheet) == [
            "No name in the heading: column B.",
            "2 columns have the name “amount”: A, C.",
        ]

    def test_an_apostrophe_against_formulas_is_taken_off_and_others_stay(self) -> None:
        sheet = read_file(b"a,b\n'=1+1,'tis\n''-x,'\n", "a.csv")
        assert cells(sheet) == [("=1+1", "'tis"), ("'-x", "'")]

    @pytest.mark.parametrize(
        ("data", "code"),
        [
            (b"", "file_empty"),
            (b" \r\n,,\r\n", "file_empty"),
            (b"a,b\n", "file_no_rows"),
            (b"<html><table><tr><td>1", "file_kind"),
            (b"\n<?xml version='1.0'?><Workbook/>", "file_kind"),
            (b"a" + b",a" * 200 + b"\n" + b"1,2\n", "too_many_columns"),
            (b"a,b\n" + b"1,2\n" * (MOST_ROWS + 1), "too_many_rows"),
            (b"a,b\n" + b"1,2\n" * (MOST_ROWS + 50), "too_many_rows"),
            (b"a" * (MOST_BYTES + 1), "file_too_large"),
            (b"a," * 6_000_000 + b"a", "file_too_large"),
        ],
        ids=range(10),
    )
    def test_refused_as_a_whole(self, data, code) -> None:
        with pytest.raises(InvalidInput) as refused:
            read_file(data, "a.csv")
        assert refused.value.code == code
        assert str(refused.value).endswith(".")

    def test_one_cell_that_is_too_long_is_said_of_its_cell(self) -> None:
        long = b"x" * (LONGEST_CELL + 1)
        sheet = read_file(b'a,b\n1,"' + long + b'"\n2,' + b"x" * 140_000 + b"\n3,4\n", "a.csv")
        assert [row.values[1].kind for row in sheet.rows[:2]] == [CellKind.TOO_LONG] * 2
        assert (len(sheet.rows[0].cells[1]), sheet.rows[2].values) == (LONGEST_CELL, {})

    def test_as_many_rows_as_are_promised(self) -> None:
        assert len(read_file(b"a,b\n" + b"1,2\n" * MOST_ROWS, "a.csv").rows) == MOST_ROWS


class TestPasted:
    def test_from_a_spreadsheet(self) -> None:
        sheet = read_pasted('customer\tamount\r\ncus_1\t12.30\r\n"two\nlines"\t5\r\n')
        assert cells(sheet) == [("cus_1", "12.30"), ("two\nlines", "5")]

    def test_from_a_text_file(self) -> None:
        assert read_pasted("\ufeffa;b\n1;2").header == ("a", "b")

    @pytest.mark.parametrize("text", ["", " \n", "a\tb\n\x00\t1", "x" * (MOST_BYTES + 1)])
    def test_refused(self, text) -> None:
        with pytest.raises(InvalidInput):
            read_pasted(text)


class TestWorkbooks:
    def test_the_content_decides_and_the_name_is_noted(self) -> None:
        data = one_sheet(("a", "b"), ("1", "2"))
        assert read_file(data, "run.xlsx").notes == ()
        assert "but it is an Excel workbook" in messages(read_file(data, "run.csv"))[0]
        assert "but it is a text file" in messages(read_file(PLAIN.encode(), "run.xlsx"))[0]
        assert "but it is a text file" in messages(read_file(PLAIN.encode(), "run.xls"))[0]

    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (12.3, "12.3"),
            (1234.5, "1234.5"),
            (100, "100"),
            (100.0, "100"),
            (0.1 + 0.2, "0.3"),
            (267.49999999999994, "267.5"),
            (1.005, "1.005"),
            (100 / 3, "33.3333333333333"),
            (-5, "-5"),
            (0.00001, "0.00001"),
            (9999999999.99, "9999999999.99"),
            (999_999_999_999_999, "999999999999999"),
            (1.23e15, "1.23E+15"),
            (4e20, "4E+20"),
            (12345678901234567, "1.23456789012346E+16"),
            (-1e18, "-1E+18"),
            (True, "TRUE"),
            ("0012", "0012"),
            ("12.30", "12.30"),
            (" x ", " x "),
            ("_x000D_", "_x000D_"),
            ("a\r\nb\x01", "a\r\nb\x01"),
        ],
    )
    def test_values_as_text(self, value, text) -> None:
        assert cells(read_file(one_sheet(("a", "b"), ("x", value)), "a.xlsx")) == [("x", text)]

    def test_dates_and_times(self) -> None:
        def fill(book) -> None:
            sheet = book.add_worksheet()
            day = book.add_format({"num_format": "dd.mm.yyyy"})
            moment = book.add_format({"num_format": "yyyy-mm-dd hh:mm"})
            sheet.write_row(0, 0, ["day", "moment"])
            sheet.write_datetime(1, 0, datetime.date(2026, 5, 1), day)
            sheet.write_number(1, 1, 46143.5625, moment)

        assert cells(read_file(workbook(fill), "a.xlsx")) == [("01.05.2026", "2026-05-01 13:30")]

    @pytest.mark.parametrize(
        ("opens_on", "read", "said"),
        [
            ("Third", "Third", "4 sheets; “Third”, the one it opens on, was read"),
            ("Second", "Second", "4 sheets; “Second”, the one it opens on, was read"),
            ("Empty", "Second", "4 sheets; “Second” was read"),
        ],
    )
    def test_the_sheet_that_a_person_sees_when_it_is_opened(
        self, opens_on: str, read: str, said: str
    ) -> None:
        """Where that holds nothing, the first visible one that holds something."""

        def fill(book) -> None:
            for name in ("Hidden", "Empty", "Second", "Third"):
                sheet = book.add_worksheet(name)
                if name != "Empty":
                    sheet.write_column(0, 0, [name, "x"])
            book.get_worksheet_by_name(opens_on).activate()
            book.get_worksheet_by_name("Hidden").hide()

        sheet = read_file(workbook(fill), "a.xlsx")
        assert sheet.header == (read,)
        assert said in messages(sheet)[0]

    def test_empty_cells_at_the_start_keep_their_places(self) -> None:
        def fill(book) -> None:
            sheet = book.add_worksheet()
            sheet.write_row(3, 1, ["customer", "amount"])
            sheet.write_row(5, 1, ["cus_1", 5])

        sheet = read_file(workbook(fill), "a.xlsx")
        assert sheet.header == ("", "customer", "amount")
        assert [(row.number, *row.cells) for row in sheet.rows] == [(6, "", "cus_1", "5")]

    def test_merged_cells_are_said(self) -> None:
        def fill(book) -> None:
            sheet = book.add_worksheet()
            sheet.write_row(0, 0, ["customer", "amount"])
            sheet.merge_range("A2:A3", "cus_1")
            sheet.write_column(1, 1, [1, 2])

        sheet = read_file(workbook(fill), "a.xlsx")
        assert cells(sheet) == [("cus_1", "1"), ("", "2")]
        assert "at A2" in messages(sheet)[0]

    def test_cells_formatted_far_below_are_no_rows(self) -> None:
        data = with_sheet(
            b'<row r="1"><c r="A1" t="inlineStr"><is><t>a</t></is></c></row>'
            b'<row r="2"><c r="A2"><v>1</v></c></row>'
            b'<row r="1048576"><c r="XFD1048576" s="0"/></row>'
        )
        assert cells(read_file(data, "a.xlsx")) == [("1",)]

    @pytest.mark.parametrize("result", [b"", b"<v></v>", b"<v/>"])
    def test_a_formula_that_was_never_calculated_is_said_of_its_cell(self, result) -> None:
        data = with_sheet(
            b'<row r="1"><c r="A1"><v>1</v></c><c r="B1"><f>1+1</f><v>2</v></c></row>'
            b'<row r="2"><c r="A2"><v>1</v></c><c r="B2"><f>A2*2</f>' + result + b"</c></row>"
        )
        sheet = read_file(data, "a.xlsx")
        assert "Cell B2 holds a formula" in messages(sheet)[0]
        assert sheet.rows[0].values[1].kind is CellKind.UNCALCULATED

    def test_calculated_formulas_give_their_values(self) -> None:
        data = with_sheet(
            b'<row r="1"><c r="A1" t="inlineStr"><is><t>a</t></is></c><c r="B1" t="str"><f>""</f><v></v></c></row>'
            b'<row r="2"><c r="A2"><f>1+1</f><v>2</v></c><c r="B2" t="e"><f>1/0</f><v>#DIV/0!</v></c></row>'
        )
        assert cells(read_file(data, "a.xlsx")) == [("2", "#DIV/0!")]

    @pytest.mark.parametrize(("result", "is_said"), [(b"", True), (b"<v></v>", False)])
    def test_a_text_that_comes_to_nothing_is_no_text_that_was_never_calculated(
        self, result: bytes, is_said: bool
    ) -> None:
        data = with_sheet(
            b'<row r="1"><c r="A1"><v>1</v></c><c r="B1"><v>2</v></c></row>'
            b'<row r="2"><c r="A2"><v>1</v></c><c r="B2" t="str"><f>T(A2)</f>'
            + result
            + b"</c></row>"
        )
        sheet = read_file(data, "a.xlsx")
        assert any("Cell B2 holds a formula" in one for one in messages(sheet)) is is_said

    def test_a_workbook_with_a_password(self) -> None:
        ole = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 500
        with pytest.raises(InvalidInput, match="password"):
            read_file(ole + "EncryptedPackage".encode("utf-16-le"), "a.xlsx")
        with pytest.raises(InvalidInput, match="xls"):
            read_file(ole, "a.xlsx")

    @pytest.mark.parametrize(
        ("part", "words"),
        [
            ("xl/workbook.bin", "xlsb"),
            ("content.xml", "OpenDocument"),
            ("letter.doc", "packed file"),
        ],
    )
    def test_other_archives(self, part, words) -> None:
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w") as archive:
            archive.writestr(part, "x")
        with pytest.raises(InvalidInput, match=words):
            read_file(made.getvalue(), "a.xlsx")

    def test_only_empty_sheets(self) -> None:
        with pytest.raises(InvalidInput, match="no visible sheet"):
            read_file(workbook(lambda book: book.add_worksheet()), "a.xlsx")

    def test_any_cut_is_refused_in_plain_words(self) -> None:
        data = one_sheet(("a", "b"), ("x", 1))
        for end in range(4, len(data) - 1, 97):
            with pytest.raises(InvalidInput):
                read_file(data[:end], "a.xlsx")

    def test_any_flipped_byte_is_read_or_refused(self) -> None:
        data = one_sheet(("a", "b"), ("x", 1))
        for at in range(0, len(data), 7):
            damaged = data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1 :]
            with contextlib.suppress(InvalidInput):
                assert read_file(damaged, "a.xlsx").rows


TWO_CELLS = b'<row r="1"><c r="A1"><v>1</v></c></row><row r="%d"><c r="%s%d"%s><v>3</v></c></row>'


class TestBombs:
    """Refused before memory is taken: none of them may cost more than a few megabytes."""

    @pytest.fixture(autouse=True)
    def _little_memory(self):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        yield
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        assert grown < 400 * 1024

    @pytest.mark.parametrize(
        "last",
        [
            (1_048_576, b"XFD", 1_048_576, b""),
            (1_048_576, b"A", 1_048_576, b""),
            (1, b"XFD", 1, b""),
            (100_001, b"GR", 100_001, b""),
            (2, b"A", 99_999_999_999_999, b""),
            (2, b"ZZZZZZZZ", 2, b""),
            (2, b"A", 2, b" r ='XFD1048576'"),
            (2, b"A", 2, b' r="XFD1048576"'),
        ],
    )
    def test_cells_far_apart(self, last) -> None:
        with pytest.raises(InvalidInput):
            read_file(with_sheet(TWO_CELLS % last), "a.xlsx")

    def test_a_prefix_or_a_comment_hides_nothing(self) -> None:
        far = TWO_CELLS % (1_048_576, b"XFD", 1_048_576, b"")
        for hidden in (
            far.replace(b"<c r", b"<x:c xmlns:x='u' r", 1).replace(b"</c>", b"</x:c>", 1),
            far.replace(b"<c r", b"<c\tr"),
            far + b"<!-- <c r='A1'/> -->",
        ):
            with pytest.raises(InvalidInput):
                read_file(with_sheet(hidden), "a.xlsx")

    def test_one_long_text_in_very_many_cells(self) -> None:
        rows = b"".join(
            b'<row r="%d"><c r="A%d" t="s"><v>0</v></c></row>' % (at, at) for at in range(1, 60_001)
        )
        texts = b'<sst xmlns="x"><si><t>' + b"A" * 29_000 + b"</t></si></sst>"
        with pytest.raises(InvalidInput) as refused:
            read_file(with_sheet(rows, texts), "a.xlsx")
        assert refused.value.code == "file_too_large"

    def test_a_long_text_in_one_of_many_cells_is_none(self) -> None:
        rows = b"".join(
            b'<row r="%d"><c r="A%d" t="s"><v>%d</v></c></row>' % (at, at, at > 1)
            for at in range(1, 10_001)
        )
        texts = b'<sst xmlns="x"><si><t>' + b"A" * 29_000 + b"</t></si><si><t>b</t></si></sst>"
        assert len(read_file(with_sheet(rows, texts), "a.xlsx").rows) == 9_999

    def test_a_part_that_unpacks_to_more_than_is_read(self) -> None:
        made = io.BytesIO(one_sheet(("x",)))
        with (
            zipfile.ZipFile(made, "a", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
            archive.open("xl/worksheets/sheet2.xml", "w", force_zip64=True) as part,
        ):
            for _ in range(MOST_UNPACKED // 2**20 + 1):
                part.write(b" " * 2**20)
        assert len(made.getvalue()) < 1024 * 1024
        with pytest.raises(InvalidInput) as refused:
            read_file(made.getvalue(), "a.xlsx")
        assert refused.value.code == "file_too_large"

    def test_entities(self) -> None:
        xml = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]><worksheet>&b;</worksheet>'
        for part in ("xl/worksheets/sheet1.xml", "xl/workbook.xml"):
            with pytest.raises(InvalidInput):
                read_file(with_parts(one_sheet(("x",)), {part: xml}), "a.xlsx")

    def test_a_part_that_stands_twice(self) -> None:
        made = io.BytesIO(one_sheet(("x",)))
        with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(made, "a") as archive:
            archive.writestr("xl/worksheets/sheet1.xml", "<worksheet/>")
        with pytest.raises(InvalidInput):
            read_file(made.getvalue(), "a.xlsx")


PIECES = st.lists(
    st.one_of(
        st.binary(max_size=6),
        st.sampled_from(
            [
                b",",
                b";",
                b"\t",
                b'"',
                b'""',
                b"\n",
                b"\r",
                b"sep=",
                b"\xef\xbb\xbf",
                b"\xff\xfe",
                b"PK\x03\x04",
                b"cus_1",
                b"\xe9",
                "é".encode(),
                "金額".encode("cp932"),
            ]
        ),
    ),
    max_size=25,
)


class TestAnything:
    @settings(max_examples=examples(500), deadline=None)
    @given(pieces=PIECES)
    def test_is_read_or_refused_in_words(self, pieces) -> None:
        try:
            sheet = read_file(b"".join(pieces), "a.csv")
        except InvalidInput as refused:
            event(refused.code)
            return
        width = len(sheet.header)
        assert width
        assert all(len(row.cells) == width for row in sheet.rows)
        assert sorted({row.number for row in sheet.rows}) == [row.number for row in sheet.rows]

    @settings(max_examples=examples(300), deadline=None)
    @given(text=st.text(max_size=60))
    def test_pasted_is_read_or_refused_in_words(self, text) -> None:
        with contextlib.suppress(InvalidInput):
            assert read_pasted(text).rows

    @settings(max_examples=examples(150), deadline=None)
    @given(st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 255)), max_size=4))
    def test_a_sheet_with_damaged_bytes_is_read_or_refused(self, damages) -> None:
        xml = bytearray(
            b'<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1"><f>1</f><v>1</v></c></row>'
        )
        for at, value in damages:
            xml[at % len(xml)] = value
        with contextlib.suppress(InvalidInput):
            read_file(with_sheet(bytes(xml) * 2), "a.xlsx")
