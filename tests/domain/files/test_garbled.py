"""What a program read wrongly, or wrote in signs, before it came into a file."""

from __future__ import annotations

import pytest

from lib.domain.files.garbled import read_wrongly, written_in_signs
from lib.domain.files.run_columns import RUN_COLUMNS
from lib.domain.files.run_files import parse
from lib.domain.files.words import senses_of
from lib.spreadsheets.reading import read_file
from tests.spreadsheets.case_files import csv_of


@pytest.mark.parametrize(
    ("meant", "written_as", "read_as"),
    [
        ("Müller-1", "utf-8", "cp1252"),
        ("Żółw-1", "utf-8", "cp1250"),
        ("Петров-1", "utf-8", "cp1251"),
        ("Müller-1", "utf-8", "mac-roman"),
        ("Müller-1", "utf-8", "cp850"),
        ("学校-1", "utf-8", "iso8859-1"),
        ("学校-1", "gb18030", "cp1252"),
        ("Петров-1", "cp1251", "cp1252"),
        ("Τιμολόγιο-1", "cp1253", "cp1252"),
    ],
)
def test_letters_that_were_read_wrongly(meant: str, written_as: str, read_as: str) -> None:
    cell = meant.encode(written_as).decode(read_as)
    assert read_wrongly(cell, senses_of(cell)) == meant


@pytest.mark.parametrize(("text", "encoding"), [("請求書-1", "cp932"), ("청구서-1", "cp949")])
def test_which_script_of_the_east_it_was_is_a_guess(text: str, encoding: str) -> None:
    cell = text.encode(encoding).decode("iso8859-1")
    assert read_wrongly(cell, senses_of(cell))


@pytest.mark.parametrize(
    "word",
    [
        *(
            "Müller",
            "Größe & Söhne",
            "São Paulo",
            "Łódź",
            "Růžička",
            "Győr",
            "Işıl",
            "Ångström",
            "É",
            "Öö",
            "ÄÖÜ-1",
        ),
        *(
            "Петров",
            "СЧЁТ-1",
            "ИП-1",
            "Їжак",
            "Άννα",
            "ΔΕΗ",
            "חשבונית",
            "فاتورة",
            "学校",
            "請求書",
            "청구서",
            "№ 7",
            "nº 12",
            "5 €",
        ),
    ],
)
def test_what_people_write_is_not_asked(word: str) -> None:
    assert read_wrongly(word, senses_of(word)) is None


@pytest.mark.parametrize(
    ("cell", "meant"),
    [
        ("M+APw-ller-1", "Müller-1"),
        ("+U9F5aA--1", "发票-1"),
        ("~{Q'P#~}-1", "学校-1"),
        ("M&uuml;ller-1", "Müller-1"),
        ("M&#252;ller-1", "Müller-1"),
        ("M%C3%BCller-1", "Müller-1"),
        ("M=C3=BCller-1", "Müller-1"),
        ("M\\u00fcller-1", "Müller-1"),
        ("j+APY-rg@firm.example", "jörg@firm.example"),
    ],
)
def test_letters_that_were_written_in_signs(cell: str, meant: str) -> None:
    assert written_in_signs(cell) == meant


@pytest.mark.parametrize(
    "cell",
    [
        *(
            "anna+tag@firm.example",
            "anna+orders@firm.example",
            "anna+shop2024@firm.example",
            "a+b+c@firm.example",
        ),
        *(
            "A&B;1",
            "R&D-7",
            "50%",
            "100%25",
            "A=B",
            "x==y",
            "C:\\users",
            "~7",
            "~{",
            "INV+2024",
            "1+1",
            "AT&T; 4",
        ),
    ],
)
def test_signs_that_are_signs(cell: str) -> None:
    assert written_in_signs(cell) is None


@pytest.mark.parametrize("reference", ["ѧУ-1", "SPӣKA-1", "ʤ-1"])
def test_letters_that_no_language_writes_so_are_asked_of_their_row(reference: str) -> None:
    """In a file whose other letters say that it is Unicode."""
    words = ["Müller", "Größe", "Jäger", "Köln", "Würz", "Bär", "Söhne", "Grün", "Weiß", "Höfe"]
    rows = [("a@firm.example", "1.00", "eur", one) for one in (*words, reference)]
    sheet = read_file(csv_of(rows), "a.csv")
    assert sheet.origin.encoding_is_certain
    parsed = parse(sheet, RUN_COLUMNS.guess(sheet.header, {}))
    assert [one.row for one in parsed.warnings if one.code == "letters_unusual"] == [12]
    assert len(parsed.warnings) == 1
