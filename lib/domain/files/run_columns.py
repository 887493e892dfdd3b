"""The columns of a run's file: what each means, what people call it, and what Onfile adds to results."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from lib.domain.files import currency_signs
from lib.domain.files.columns import OURS, ColumnTable, FileColumn, plain_name
from lib.money import CURRENCIES

COLUMNS = (
    FileColumn(
        "customer",
        "Customer",
        True,
        (
            "customer id",
            "stripe customer",
            "stripe customer id",
            "customer_email",
            "client",
            "client id",
            "e-mail",
            "email address",
            "e-mail address",
            "Kunde",
            "Kunden-ID",
            "Kundennummer",
            "Kunden-Nr.",
            "Kundennr",
            "E-Mail-Adresse",
            "Kunden-E-Mail",
            "client e-mail",
            "courriel",
            "adresse e-mail",
            "identifiant client",
            "numéro client",
            "顧客",
            "顧客ID",
            "顧客番号",
            "お客様",
            "メールアドレス",
            "メール",
        ),
    ),
    FileColumn(
        "amount",
        "Amount",
        True,
        (
            "amount due",
            "total",
            "total amount",
            "sum",
            "gross",
            "gross amount",
            "invoice amount",
            "Betrag",
            "Summe",
            "Gesamtbetrag",
            "Rechnungsbetrag",
            "Bruttobetrag",
            "Brutto",
            "montant",
            "montant TTC",
            "montant dû",
            "montant total",
            "金額",
            "請求金額",
            "請求額",
            "合計",
            "合計金額",
        ),
    ),
    FileColumn(
        "currency",
        "Currency",
        True,
        (
            "currency code",
            "ccy",
            "cur",
            "ISO currency",
            "Währung",
            "Waehrung",
            "Währungscode",
            "devise",
            "monnaie",
            "code devise",
            "通貨",
            "通貨コード",
        ),
    ),
    FileColumn(
        "reference",
        "Reference",
        True,
        (
            "invoice number",
            "invoice no",
            "invoice id",
            "invoice",
            "invoice #",
            "ref",
            "reference number",
            "bill number",
            "order number",
            "Rechnungsnummer",
            "Rechnungs-Nr.",
            "Rechnungsnr",
            "Rechnung",
            "Belegnummer",
            "Referenz",
            "Zahlungsreferenz",
            "référence",
            "réf",
            "numéro de facture",
            "n° de facture",
            "no facture",
            "facture",
            "請求書番号",
            "請求番号",
            "参照番号",
            "伝票番号",
        ),
    ),
    FileColumn(
        "payment_method",
        "Payment method",
        False,
        (
            "payment method id",
            "stripe payment method",
            "saved method",
            "pm",
            "card",
            "Zahlungsmethode",
            "Zahlungsart",
            "Zahlungsmittel",
            "Karte",
            "moyen de paiement",
            "mode de paiement",
            "carte",
            "支払い方法",
            "支払方法",
            "決済方法",
            "カード",
        ),
    ),
    FileColumn(
        "description",
        "Description",
        False,
        (
            "details",
            "purpose",
            "text",
            "memo",
            "Beschreibung",
            "Verwendungszweck",
            "Buchungstext",
            "libellé",
            "désignation",
            "motif",
            "説明",
            "摘要",
            "内容",
        ),
    ),
    FileColumn(
        "statement_descriptor_suffix",
        "Text on the statement",
        False,
        (
            "statement descriptor",
            "descriptor suffix",
            "descriptor",
            "suffix",
            "statement text",
            "Kontoauszugstext",
            "Text auf dem Kontoauszug",
            "libellé du relevé",
            "libellé bancaire",
            "明細書表記",
            "明細表記",
        ),
    ),
)

RUN_COLUMNS = ColumnTable(
    COLUMNS,
    acted_on=[column.name for column in COLUMNS if column.required],
    # Lists of other things are often hidden; only what could be charged is worth a question.
    is_table=[frozenset({"amount", "customer"}), frozenset({"amount", "reference"})],
)

RESULT_COLUMNS = (
    "onfile_state",
    "onfile_payment_intent",
    "onfile_failure_code",
    "onfile_reason",
    "onfile_next_step",
    "onfile_recovery_url",
    "onfile_charged_at",
    "onfile_reading",
)
# Beside the file's cells, of rows that were corrected; `corrections` says by whom and why.
CORRECTION_COLUMNS = (
    "onfile_customer",
    "onfile_amount",
    "onfile_currency",
    "onfile_reference",
    "onfile_payment_method",
    "onfile_description",
    "onfile_statement_descriptor_suffix",
    "onfile_left_out",
    "onfile_corrections",
)
# After these, where payers were told of the run before it was executed.
ANNOUNCEMENT_COLUMNS = ("onfile_announced_at", "onfile_announced_for")
_LETTERS = re.compile(r"[^\W\d_]+")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_UNITS = {
    "cents or other smallest units": re.compile(
        r"(?<![^\W_])(?:cents?|pence|centimes?|céntimos?|centavos?|centesimi|rappen|öre|øre|grosz[ey]?|haléř[eů]?|paise|"
        r"minor(?:[\s_-]?units?)?|smallest[\s_-]?units?|kleinste[\s_-]einheit)(?![^\W_])",
        re.IGNORECASE,
    ),
    "thousands": re.compile(
        r"(?<![^\W_])(?:[tk][€$£]|[€$£]k|teur|tchf|tusd|keur|kusd|kchf|kgbp|tsd|tausend|thousands?|milliers?|miles de|migliaia|duizend(?:en)?|"
        r"tys|000s|千円|千)(?![^\W_])|(?<![^\W_])[x×]\s?1[.,]?000(?![^\W_])|['’]000(?![0-9])",
        re.IGNORECASE,
    ),
    "millions": re.compile(
        r"(?<![^\W_])(?:mio|mln|millions?|millionen|百万円|百万)(?![^\W_])", re.IGNORECASE
    ),
}
_SIGNS = re.compile(rf"[^\W\d_]*[{currency_signs.SIGNS}]")


def stated_currencies(heading: str) -> frozenset[str]:
    """
    The currency that a heading of amounts states in it, “Betrag (EUR)”, or those that its sign can
    stand for, “Total $”. Empty where it states none or several.
    """
    words = _LETTERS.findall(unicodedata.normalize("NFKC", heading))
    codes = {word.lower() for word in words if word.isupper() and word.lower() in CURRENCIES}
    last = words[-1].lower() if words else ""
    if last in CURRENCIES and plain_name(heading).removesuffix(last) in RUN_COLUMNS.words_of(
        "amount"
    ):
        codes.add(last)
    signs = currency_signs.named(" ".join(_SIGNS.findall(unicodedata.normalize("NFKC", heading))))
    if signs is None:
        return frozenset(codes) if len(codes) == 1 else frozenset()
    return signs & codes if codes else signs


def other_unit(heading: str) -> str:
    """
    Another unit than whole ones that a heading of amounts names, in words: “Amount (cents)”, “Betrag in T€”; empty
    where it names none.
    """
    plain = _CAMEL.sub(" ", unicodedata.normalize("NFKC", heading))
    return next((unit for unit, pattern in _UNITS.items() if pattern.search(plain)), "")


def correction_columns(header: Sequence[str]) -> dict[str, int]:
    """Of a results file: `customer`, `amount` … and `corrections`, to where they stand."""
    return {
        name.strip().casefold().removeprefix(OURS): index
        for index, name in enumerate(header)
        if name.strip().casefold() in CORRECTION_COLUMNS
    }
