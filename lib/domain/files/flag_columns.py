"""Columns of flags: whether a row is to be charged, was taken back, or is less than nothing in quantity or net."""

from __future__ import annotations

import re
from collections.abc import Callable

from lib.domain.files.credit_words import NO, YES, bare_text
from lib.domain.files.row_errors import RowError
from lib.domain.runs import Severity

_NOTHING = re.compile(r"[-+0.,:'’/\s]*\Z")
_NEGATIVE = re.compile(r"\s*(?:[-−–(]|.*[-−–]\s*\Z)")


def _set(text: str) -> frozenset[str]:
    return frozenset(map(bare_text, text.split()))


_CHARGE = _set(
    "charge chargeit tocharge tobecharged shouldcharge collect tocollect bill billable tobill chargeable approved include included "
    "abbuchen einziehen abzubuchen einzuziehen einzug abbuchung belasten freigegeben berechnen "
    "débiter àdébiter prélever àprélever prélèvement facturer àfacturer inclure approuvé "
    "cobrar acobrar incluir aprobado addebitare daaddebitare incassare daincassare approvato "
    "incasseren teincasseren afschrijven innen teinnen cobrarcliente aprovado 請求する 請求対象 課金する 課金対象 引落対象"
)
_NOT_CHARGE = _set(
    "skip skipped exclude excluded ignore ignored omit omitted donotcharge dontcharge nocharge donotbill onhold blocked "
    "paused suspended dunningblock paymentblock "
    "auslassen ausgelassen überspringen ausgeschlossen ausschließen ignorieren gesperrt sperre zahlungssperre nichtabbuchen "
    "nichteinziehen zurückgestellt "
    "ignorer exclure exclu bloqué bloquer nepasprélever nepasdébiter suspendu omitir excluir excluido bloqueado nocobrar "
    "escludere escluso bloccato sospeso nonaddebitare uitsluiten uitgesloten overslaan geblokkeerd nietincasseren "
    "ignorar excluído nãocobrar 除外 対象外 請求しない 保留 停止"
)
# Buildings have blocks, and tours have stops.
_NOT_CHARGE_BY_YES = _set("hold block stop bloque bloc")
_TAKEN_BACK = _set(
    "reversed reversal isreversed reversalof reverses reversedby reversedon reversaldocument reversaldate deleted isdeleted deletedat deletedon "
    "cancelledat canceledat cancelledon canceledon cancelledby cancellationdate voidedat voidedon voiddate refundedat refundedon refunddate "
    "creditnoteno creditnotenumber creditnoteid creditmemono creditmemonumber creditedby creditedon duplicate isduplicate duplicateof "
    "stornobeleg stornobelegnummer stornobelegnr stornonummer stornonr stornodatum storniertam storniertdurch gutschriftnr gutschriftsnr "
    "gutschriftnummer gutschriftsnummer gelöscht gelöschtam duplikat doppelt "
    "extourne extourné extournéle supprimé suppriméle annuléle remboursé rembourséle nodavoir numérodavoir doublon "
    "eliminado eliminada reembolsado anuladoel duplicado eliminato rimborsato annullatoil duplicato "
    "verwijderd gecrediteerd terugbetaald geannuleerdop dubbel excluída estornado 削除 取消日 返金日 重複"
)
_NET = _set(
    "qty quantity units pieces net netamount nettotal subtotal unitprice price vat vatamount tax taxamount lineamount linetotal "
    "menge anzahl stück netto nettobetrag nettosumme einzelpreis preis mwst mwstbetrag ust ustbetrag steuerbetrag steuer "
    "quantité qté ht montantht prixunitaire tva montanttva cantidad neto importeneto base baseimponible preciounitario iva importeiva "
    "quantità imponibile netto prezzo prezzounitario aantal hoeveelheid nettobedrag prijs btw btwbedrag quantidade líquido "
    "ilość cena množství 数量 単価 税抜金額 小計 消費税"
)
# Sums stand under them, too.
_MAY_BE_AMOUNTS = _set("charge collect bill einzug abbuchung prélèvement")


def _charge(row: int, column: str, text: str) -> RowError | None:
    return _not_to_charge(row, column, text) if bare_text(text) in NO else None


def _charge_by_word(row: int, column: str, text: str) -> RowError | None:
    return _charge(row, column, text) if text != "0" else None


def _not_charge(row: int, column: str, text: str) -> RowError | None:
    if bare_text(text) in NO or _NOTHING.match(text):
        return None
    return _not_to_charge(row, column, text)


def _not_charge_by_yes(row: int, column: str, text: str) -> RowError | None:
    return _not_to_charge(row, column, text) if bare_text(text) in YES else None


def _taken_back(row: int, column: str, text: str) -> RowError | None:
    if bare_text(text) in NO or _NOTHING.match(text):
        return None
    return _amber(
        row, column, "row_is_settled", f"“{text[:30]}” stands here: was this row taken back?"
    )


def _net(row: int, column: str, text: str) -> RowError | None:
    if not (_NEGATIVE.match(text) and any("1" <= letter <= "9" for letter in text)):
        return None
    return _amber(
        row,
        column,
        "row_perhaps_credit",
        f"{text[:30]} is less than nothing: is this row a credit?",
    )


def credit_flag(text: str) -> bool | None:
    """Of a column “Credit”: whether the row is one where it says yes or no; None where it says something else."""
    bare = bare_text(text)
    return True if bare in YES - {"1"} else False if bare in NO else None


def _not_to_charge(row: int, column: str, text: str) -> RowError:
    message = f"“{text[:30]}” stands here: is this row to be charged?"
    return _amber(row, column, "row_not_to_charge", message)


def _amber(row: int, column: str, code: str, message: str) -> RowError:
    return RowError(row, column or "description", code, message, Severity.AMBER)


FLAG_JUDGES: tuple[tuple[frozenset[str], Callable[[int, str, str], RowError | None]], ...] = (
    (_CHARGE - _MAY_BE_AMOUNTS, _charge),
    (_MAY_BE_AMOUNTS, _charge_by_word),
    (_NOT_CHARGE, _not_charge),
    (_NOT_CHARGE_BY_YES, _not_charge_by_yes),
    (_TAKEN_BACK, _taken_back),
    (_NET, _net),
)
