"""Every cell of the corpus as LibreOffice shows it, or said to be one that nobody can be sure of."""

from __future__ import annotations

import csv
from collections import Counter
from decimal import Decimal

import pytest

from lib.domain.files.number_formats import number_format
from lib.domain.files.plain_numbers import exact
from lib.domain.files.sheets import CellKind
from lib.spreadsheets.reading import read_file
from tests.spreadsheets.corpus_files import FOLDER

BOOKS = sorted(FOLDER.glob("*.xlsx"))
CELLS = 6_188
"""Of all workbooks. A new corpus has another number, which belongs here."""


def compared(book) -> Counter[str]:
    sheet = read_file(book.read_bytes(), book.name)
    with book.with_suffix(".csv").open(encoding="utf-8", newline="") as file:
        shown = list(csv.reader(file))
    found: Counter[str] = Counter()
    for row in sheet.rows:
        for column in range(1, len(sheet.header)):
            theirs, ours = shown[row.number - 1][column].strip(), row.cells[column].strip()
            value = row.values.get(column)
            # A reference in such a cell stops its row.
            is_said = value is not None and (value.kind is CellKind.DATE or not value.is_certain)
            if theirs != ours and not is_said:
                pytest.fail(f"{row.cells[0]}: {theirs!r} is shown, {ours!r} was read")
            found["same" if theirs == ours else "said"] += 1
    return found


@pytest.mark.parametrize("book", BOOKS, ids=lambda book: book.stem)
def test_no_cell_differs_without_a_word(book) -> None:
    found = compared(book)
    assert found["same"] > found["said"] * (0 if "dates" in book.stem else 2)


def test_the_corpus_is_whole() -> None:
    counted = sum(map(compared, BOOKS), Counter())
    assert counted.total() == CELLS
    assert counted["same"] > CELLS * 3 // 4


@pytest.mark.parametrize(
    "code", ["0", "0.00", "#,##0.00", "0.0#", "0.#", "0.", '0.00" St."', '"1.5 "0', "0.00%"]
)
@pytest.mark.parametrize("number", [5, 0.5, 1.25, 267.49999999999994, 1234.5, 0.005, 1.005, -3.25])
def test_the_short_way_to_certainty_says_what_the_long_one_says(code: str, number: float) -> None:
    """Which is taken where a format shows a fixed count of decimals."""
    form, entered = number_format(code), exact(number)
    short = form.shown(entered, Decimal(number))
    for section in number_format(code).sections:
        section.rendered(entered)
        section.decimals = None
    assert form.shown(entered, Decimal(number)) == short
    number_format.cache_clear()


@pytest.mark.parametrize(
    ("code", "number", "text"),
    [
        ('"INV-"0000', 2200, "INV-2200"),
        ("0000000", 123, "0000123"),
        ("0.00", 1.5, "1.50"),
        ("#,##0", 12345, "12,345"),
        ("000-00-0000", 123456789, "123-45-6789"),
        ('0000"/"00', 202611, "2026/11"),
        ('"Nr. "0', 2200, "Nr. 2200"),
        ('0" St."', 5, "5 St."),
        ("\\N\\r\\.\\ 0", 5, "Nr. 5"),
        ("[$Nr. ]0000", 5, "Nr. 0005"),
        ('"Inv.,No. "00-000', 12345, "Inv.,No. 12-345"),
        ('"Nr. "0;"Minus "0;"keine"', 0, "keine"),
        ('"Nr. "0_)', 7, "Nr. 7 "),
        ('"v."0.0', 1.5, "v.1.5"),
    ],
)
def test_references_as_people_see_them(code: str, number: float, text: str) -> None:
    shown = number_format(code).shown(exact(number))
    assert (shown.text, shown.is_certain) == (text, True)


@pytest.mark.parametrize(
    "code", ["# ?/?", "*00", "[DBNum1]0", "[$-2000401]0", '_-* #,##0.00 "€"_-', "0 foo"]
)
def test_what_is_not_understood_is_said(code: str) -> None:
    assert not number_format(code).shown(exact(7)).is_certain


@pytest.mark.parametrize(
    ("code", "number", "text"),
    [
        ('"Nr. "0', 2200, "Nr. 2200"),
        ('"v."0.0', 1.5, "v.1,5"),
        ('"a,b "#,##0', 12345, "a,b 12.345"),
        ("0.00", 1.5, "1,50"),
        ("General", 1.5, "1,5"),
    ],
)
def test_what_a_format_writes_is_the_same_in_every_language(code, number, text) -> None:
    assert number_format(code).shown(exact(number)).with_comma == text


@pytest.mark.parametrize("code", ['"Nr."* 0', "0.##", '"Nr. "0.#', "N0", "# ?/?"])
def test_what_depends_on_width_or_program_is_still_asked(code) -> None:
    assert not number_format(code).shown(exact(7)).is_certain
