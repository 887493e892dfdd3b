"""What a program read wrongly, or wrote in signs, before it came into a file."""

from __future__ import annotations

import pytest

from lib.domain.files.garbled import read_wrongly, written_in_signs


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
    assert read_wrongly(meant.encode(written_as).decode(read_as)) == meant


@pytest.mark.parametrize(("text", "encoding"), [("請求書-1", "cp932"), ("청구서-1", "cp949")])
def test_which_script_of_the_east_it_was_is_a_guess(text: str, encoding: str) -> None:
    assert read_wrongly(text.encode(encoding).decode("iso8859-1"))


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
    assert read_wrongly(word) is None


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
