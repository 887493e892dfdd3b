"""
Words by which a text says what became of its row: cancelled, paid, reduced, a duplicate, kept back, not to be charged.

In English, German, French, Spanish, Italian, Dutch, Portuguese and Japanese; without case, accents, spaces and signs.
Several words are written with _ between them.
"""

from __future__ import annotations

from lib.domain.files.credit_words import INVOICE_TYPES, SETTLED, VOID, bare_text


def _set(text: str) -> frozenset[str]:
    return frozenset(map(bare_text, text.split()))


def _looked_for(text: str) -> frozenset[str]:
    _PIECES.update(max(map(bare_text, word.split("_")), key=len) for word in text.split())
    return _set(text)


# Of each word the longest part, which stands in whatever it is written with: “on hold”, “on-hold”.
_PIECES: set[str] = set()
# What a row can be, as the last word of a text or beside nothing but the name of an invoice.
STATES = (
    SETTLED
    | VOID
    | _looked_for(
        "reversed returned deducted credited written_off "
        "ausgebucht abgeschrieben ungültig entfällt entfallen abgebucht eingezogen überwiesen gesperrt zurückgestellt gutgeschrieben "
        "extourné extournée acquitté acquittée contesté contestée prélevé prélevée encaissé encaissée remboursé remboursée "
        "estornada estornado impugnada abonada reembolsada rechazada "
        "stornata stornato annullato annullata contestata contestato sospeso sospesa incassato addebitato rimborsata "
        "afgeboekt geïncasseerd overgemaakt geannuleerd teruggestort "
        "cancelada cancelado estornada debitado cobrado"
    )
)
# In a text of several words these are somebody's work, or hold a pipe together.
NOT_AT_AN_END = _set(
    "concept draft entwurf brouillon borrador bozza proforma closed cleared waived pago paga settled disputed soldée "
    "saldato saldata cobrado cobrada returned"
)
_CANCELLATIONS = _looked_for(
    "cancellation cancelation cancel cxl cxld canc cncl stornierung annullierung annulation anulación cancelación annullamento "
    "annulering anulação cancelamento キャンセル"
)
_DUPLICATES = _looked_for(
    "duplicate duplicates dup dupl duplicated doppelt duplikat doppelte_rechnung doublon duplicado duplicada duplicato dubbel 重複"
)
_KEPT_BACK = _looked_for(
    "hold on_hold in_dispute under_dispute in_klärung en_litige en_attente en_suspens en_disputa en_reclamación in_contestazione "
    "in_sospeso in_geschil em_disputa em_reclamação 保留 保留中"
)
# Alone, or beside the name of an invoice: “Duplicate of INV-3”.
ALONE = STATES | _CANCELLATIONS | _DUPLICATES | _KEPT_BACK
# What makes a debt smaller; as a product's name any of them is everyday.
REDUCTIONS = _looked_for(
    "discount discounts rebate rebates allowance write_off write_offs bad_debt bad_debts return returns deduction adjustment "
    "rabatt rabatte skonto nachlass preisnachlass korrektur ausbuchung abschreibung wertberichtigung rückbuchung rückvergütung "
    "rücklastschrift retoure rücknahme remise rabais ristourne extourne contrepassation escompte retour perte passage_en_perte rembt "
    "descuento bonificación rebaja devolución incobrable castigo rectificativa sconto abbuono reso accredito perdita ribasso "
    "korting afboeking afschrijving creditering stornering desconto abatimento devolução incobrável "
    "値引 値引き 割引 返品 貸倒 貸倒損失 相殺 訂正 戻入"
)
# Alone in a cell they may be what was owed before, or is now: “Opening balance”, “Saldovortrag”.
CARRIED = _looked_for(
    "balance_brought_forward balance_carried_forward opening_balance closing_balance starting_balance ending_balance previous_balance running_total running_balance page_total report_total "
    "balance_bf balance_cf balance_bfwd balance_cfwd brought_fwd carried_fwd brought_over carried_over "
    "saldovortrag saldo_vortrag vortrag anfangssaldo endsaldo schlusssaldo eröffnungssaldo kontostand zwischensaldo "
    "solde solde_à_nouveau à_reporter solde_initial solde_final saldo_anterior saldo_inicial saldo_final suma_y_sigue suma_anterior "
    "riporto a_riportare saldo_precedente saldo_iniziale saldo_finale beginsaldo eindsaldo tussensaldo a_transportar "
    "累計 繰越 前月繰越 次月繰越 前期繰越 繰越金 繰越残高 残高"
)
# In place of a reference or a customer alone; elsewhere they are everyday products.
CARRIED_AS_KEYS = _set("bf cf report transport transporte")
# Before a state they turn it round: “noch nicht bezahlt”, “to be paid”.
TURNS = _set(
    "not never un nicht noch kein keine werden wird zu sein muss soll pas non à être doit no sin sea por ser ancora "
    "da essere niet nog geen te moet worden não ainda a be to must until if unless wenn falls si se als"
)
# After “already” or before it they say what was done; alone they may be what is usual.
DONE = STATES | _set("charged collected billed debited")
EARLIER = _set("already bereits schon déjà ya già reeds al já")
# “Paid by bank transfer”.
HOW = _set(
    "by via in per mit bar am par en le avec por con el com em met op with on cash direct from durch auf"
)
PAID = _set(
    "paid settled bezahlt gezahlt beglichen überwiesen payé payée réglé réglée pagado pagada pagato pagata betaald voldaan "
    "overgemaakt pago paga"
)
NOT = _set("not dont don doesnt never nicht ne pas niet não ikke")
# Of these only the very next word counts: “no-show charge” is an everyday fee.
NO = _set("no non kein keine keinen geen sin sem senza ohne")
TO_CHARGE = _set(
    "charge charged bill billed collect collected debit debited invoice invoiced chargeable billable "
    "abbuchen abbuchung abgebucht einziehen einzug eingezogen belasten belastung berechnen berechnung abrechnen fakturieren "
    "prélever prélèvement prélevé débiter facturer encaisser cobrar cargar cargo facturar cobro "
    "addebitare addebito incassare incasso fatturare incasseren afschrijven factureren innen debitar faturar cobrança"
)
# “Not yet charged” is what every row of a run is.
YET = _set("yet noch encore todavía aún ancora nog ainda")
# Without spaces between words; what follows may make a fee of it: キャンセル料.
JAPANESE_STATES = "支払済 支払い済 入金済 振込済 引落済 引き落とし済 請求済 キャンセル 取消 取り消し 返金 重複 二重請求 保留 貸倒 相殺".split()
JAPANESE_FEES = "料 代 手数 保険 ポリシー 規定 待ち 不可 保証"
JAPANESE_NOT_TO_CHARGE = "請求しない 請求不要 請求なし 請求停止 引落不要 引き落とし不要 引落しない 引き落とさない 引落停止 課金しない 課金不要 課金停止".split()
# Beside one of them there is nothing but an invoice: “Stornierung der Rechnung RE-7”.
NAMES_OF_INVOICES = INVOICE_TYPES | _set(
    "invoices bills note memo nota order no nr num of for the to on zu zur zum von vom für der die das den auf de du la le les des sur pour del "
    "el los para di da il lo do dos van voor het em and und et y e en order auftrag commande pedido ordine bestelling"
)
# Fees for what was cancelled are charged.
FEES = _set(
    "fee fees charge charges gebühr gebühren kosten pauschale frais tasa penalización penale taxa multa insurance versicherung "
    "assurance seguro policy"
)
PIECES = frozenset(_PIECES)
