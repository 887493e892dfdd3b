"""Rows that are no charge: totals, credit notes, credits in a debit/credit column, what is settled already."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from lib.domain.files.row_errors import RowError
from lib.domain.runs import Severity
from lib.money import CURRENCIES, Money, format_money

# In English, German, French, Dutch, Spanish, Italian, Polish and Japanese.
_TOTALS = frozenset(
    "total totals subtotal subtotals grandtotal sum sumtotal balance carriedforward broughtforward "
    "totaldue amountdue summe gesamt gesamtsumme gesamtbetrag zwischensumme endsumme übertrag saldo "
    "totalgénéral soustotal totalttc totalht montanttotal somme totaal subtotaal eindtotaal totale "
    "subtotale totalgeneral suma razem ogółem sumatotal 合計 小計 総計 合計金額 総合計".split()
)
_CREDIT_NOTES = (
    "credit note",
    "creditnote",
    "credit memo",
    "credit invoice",
    "gutschrift",
    "rechnungskorrektur",
    "stornorechnung",
    "storno",
    "note de crédit",
    "facture d'avoir",
    "creditnota",
    "creditfactuur",
    "nota de crédito",
    "nota di credito",
    "nota di accredito",
    "kreditnota",
    "kreditnote",
    "faktura korygująca",
    "korekta",
    "赤伝",
    "貸方票",
    "クレジットノート",
    "返品",
)
# As a document's type, where nothing else is expected.
_CREDIT_TYPES = frozenset(
    "credit cr cn crn creditmemo avoir refund refunds reversal chargeback payment receipt deposit "
    "zahlung zahlungseingang erstattung rückerstattung paiement remboursement 返金 入金".split()
)
_TYPE_HEADINGS = frozenset(
    "type doctype documenttype document kind transactiontype transaction category art typ belegart "
    "dokumenttyp dokumentart vorgangsart buchungsart typededocument typedocument soort tipo "
    "tipodocumento rodzaj 種別 種類 区分 伝票種別".split()
)
_SIDE_HEADINGS = frozenset(
    "dc drcr debitcredit dorc creditdebit cd crdr sign sollhaben sh shkennzeichen sollhabenkennzeichen "
    "débitcrédit debetcredit 貸借 借方貸方".split()
)
_CREDIT_SIDES = frozenset("c cr credit h haben k kredit crédit minus - avere 貸 貸方".split())
_CREDIT_HEADINGS = frozenset(
    "credit credits creditamount haben habenbetrag crédit montantcrédit credito avere 貸方 貸方金額".split()
)
_STATE_HEADINGS = frozenset(
    "status state paymentstatus zustand zahlungsstatus statut estado stato".split()
)
_SETTLED = frozenset(
    "paid void voided cancelled canceled reversed writtenoff uncollectible bezahlt storniert erledigt "
    "beglichen payé payée annulé betaald pagado pagata pagato zapłacono 支払済 入金済".split()
)
# One look at a whole row: most hold none of these words.
_HINT = re.compile(
    "total|totaa|sum|somm|razem|ogółem|saldo|balance|forward|amount ?due|übertrag|合計|小計|総計|"
    "credit|crédit|crèdit|crédito|gutschrift|storno|korrektur|avoir|accredito|kredit|koryguj|korekt|"
    "赤伝|貸方|クレジット|返品",
    re.IGNORECASE,
)
_NOTHING = re.compile(r"[-+0.,\s]*\Z")
_SEPARATORS = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class Marks:
    """The columns of a file in which a row can say that it is no charge, by index."""

    types: frozenset[int]
    sides: frozenset[int]
    credits: frozenset[int]
    states: frozenset[int]
    skipped: frozenset[int]
    """Amounts, currencies and what Onfile wrote, which hold no such words."""
    amount_is_credit: bool
    names: Mapping[int, str] = field(default_factory=dict)

    def of_row(self, row: int, cells: Sequence[str]) -> list[RowError]:
        errors: list[RowError] = []
        watched = self.types | self.sides | self.credits | self.states
        places: Iterable[int] = sorted(watched)
        if _HINT.search("\n".join(cells)):
            places = range(len(cells))
        for at in places:
            text = cells[at].strip()
            if text and at not in self.skipped:
                error = self._of_cell(row, at, text)
                if error is not None and error.code not in {one.code for one in errors}:
                    errors.append(error)
        if self.amount_is_credit:
            errors.append(_amber(row, "amount", "amount_of_credits", _CREDIT_COLUMN))
        return errors

    def _of_cell(self, row: int, at: int, text: str) -> RowError | None:
        column, plain = self.names.get(at, ""), _plain(text)
        if at in self.credits:
            if _NOTHING.match(text):
                return None
            return _red(
                row, "amount", "row_is_credit", f"There is a credit in this row: {text[:30]}."
            )
        if at in self.sides and (plain in _CREDIT_SIDES or text in _CREDIT_SIDES):
            return _red(
                row, "amount", "row_is_credit", f"“{text[:20]}” marks a credit, not a charge."
            )
        if at in self.states and plain in _SETTLED:
            return _amber(
                row, column, "row_is_settled", f"The row says “{text[:30]}”: is it still owed?"
            )
        if _is_total(text):
            return _red(row, column, "row_is_total", f"“{text[:40]}” is a total, not a charge.")
        folded = unicodedata.normalize("NFKC", text).casefold()
        is_type = at in self.types
        if (is_type and plain in _CREDIT_TYPES) or any(word in folded for word in _CREDIT_NOTES):
            message = f"“{text[:40]}” is no charge."
            # In a free text it may be spoken of; as a type, or alone in its cell, it is meant.
            if is_type or plain in {_plain(word) for word in _CREDIT_NOTES}:
                return _red(row, column, "row_is_credit_note", message)
            return _amber(
                row, column, "credit_note_mentioned", f"“{text[:40]}”: is this a credit note?"
            )
        return None


_CREDIT_COLUMN = "The amounts are those of a column of credits. Choose the column of what is owed."


def marks_of(header: Sequence[str], columns: Mapping[str, int]) -> Marks:
    plain = [_plain(name) for name in header]
    amount = columns.get("amount")
    skipped = {columns[name] for name in ("amount", "currency") if name in columns}
    skipped |= {
        at for at, name in enumerate(header) if name.strip().casefold().startswith("onfile_")
    }

    def of(words: frozenset[str]) -> frozenset[int]:
        return frozenset(at for at, name in enumerate(plain) if name in words) - skipped

    return Marks(
        of(_TYPE_HEADINGS),
        of(_SIDE_HEADINGS),
        of(_CREDIT_HEADINGS),
        of(_STATE_HEADINGS),
        frozenset(skipped),
        amount is not None and amount < len(plain) and plain[amount] in _CREDIT_HEADINGS,
        {index: name for name, index in columns.items()},
    )


def sums_of_others(rows: Sequence[tuple[int, str, Money]]) -> list[RowError]:
    """
    Rows whose amount is the sum of those above: of all of them in the last row, or of one customer's.

    Args:
        rows: number, customer and amount of those that can be read, in the order of the file.
    """
    errors = []
    totals: dict[str, int] = {}
    counts: dict[str, int] = {}
    group: list[Money] = []
    customer = ""
    for at, (number, whose, money) in enumerate(rows):
        code = money.currency
        if whose != customer:
            customer, group = whose, []
        of_group = sum(one.amount for one in group if one.currency == code)
        is_last = at == len(rows) - 1
        if len(group) > 1 and of_group == money.amount:
            errors.append(_sum_of(number, money, "the rows of this customer above it"))
            group = []
        elif is_last and counts.get(code, 0) > 1 and totals[code] == money.amount:
            errors.append(_sum_of(number, money, "all rows above it"))
        else:
            group.append(money)
        totals[code] = totals.get(code, 0) + money.amount
        counts[code] = counts.get(code, 0) + 1
    return errors


def _sum_of(number: int, money: Money, others: str) -> RowError:
    amount = format_money(money.amount, money.currency)
    return _amber(
        number, "amount", "amount_is_a_sum", f"{amount} is the sum of {others}: is it a total?"
    )


def _is_total(text: str) -> bool:
    """The word alone, or with a currency, a date or another number behind it."""
    words = [
        word for word in _SEPARATORS.split(unicodedata.normalize("NFKC", text).casefold()) if word
    ]
    while len(words) > 1 and (words[-1] in CURRENCIES or words[-1].isdecimal()):
        words.pop()
    return bool(words) and "".join(words) in _TOTALS


def _plain(text: str) -> str:
    return _SEPARATORS.sub("", unicodedata.normalize("NFKC", text).casefold())


def _red(row: int, column: str, code: str, message: str) -> RowError:
    return RowError(row, column or "description", code, message)


def _amber(row: int, column: str, code: str, message: str) -> RowError:
    return RowError(row, column or "description", code, message, Severity.AMBER)
