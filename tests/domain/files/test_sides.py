"""A column of debits and credits is known by its cells, whatever stands over it."""

from __future__ import annotations

import pytest

from lib.domain.files import no_charges
from lib.domain.files.sides import sides_of

COLUMNS = {"customer": 0, "amount": 1, "reference": 2}


def said(heading: str, *words: str, columns: dict[str, int] | None = None) -> list[str]:
    """Of each row of a file whose last column holds these words."""
    header = ("customer", "amount", "reference", heading)
    rows = [("a@firma.example", "80.00", f"RE-{at}", word) for at, word in enumerate(words)]
    marks = no_charges.marks_of(header, columns or COLUMNS, rows)
    return [
        ", ".join(f"{error.severity} {error.code}" for error in marks.of_row(at, row))
        for at, row in enumerate(rows)
    ]


@pytest.mark.parametrize(
    ("heading", "debit", "credit"),
    [
        ("Posting", "DR", "CR"),
        ("", "Dr", "Cr."),
        ("Konto", "Soll", "Haben"),
        ("x", "S - Soll", "H - Haben"),
        ("Ind", "DBIT", "CRDT"),
        ("Movimiento", "Debe", "Haber"),
        ("Posizione", "Dare", "Avere"),
        ("区別", "借方", "貸方"),
        ("Side", "DR", "CR"),
        ("Seite", "Soll", "Haben"),
        ("Posting", "ＤＲ", "ＣＲ"),
    ],
)
def test_sides_of_books_are_certain(heading: str, debit: str, credit: str) -> None:
    assert said(heading, debit, credit, "", debit) == ["", "red row_is_credit", "", ""]


@pytest.mark.parametrize(
    ("heading", "debit", "credit"),
    [
        ("Side of it", "Debit", "Credit"),
        ("Kind", "S", "H"),
        ("Art", "s", "h"),
        ("anything", "D", "C"),
        ("anything", "+", "−"),
        ("factor", "1", "-1"),
        ("factor", "+1", "-1"),
        ("Vorgang 2", "Belastung", "Gutschr"),
        ("Bewegung", "Débit", "Crédit"),
        ("Mouvement", "Facture", "Avoir"),
        ("Movimiento", "Cargo", "Abono"),
        ("Movimento", "Addebito", "Accredito"),
        ("Movimento", "Cobrança", "Estorno"),
        ("Mutatie", "Af", "Bij"),
        ("処理", "売上", "返品"),
        ("処理", "請求", "返金"),
        ("Flow", "Sale", "Return"),
        ("Flow", "Charge", "Refund"),
        ("Flow", "positive", "negative"),
        ("Type", "D", "H"),
        ("Typ", "R", "G"),
        ("Type", "F", "A"),
        ("Type", "I", "C"),
    ],
)
def test_other_sides_are_asked(heading: str, debit: str, credit: str) -> None:
    debits, asked = said(heading, debit, credit)
    assert debits == ""
    assert asked.split()[0] in {"amber", "red"}


@pytest.mark.parametrize(
    ("heading", "credit"), [("Posting", "CR"), ("x", "Haben"), ("Kind", "H"), ("f", "-1")]
)
def test_a_file_of_credits_alone(heading: str, credit: str) -> None:
    assert [one.split()[0] for one in said(heading, credit, credit)] == ["amber", "amber"]


@pytest.mark.parametrize(
    ("heading", "words"),
    [
        ("Size", ["S", "M", "L", "H"]),
        ("Class", ["A", "B", "C", "D"]),
        ("Hall", ["H", "H"]),
        ("VIP", ["-", "-"]),
        ("Floor", ["1", "2", "-1"]),
        ("Country", ["CR", "CR"]),
        ("Card type", ["Credit", "Debit"]),
        ("Kartenart", ["Debit", "Credit"]),
        ("Funding", ["credit", "debit"]),
        ("Payment terms", ["Credit", "Credit"]),
        ("カードの種類", ["credit", "debit"]),
        ("Kind", ["S", "S"]),
        ("x", ["DR", "DR"]),
        ("Product", ["Credit top-up", "Subscription"]),
        ("Product", ["Credit line 7", "Invoice desk"]),
    ],
)
def test_what_only_looks_like_sides(heading: str, words: list[str]) -> None:
    assert said(heading, *words) == [""] * len(words)


def test_the_question_says_what_other_rows_say() -> None:
    header = ("customer", "amount", "reference", "Kind of")
    rows = [("a@firma.example", "80.00", "RE-1", "S"), ("b@firma.example", "8.00", "RE-2", "H")]
    marks = no_charges.marks_of(header, COLUMNS, rows)
    (asked,) = marks.of_row(3, rows[1])
    assert (
        asked.message
        == "In “Kind of”: “H” stands here where other rows say “S”: is this row a credit?"
    )


def test_a_column_of_names_has_no_sides() -> None:
    header, columns = ("customer", "amount", "reference"), COLUMNS
    rows = [("dr", "8.00", "RE-1"), ("haben", "9.00", "RE-2")]
    marks = no_charges.marks_of(header, columns, rows)
    assert [marks.of_row(at, row) for at, row in enumerate(rows)] == [[], []]


def test_a_column_of_many_texts_is_none_of_sides() -> None:
    texts = {f"text {at}" for at in range(20)}
    assert sides_of({"DR", "CR"}, "x") is not None
    assert sides_of({"DR", "CR", *texts}, "x") is None


def test_a_column_without_a_heading_has_its_letter() -> None:
    rows = [("a@firma.example", "80.00", "RE-1", "DR"), ("b@firma.example", "8.00", "RE-2", "CR")]
    (error,) = no_charges.marks_of(("customer", "amount", "reference", ""), COLUMNS, rows).of_row(
        3, rows[1]
    )
    assert error.column == ""
    assert error.message.startswith("In column D: “CR” stands here")
