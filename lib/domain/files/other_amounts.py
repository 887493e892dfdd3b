"""Columns of amounts beside the one that is read: where they say another sum, which one is charged is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lib.domain.files import credit_words
from lib.domain.files.amounts import NumberStyle
from lib.domain.files.columns import is_ours
from lib.domain.files.credit_words import bare_text
from lib.domain.files.row_errors import RowError
from lib.domain.files.row_orders import RowOrder
from lib.domain.files.run_columns import RUN_COLUMNS
from lib.domain.files.sheets import SheetRow
from lib.domain.files.signed_sums import number_in
from lib.domain.files.telling_columns import plain_heading
from lib.domain.runs import Severity
from lib.money import currency

_TOTALS = frozenset(map(bare_text, RUN_COLUMNS.words_of("amount"))) | frozenset(
    map(
        bare_text,
        (
            "invoice total,grand total,order total,total incl. VAT,total with tax,Endbetrag,Rechnungssumme,Gesamtsumme,Zahlbetrag,"
            "total TTC,total à payer,importe,importe total,total factura,total a pagar,importo,importo totale,totale,totale fattura,"
            "bedrag,totaalbedrag,factuurbedrag,totaal,valor,valor total,montante,total geral,total a pagar,総額,税込金額"
        ).split(","),
    )
)
_OPEN = credit_words.OPEN_AMOUNT_HEADINGS
# “Amount due” may be the invoice's, or what is left of it.
_IS_OPEN_FOR_SURE = _OPEN - _TOTALS


@dataclass(frozen=True, slots=True)
class OtherAmounts:
    """Of one file."""

    header: Sequence[str]
    chosen: int
    others: tuple[int, ...]

    def question(self, order: RowOrder, row: SheetRow, style: NumberStyle) -> RowError | None:
        if order.money is None:
            return None
        charged, decimals = order.money.amount, currency(order.money.currency).decimals
        for at in self.others:
            number = number_in(row.cells[at], row.values.get(at), style)
            if number is None:
                continue
            sum_beside = number.scaleb(decimals)
            # What is left of a larger sum is what its name says.
            is_left = self._is_open(self.chosen) and sum_beside >= charged and not self._is_open(at)
            if sum_beside != charged and not is_left:
                return RowError(
                    order.number,
                    "amount",
                    "amount_of_two_columns",
                    f"“{self._name(self.chosen)}” is read as the amount, and “{self._name(at)}” says another sum: which one "
                    "is to be charged?",
                    Severity.AMBER,
                )
        return None

    def _is_open(self, at: int) -> bool:
        return plain_heading(self.header[at]) in _IS_OPEN_FOR_SURE

    def _name(self, at: int) -> str:
        return " ".join(self.header[at].split())[:40]


def other_amounts(header: Sequence[str], columns: Mapping[str, int]) -> OtherAmounts | None:
    """None where one column holds amounts."""
    chosen = columns.get("amount")
    if chosen is None:
        return None
    others = tuple(
        at
        for at, name in enumerate(header)
        if at not in columns.values()
        and not is_ours(name)
        and plain_heading(name) in _TOTALS | _OPEN
    )
    return OtherAmounts(header, chosen, others) if others else None
