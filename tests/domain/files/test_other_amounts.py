"""Two columns of amounts that differ in a row: which one is charged is asked, and not guessed."""

from __future__ import annotations

import pytest

from lib.domain.files import run_files
from lib.domain.files.number_styles import DecimalSign
from lib.domain.files.readings import Choices
from lib.domain.files.run_columns import RUN_COLUMNS
from lib.spreadsheets.reading import read_file
from tests.spreadsheets.workbook_files import one_sheet


def codes(
    headings: str,
    *rows: str,
    columns: dict[str, int] | None = None,
    sign: DecimalSign | None = None,
) -> list[list[str]]:
    """Of each row, whose customer, currency and reference come first."""
    text = [f"customer;currency;reference;{headings}"]
    text += [f"a@firma.example;eur;RE-{at};{row}" for at, row in enumerate(rows)]
    sheet = read_file("\n".join(text).encode(), "a.csv")
    chosen = {**RUN_COLUMNS.guess(sheet.header), **(columns or {})}
    parsed = run_files.parse(sheet, chosen, choices=Choices(decimal=sign))
    return [[one.code for one in (*row.errors, *row.warnings)] for row in parsed.rows]


@pytest.mark.parametrize(
    "headings",
    [
        "Total;Balance due",
        "Total;Balance due (EUR)",
        "amount;gross amount",
        "amount;Total",
        "Rechnungsbetrag;Offener Betrag",
        "Betrag;Restbetrag",
        "montant TTC;Reste à payer",
        "amount;Importe pendiente",
        "amount;Importo totale",
        "amount;Openstaand bedrag",
        "amount;Valor total",
        "請求金額;未収残高",
    ],
)
def test_another_sum_beside_the_amount_is_asked(headings: str) -> None:
    assert codes(headings, "80.00;20.00", "80.00;80.00", "80.00;", "80;80.00") == [
        ["amount_of_two_columns"],
        [],
        [],
        [],
    ]


def test_all_rows_are_asked_in_the_same_words() -> None:
    sheet = read_file(
        b"customer,currency,reference,Total,Balance due\n"
        b"a@firma.example,eur,RE-1,80.00,20.00\nb@firma.example,eur,RE-2,70.00,10.00\n",
        "a.csv",
    )
    (problem,) = run_files.parse(sheet, RUN_COLUMNS.guess(sheet.header)).problems
    assert problem.rows == (2, 3)
    assert problem.message == (
        "“Total” is read as the amount, and “Balance due” says another sum: which one is to be charged?"
    )


def test_what_is_left_of_a_larger_sum_is_charged() -> None:
    """Whoever chose the column of what is open has answered."""
    assert codes("Total;Balance due", "80.00;20.00", columns={"amount": 4}) == [[]]
    # A balance that is more than the row's own amount runs on over several rows.
    assert codes("Betrag;Saldo", "80.00;200.00", columns={"amount": 4}) == [
        ["amount_of_two_columns"]
    ]


def test_what_was_paid_is_asked_where_the_total_is_read() -> None:
    rows = ("80.00;60.00;20.00", "80.00;0.00;80.00", "80.00;no;80.00")
    assert codes("Total;Paid;Balance due", *rows) == [
        ["row_is_settled", "amount_of_two_columns"],
        [],
        [],
    ]


@pytest.mark.parametrize("paid", ["01.11.2026", "2026-11-01", "80", "60,00", "€60.00"])
def test_the_day_on_which_it_was_paid_says_that_it_was(paid: str) -> None:
    assert codes("Total;Paid", f"80.00;{paid}") == [["row_is_settled"]]
    assert codes("Total;bezahlt am", f"80.00;{paid}") == [["row_is_settled"]]


@pytest.mark.parametrize("paid", ["no", "-", "0", "0.00", "nein", "open"])
def test_what_was_not_paid(paid: str) -> None:
    assert codes("Total;Paid", f"80.00;{paid}") == [[]]


def test_in_the_style_of_the_file() -> None:
    rows = ("1.080,50;1.080,50", "80,00;20,00")
    assert codes("Betrag;Offen", *rows, sign=DecimalSign.COMMA) == [[], ["amount_of_two_columns"]]


def test_numbers_of_a_workbook() -> None:
    data = one_sheet(
        ("customer", "currency", "reference", "Total", "Outstanding"),
        ("a@firma.example", "eur", "RE-1", 80, 20.5),
        ("a@firma.example", "jpy", "RE-2", 80, 80),
    )
    sheet = read_file(data, "a.xlsx")
    parsed = run_files.parse(sheet, RUN_COLUMNS.guess(sheet.header))
    assert [[one.code for one in row.warnings] for row in parsed.rows] == [
        ["amount_of_two_columns"],
        [],
    ]


@pytest.mark.parametrize(
    "headings", ["amount;Net", "amount;VAT", "amount;Price", "amount;onfile_amount"]
)
def test_other_numbers_are_no_amounts(headings: str) -> None:
    assert codes(headings, "80.00;20.00") == [[]]
