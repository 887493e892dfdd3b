"""Words of credits, cancellations, payments and totals in references and descriptions, in eight languages: asked, never green."""

from __future__ import annotations

import pytest

from lib.domain.files import no_charges
from lib.domain.files.credit_hints import hints_in

COLUMNS = {"customer": 0, "amount": 1, "reference": 2, "description": 3}
HEADER = ("customer", "amount", "reference", "description", "note")


def said(
    *, reference: str = "RE-9", description: str = "Hosting November", note: str = ""
) -> list[str]:
    """Of a row among others that say nothing."""
    row = ("a@firma.example", "80.00", reference, description, note)
    others = [
        ("b@firma.example", "9.00", f"RE-{at}", f"Hosting {at}", "Berlin") for at in range(1, 4)
    ]
    marks = no_charges.marks_of(HEADER, COLUMNS, [row, *others])
    return [f"{error.severity} {error.code}" for error in marks.of_row(2, row)]


def _words(text: str) -> list[str]:
    return [one.strip() for line in text.strip().splitlines() for one in line.split("|")]


REFERENCES = {
    "en": """
        C/N 7 | C.N. 7 | INV-7 C/N | Credit 7 | Cr. note 7 | CrNote7 | cancelled INV-9 | INV-9-CANCELLED | Canceled INV-9 | CANC INV-9
        INV-9 CXL | cancellation INV-9 | Cancellation of invoice 9 | Write-off 7 | write off INV-7 | Writeoff-7 | W/O 7 | INV-7 written off
        Reversed INV-7 | reversal of INV-7 | Return 7 | Returned INV-7 | PAID INV-7 | paid: INV-7 | already paid INV-7 | INV-7 settled
        INV-7 (do not charge) | DO NOT CHARGE INV-7 | Dup INV-7 | Duplicate of INV-7 | Rebate 7 | Discount 7 | Adjustment 7 | Bad debt 7
        INV-7 disputed | T O T A L | C R E D I T | S.T.O.R.N.O | Subtot | Sub-tot. | Opening balance | Brought fwd | B/F | Running total
    """,
    "de": """
        Stornierung | Stornierung RE-7 | RE-7 Stornierung | Stornierung der Rechnung 7 | STORNO-7 | Stornobeleg 7 | RE-7 storniert
        Gutschrift-7 | Gutschr. 7 | Korrektur 7 | Ausbuchung 7 | RE-7 ausgebucht | Abschreibung 7 | Nachlass 7 | Rabatt RE-7 | Skonto 7
        Rückbuchung 7 | Rückvergütung 7 | Rücklastschrift 7 | Retoure 7 | S u m m e | Zw.-Summe | Kundensumme | Saldovortrag | Endsaldo
        bezahlt RE-7 | bereits bezahlt RE-7 | erledigt RE-7 | RE-7 nicht abbuchen | ungültig RE-7 | RE-7 entfällt
    """,
    "fr": """
        Annulation | Annulation F-7 | Facture annulée 7 | annulé F-7 | Avoir 7 | Rembt 7 | Remise 7 | Ristourne F-7 | Extourne 7 | Perte 7
        Contrepassation 7 | Passage en perte 7 | S/Total | T O T A U X | À reporter | Report | Solde à nouveau | Déjà payé F-7 | réglé F-7
        F-7 ne pas prélever | ne pas débiter F-7 | F-7 acquittée
    """,
    "es": """
        Anulación F-7 | Cancelación F-7 | F-7 cancelada | N/C 7 | N. de C. 7 | Rectificativa 7 | Descuento 7 | Bonificación 7
        Incobrable 7 | Devolución 7 | Subtot. | Suma y sigue | Saldo anterior | Pagado F-7 | ya pagado F-7 | F-7 no cobrar | no cobrar F-7
    """,
    "it": """
        N.C. 7 | NdC 7 | Storno 7 | Annullamento F-7 | F-7 annullata | Accredito 7 | Reso 7 | Abbuono 7 | Sconto 7 | Riporto | A riportare
        Pagato F-7 | già pagata F-7 | F-7 saldata | non addebitare F-7 | Perdita 7
    """,
    "nl": """
        Creditering 7 | Gecrediteerd F-7 | Annulering F-7 | Geannuleerd F-7 | Retour 7 | Korting 7 | Afboeking 7 | F-7 afgeboekt | Transport
        Stornering 7 | Beginsaldo | Betaald F-7 | reeds betaald F-7 | F-7 niet incasseren
    """,
    "pt": """
        Anulação F-7 | Cancelamento F-7 | Cancelada F-7 | F-7 estornada | N/C 7 | Desconto 7 | Abatimento 7 | Incobrável 7 | A transportar
        F-7 paga | Pago F-7 | já pago F-7 | não cobrar F-7
    """,
    "ja": """
        キャンセル 7 | INV-7 キャンセル | 取消 7 | 値引 7 | 値引き | 貸倒 7 | 相殺 7 | INV-7 相殺 | 訂正 7 | 累計 | 繰越 | 前月繰越
        支払済 INV-7 | 請求不要 7 | 請求しない | 引落不要
    """,
}
DESCRIPTIONS = {
    "en": """
        do not charge | Please do not charge this customer | DO NOT BILL | don't charge | not to be charged | no charge | already paid
        Already paid by transfer 3 Nov | paid by bank transfer | paid in cash | Order cancelled | Hosting November – cancelled | on hold
        write-off | bad debt | duplicate | Duplicate of INV-3 | charged already | settled by wire | credit for INV-3
    """,
    "de": """
        nicht abbuchen | bitte nicht mehr abbuchen | Nicht einziehen! | nicht berechnen | keine Abbuchung | bereits bezahlt | schon bezahlt
        bezahlt per Überweisung | überwiesen | bar bezahlt | Auftrag storniert | Stornierung | gesperrt | in Klärung | Doppelte Rechnung
        ausgebucht | zurückgestellt | entfällt | Rechnung erledigt
    """,
    "fr": """
        ne pas prélever | à ne pas débiter | ne pas facturer | déjà payé | déjà réglée | payé par virement | réglé par virement
        commande annulée | annulation | en litige | en attente | doublon | avoir sur F-3
    """,
    "es": "no cobrar | no cargar | ya pagada | pagado por transferencia | pedido anulado | pedido cancelado | en disputa | duplicado | abono de F-3",
    "it": "non addebitare | non incassare | già pagato | pagato con bonifico | ordine annullato | contestata | duplicato | sospeso",
    "nl": "niet incasseren | niet afschrijven | reeds betaald | al betaald | betaald per overschrijving | order geannuleerd | in geschil | dubbel",
    "pt": "não cobrar | não debitar | já pago | pago por transferência | pedido cancelado | em disputa | duplicado",
    "ja": "請求しない | 引き落とし不要 | 支払い済み | 振込済み | 注文キャンセル | キャンセル済み | 二重請求 | 保留 | 請求取消",
}
HONEST_REFERENCES = """
    CRM-12 | TOTALENERGIES-5 | STORNOWAY-1 | CN-TOWER-5 | Canceller 5 | PAIDIA-5 | PAID-MEDIA-7 | Paid media 7 | Writeoffice-7 | TOTO-5
    SUMMIT-4 | SUMMER-2026 | GUTENBERG-7 | CREDITON-7 | AVOIRDUPOIS-1 | NEW-BALANCE-77 | BALANCE-BOARD-7 | Balancer-7 | SALDOMAR-3
    REPORTAGE-7 | Annual report 7 | TRANSPORT-77 | Transport Müller 7 | DISCOUNT-TIRE-4 | REBATEK-4 | Settlers-7 | DUPLO-7 | Anulina 7
    ABO-7 | SKONTOR-7 | Remiserie 7 | RESORT-7 | Perdue-7 | CF-7 | BF-7 | WO-7 | DEV-7 | REVO-7 | Revision 7 | INV-7-R2 | TOTALLY-7
    合同会社-7 | 取引-7 | PAGODA-5 | Pagani 7 | Cobra-7 | Cancun 7 | CANCER-RESEARCH-7 | VOIDCORE 7 | ADJARA-7 | Perth-7 | T-7 | A B C 7
    INV 2 0 2 6 | Sumac 7 | Gesamtschule Nord 7 | KREDITOR-5 | Retourfahrt 7 | HOLDEN-7 | Billund-7 | Returns desk Ltd 7
"""
HONEST_DESCRIPTIONS = """
    Paid social campaign | Paid media November | Prepaid card printing | Cancellation insurance | Noise cancelling headphones
    Total care package | Totalsanierung Bad | Credit check service | Credit card terminal rental | 100 credits
    Refundable deposit | Household goods | Balance bike | Transport to Berlin | Report for Q3 | Duplex printing | Gutscheinkarten
    Doppelzimmer 2 Nächte | Bezahlkarte | Abono transporte mensual | Nicht-Raucher-Zimmer | Payable by 30 Nov | To be paid by 30 November
    Zu bezahlen bis 30.11. | à payer avant le 30 | a pagar antes del 30 | 支払手数料 | キャンセル料 | 取消手数料 | 合同研修 | No-show fee
    Late cancellation fee | Cancellation fee | Frais d'annulation | Stornogebühr | Storno-Gebühr | Stornokosten | Service charge
    Return flight Berlin | Rückfahrt | Korrekturlesen | Unpaid invoice | noch nicht bezahlt | not yet paid | not yet charged | non payé
    no pagado todavía | non ancora pagato | nog niet betaald | ainda não pago | 未払い | Tubo saldato | Discount Tire fitting | Erledigungen
"""


@pytest.mark.parametrize(
    ("language", "reference"),
    [(language, one) for language, text in REFERENCES.items() for one in _words(text)],
)
def test_a_reference_that_says_so_is_never_green(language: str, reference: str) -> None:
    severities = {one.split()[0] for one in said(reference=reference)}
    assert severities, (language, reference)
    assert severities <= {"amber", "red"}


@pytest.mark.parametrize(
    ("language", "description"),
    [(language, one) for language, text in DESCRIPTIONS.items() for one in _words(text)],
)
def test_a_description_that_says_so_is_asked(language: str, description: str) -> None:
    assert [one.split()[0] for one in said(description=description)] == ["amber"], language


@pytest.mark.parametrize("reference", _words(HONEST_REFERENCES))
def test_letters_of_such_words_in_a_reference_say_nothing(reference: str) -> None:
    assert said(reference=reference) == []


@pytest.mark.parametrize("description", _words(HONEST_DESCRIPTIONS))
def test_an_everyday_description_says_nothing(description: str) -> None:
    assert said(description=description) == []


@pytest.mark.parametrize(
    ("note", "code"),
    [
        ("nicht abbuchen", "row_not_to_charge"),
        ("cancelled", "row_is_settled"),
        ("bereits bezahlt", "row_is_settled"),
        ("duplicate", "row_is_settled"),
        ("T O T A L", "row_is_total"),
    ],
)
def test_any_column_can_say_it(note: str, code: str) -> None:
    assert [one.split()[1] for one in said(note=note)] == [code]


@pytest.mark.parametrize("note", ["Return", "Discount", "Retour", "Transport", "Report"])
def test_a_column_of_products_says_nothing_of_reductions(note: str) -> None:
    """A ticket may be single or return."""
    assert said(note=note) == []


def test_what_is_asked_is_said_in_the_words_of_the_row() -> None:
    row = ("a@firma.example", "80.00", "RE-9", "bitte nicht abbuchen", "")
    (error,) = no_charges.marks_of(HEADER, COLUMNS, [row]).of_row(2, row)
    assert (error.column, error.message) == (
        "description",
        "The row says “bitte nicht abbuchen”: is it to be charged?",
    )


def test_parts_of_other_words_make_no_row_be_looked_at_closely() -> None:
    """“Payé” stands in every payer: 50,000 rows would take twice as long."""
    assert hints_in("Payer 7\nMembership 7\nBillings\nHoldings\nReporting\nUnpaid\nannuler") == ()
    assert hints_in("Facture payée 7") == ("payee",)
    assert hints_in("RE-7 nicht abbuchen") == ("abbuchen",)
