"""What is no charge is never green, in whichever language and column it says so."""

from __future__ import annotations

import pytest

from lib.domain.files import no_charges

COLUMNS = {"customer": 0, "amount": 1, "reference": 2}


def said(heading: str, word: str, *others: str, reference: str = "RE-9") -> list[str]:
    """Of a row that holds this word, in a file whose other rows hold the others."""
    header = ("customer", "amount", "reference", heading)
    row = ("a@firma.example", "80.00", reference, word)
    rows = [row, *(("b@firma.example", "9.00", f"RE-{at}", one) for at, one in enumerate(others))]
    marks = no_charges.marks_of(header, COLUMNS, rows)
    return [f"{error.severity} {error.code}" for error in marks.of_row(2, row)]


@pytest.mark.parametrize(
    ("heading", "word"),
    [
        ("type", "CN-17"),
        ("Type", "CN17"),
        ("type", "crn 0017"),
        ("type", "REFUND"),
        ("Tipo de documento", "Nota de Crédito"),
        ("tipo", "NOTA DE CREDITO N° 5"),
        ("Tipo documento", "Nota di credito"),
        ("Dokumenttyp", "Kreditfaktura"),
        ("laji", "Hyvityslasku"),
        ("Typ dokladu", "Dobropis č. 7"),
        ("rodzaj", "Faktura korygująca"),
        ("bizonylattípus", "Jóváíró számla"),
        ("Belge türü", "İADE FATURASI"),
        ("тип", "Кредит-нота № 3"),
        ("Тип документа", "Возврат"),
        ("Τύπος", "Πιστωτικό τιμολόγιο"),
        ("单据类型", "红字发票"),
        ("유형", "환불"),
        ("種別", "クレジットメモ"),
        ("type", "FACTURE D’AVOIR"),
        ("type", "Gut\u00adschrift"),
        ("type", "Note de cre\u0301dit"),
        ("note", "חשבונית זיכוי"),
        ("note", "إشعار دائن"),
        ("note", "ใบลดหนี้"),
    ],
)
def test_a_credit_note(heading: str, word: str) -> None:
    assert said(heading, word) == ["red row_is_credit_note"]


@pytest.mark.parametrize(
    ("heading", "word"),
    [
        ("D/C", "CR"),
        ("Wn/Ma", "Ma"),
        ("Dare/Avere", "A"),
        ("Debe/Haber", "H"),
        ("MD/D", "Dal"),
        ("借贷方向", "贷"),
        ("Дт/Кт", "Кт"),
        ("sign", "−"),
        ("Haber", "80,00"),
        ("Alacak", "80"),
        ("贷方金额", "80.00"),
        ("+/-", "-"),
        ("Vorzeichen", "−"),
        ("Direction", "credit"),
        ("Posting key", "11"),
    ],
)
def test_the_side_of_credits(heading: str, word: str) -> None:
    assert said(heading, word) == ["red row_is_credit"]


@pytest.mark.parametrize(
    "word",
    [
        "Totaux",
        "∑",
        "Σ:",
        "Tot.",
        "Summe netto",
        "Total incl. VAT",
        "Amount due",
        "Celkem bez DPH",
        "Suma brutto",
        "סה״כ",
    ],
)
def test_a_total(word: str) -> None:
    assert said("note", word) == ["red row_is_total"]


def test_a_total_with_more_words_in_place_of_a_reference() -> None:
    assert said("note", "", reference="Totals for November") == ["amber row_total_mentioned"]
    assert said("note", "", reference="Total rows 2") == ["red row_is_total"]
    assert said("note", "Total care, November") == []


@pytest.mark.parametrize(
    ("heading", "word"),
    [
        ("is_credit", "true"),
        ("Credit note", "CN-7"),
        ("Gutschrift", "x"),
        ("description", "Refund of INV-1"),
        ("description", "Rückerstattung"),
        ("note", "Remboursement F-3"),
    ],
)
def test_a_credit_that_a_flag_or_a_text_speaks_of(heading: str, word: str) -> None:
    assert said(heading, word) == ["amber credit_note_mentioned"]
    assert said(heading, "no" if heading != "note" else "refundable deposit") == []


@pytest.mark.parametrize(
    ("heading", "word", "none"),
    [
        ("Balance", "0.00", "80.00"),
        ("Open amount", "-80,00", "80,00"),
        ("Offener Betrag", "0", "80"),
        ("Reste à payer", "0,00", "1 234,00"),
        ("Amount paid", "80.00", "0.00"),
        ("Bezahlter Betrag", "80,00", ""),
    ],
)
def test_a_row_of_which_nothing_is_open(heading: str, word: str, none: str) -> None:
    assert said(heading, word) == ["amber row_is_settled"]
    assert said(heading, none) == []


@pytest.mark.parametrize(
    ("heading", "word"),
    [
        ("Document number", "CN-17"),
        ("Beleg-Nr.", "GS-2026-4"),
        ("Numéro de pièce", "AV0017"),
        ("Numero documento", "NC/5"),
        ("Nr dokumentu", "KOR 3/11"),
        ("no.", "ＣＮ-9"),
        ("Class", "CN-17"),
    ],
)
def test_a_number_of_a_credit_note_among_others(heading: str, word: str) -> None:
    assert said(heading, word, "F-1", "F-2") == ["amber row_numbered_as_credit"]
    assert said("note", "", "", reference=word) == ["amber row_numbered_as_credit"]


def test_letters_that_all_numbers_begin_with_are_somebodys_initials() -> None:
    assert said("Beleg", "GS-1", "GS-2", "GS-3") == []
    # No initials: a file of nothing but credit notes is the worst of all.
    assert said("Beleg", "CN-1", "CN-2", "CN-3") == ["amber row_numbered_as_credit"]


@pytest.mark.parametrize(
    ("usual", "word"),
    [("Invoice", "Adjustment"), ("Rechnung", "Mahnung"), ("Счет", "Акт"), ("发票", "其他")],
)
def test_another_type_than_an_invoice_among_invoices(usual: str, word: str) -> None:
    assert said("type", word, usual, usual) == ["amber row_type_unusual"]
    assert said("type", usual, usual, word) == []
    assert said("type", word, word) == []


@pytest.mark.parametrize(
    ("heading", "word"),
    [
        ("Status", "Bezahlt"),
        ("Estado", "Pagada"),
        ("Stato", "Annullata"),
        ("status", "Partially paid"),
        ("status", "DRAFT"),
        ("статус", "Оплачено"),
        ("状态", "已付款"),
        ("Paid", "yes"),
        ("bezahlt", "X"),
        ("入金済", "✓"),
        ("paid", "TRUE"),
    ],
)
def test_what_is_settled(heading: str, word: str) -> None:
    assert said(heading, word) == ["amber row_is_settled"]


@pytest.mark.parametrize(
    ("heading", "word"),
    [
        ("type", "Credit card"),
        ("type", "Invoice"),
        ("Type", "Tarjeta de credito"),
        ("paid", "no"),
        ("status", "open"),
        ("D/C", "D"),
        ("Soll/Haben", "S"),
        ("credit", "0,00"),
        ("note", "CNC-17 milling"),
        ("note", "In summer, total loss of power for a day or two"),
        ("document", "INV-CM-4"),
        ("reference", "2026-0017"),
    ],
)
def test_what_only_sounds_like_it(heading: str, word: str) -> None:
    assert said(heading, word, "Invoice" if word == "Invoice" else "") == []


@pytest.mark.parametrize(
    "reference", ["RE-7 refund", "R-5 (credit)", "RE-7 Erstattung", "INV-7/REVERSAL", "F 3 (avoir)"]
)
def test_a_reference_that_speaks_of_a_credit_at_its_end(reference: str) -> None:
    assert said("name", "Acme", "Beta", reference=reference) == ["amber credit_note_mentioned"]


def test_elsewhere_the_word_at_the_end_may_be_everyday() -> None:
    assert said("terms", "No refund", "No refund") == []
    assert said("name", "Acme", "Beta", reference="ACCREDITED-7") == []


@pytest.mark.parametrize(
    "reference",
    [
        "INV-7-CR",
        "INV-7/CN",
        "RF-7",
        "RFND-7",
        "rfd7",
        "INV-7CR",
        "7 CR",
        "INV-7 Überzahlung",
        "VOID INV-7",
        "INV-7 (void)",
        "INV-7*annulé",
        "INV-7 作废",
        "INV-7 bezahlt",
        "INV-7 - PAID",
        "Reversal INV-7",
        "CR",
        "INV-7-CM",
        "ＩＮＶ-7-ＣＲ",
        "RF18539007547035",
    ],
)
def test_a_reference_that_says_at_an_end_that_it_is_no_charge(reference: str) -> None:
    found = said("memo", "x", "y", "y", reference=reference)
    assert [one.split()[0] for one in found] == ["amber"], found


@pytest.mark.parametrize(
    "reference",
    [
        "CRM-12",
        "CRANE-7",
        "INV-CRX-7",
        "ACR-7",
        "INV-7-SCR",
        "CNC-9",
        "RFID-7",
        "BN-CN-7",
        "INV-7-DE",
        "Avoidance-7",
        "Logo concept 3",
        "Draft contract 7",
        "Paid media 7",
        "Discount Tire 4",
        # ISO 11649: its check digits are right.
        "RF18539007547034",
        "RF18 5390 0754 7034",
    ],
)
def test_letters_within_words_say_nothing(reference: str) -> None:
    assert said("memo", "x", "y", "y", reference=reference) == []


@pytest.mark.parametrize(
    ("heading", "word"),
    [
        ("memo", "Overpayment of INV-7"),
        ("memo", "VOID INV-7"),
        ("memo", "voided"),
        ("Overpayment", "12.00"),
        ("Unapplied amount", "12.00"),
    ],
)
def test_a_column_that_says_it_of_a_row(heading: str, word: str) -> None:
    assert [one.split()[0] for one in said(heading, word)] == ["amber"]


def test_an_amount_that_was_overpaid_is_none_that_is_owed() -> None:
    header, row = ("customer", "overpayment", "reference"), ("a@firma.example", "8.00", "RE-9")
    errors = no_charges.marks_of(header, COLUMNS, [row]).of_row(2, row)
    assert [error.code for error in errors] == ["amount_of_credits"]
