"""
Words by which rows say that they are credits, totals or settled, in the languages of the encodings in which files come.

All are compared without case, spaces and signs.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from itertools import groupby

from lib.domain.identity import visible

_SEPARATORS = re.compile(r"[\W_]+")
_FEWEST_APART = 4
# Each cell is looked at in many ways, one after the other.
_OF_ONE_ROW = 64


def flat_text(text: str) -> str:
    """Without case, accents and letters that are not shown."""
    if text.isascii():
        return text.casefold()
    parts = unicodedata.normalize("NFKD", visible(text).casefold())
    # The Turkish letter without a dot is no accent to Unicode.
    return "".join(one for one in parts if not unicodedata.combining(one)).replace("ı", "i")


@lru_cache(_OF_ONE_ROW)
def bare_text(text: str) -> str:
    """Letters and digits alone: of “Note_de crédit”, “Facture d’avoir”."""
    return _SEPARATORS.sub("", flat_text(text))


def words_in(text: str) -> list[str]:
    """Letters that stand apart are one word: “T O T A L”."""
    return list(_words_in(text))


@lru_cache(_OF_ONE_ROW)
def _words_in(text: str) -> tuple[str, ...]:
    words = [word for word in _SEPARATORS.split(flat_text(text)) if word]
    return tuple(words if len(words) < _FEWEST_APART else _put_together(words))


def _put_together(words: list[str]) -> list[str]:
    joined: list[str] = []
    for is_letter, group in groupby(words, lambda word: len(word) == 1 and word.isalpha()):
        same = list(group)
        joined += ["".join(same)] if is_letter and len(same) >= _FEWEST_APART else same
    return joined


def _set(text: str) -> frozenset[str]:
    return frozenset(map(bare_text, text.split()))


TOTALS = _set(
    "total totals tot ttl subtot zwsumme zwisumme gessumme kundensumme totaux summen σ balancedue subtotal subtotals grandtotal sum sumtotal balance carriedforward broughtforward "
    "totaldue amountdue summe gesamt gesamtsumme gesamtergebnis ergebnis teilergebnis gesamtbetrag zwischensumme endsumme übertrag saldo "
    "totalgénéral soustotal totalttc totalht montanttotal somme totaal subtotaal eindtotaal totale "
    "subtotale totalgeneral suma razem ogółem sumatotal sumakońcowa summa delsumma totalt slutsumma ialt yhteensä välisumma celkem součet mezisoučet "
    "spolu medzisúčet összesen részösszeg mindösszesen ukupno sveukupno skupaj vmesnavsota totalgenerală toplam aratoplam geneltoplam samtals "
    "итого всего итог подытог усього всього разом общо σύνολο γενικόσύνολο išviso kopā kokku vahesumma tổngcộng jumlah "
    "المجموع الإجمالي סהכ รวม รวมทั้งสิ้น 합계 소계 총계 合计 小计 总计 總計 合計 小計 総計 合計金額 総合計"
)
# Behind a total: “Summe netto”, “Total incl. VAT”.
QUALIFIERS = _set(
    "net gross netto brutto ht ttc incl excl inkl exkl incl excl including excluding zzgl abzgl btw vat gst tax mwst ust tva iva dph áfa kdv "
    "moms pvn pvm due payable open offen rows items invoices lines zeilen posten rechnungen lignes bez s z vč z"
)
# Spreadsheets write “Acme Total” and “Acme Ergebnis” under a group, people “Subtotal Acme”.
BEFORE_A_NAME = _set(
    "subtotal subtotals grandtotal zwischensumme gesamtsumme endsumme teilergebnis gesamtergebnis "
    "soustotal subtotaal eindtotaal subtotale totalfor totalof totalfür totalpour totalde totaldi totalvoor "
    "小計 総計 小计 总计 소계 итого подытог celkem toplam yhteensä razem összesen"
)
BEHIND_A_NAME = _set(
    "total subtotal ergebnis summe totaal totale toplam összesen yhteensä 合計 小計 合计 小计 합계 소계"
)
CREDIT_NOTES = tuple(
    (
        "credit note, creditnote, credit memo, credit invoice, credit adjustment note, adjustment note, gutschrift, rechnungskorrektur, "
        "korrekturrechnung, stornorechnung, stornobeleg, storno, note de crédit, facture d'avoir, facture rectificative, creditnota, "
        "creditfactuur, kredietnota, nota de crédito, nota de abono, nota credito, factura rectificativa, factura de abono, estorno, "
        "nota di credito, nota di accredito, nota d'accredito, nota de crèdit, kreditnota, kreditnote, kreditfaktura, kreditfaktur, "
        "kreditreikningur, hyvityslasku, hyvitys, kreeditarve, kredītrēķins, kreditinė sąskaita, faktura korygująca, faktura korekta, "
        "korekta, nota kredytowa, dobropis, opravný daňový doklad, jóváíró számla, jóváírás, sztornó, helyesbítő számla, notă de credit, "
        "factură storno, odobrenje, knjižno odobrenje, iade faturası, alacak dekontu, πιστωτικό τιμολόγιο, πιστωτικό σημείωμα, πιστωτικό, "
        "кредит-нота, кредитовое авизо, кредитно известие, корректировочный счет, корректировочная счет-фактура, коригуюча накладна, "
        "возврат, повернення, חשבונית זיכוי, זיכוי, إشعار دائن, ใบลดหนี้, hóa đơn điều chỉnh giảm, nota kredit, 红字发票, 紅字發票, 贷项通知单, 贷项凭证, "
        "贷记单, 折让单, 折讓單, 대변전표, 마이너스 세금계산서, 수정세금계산서, 크레딧 노트, 크레딧노트, 환불, 赤伝, 貸方票, 貸方伝票, クレジットノート, クレジットメモ, マイナス請求, 返品, overpayment, "
        "überzahlung, trop-perçu, pago en exceso, pagamento in eccesso, teveel betaald, te veel betaald, nadpłata, přeplatek, túlfizetés, "
        "переплата, överbetalning, overbetaling, liikamaksu, fazla ödeme, 過払い, 多付, 초과납부"
    ).split(", ")
)
# As a document's type, where nothing else is expected; alone or with a number behind it.
CREDIT_TYPES = _set(
    "credit cr cn crn cm creditmemo accreccredit abono avoir refund refunds reversal chargeback payment receipt deposit "
    "return returns writeoff zahlung zahlungseingang erstattung rückerstattung retoure "
    "paiement remboursement pago reembolso devolución devolucion cobro pagamento rimborso incasso betaling terugbetaling "
    "zwrot płatność wpłata platba úhrada vratka fizetés оплата платеж платёж ödeme iade "
    "退款 付款 付款单 收款 환급 입금 返金 入金 支払"
)
# At the beginning of a text, or alone in a cell: “Refund of INV-1”.
REFUNDS = _set(
    "refund refunds refunded reversal chargeback erstattung rückerstattung rückzahlung remboursement reembolso devolución devolução "
    "rfnd rvsl rimborso terugbetaling zwrot vratka visszatérítés återbetalning tilbagebetaling palautus iade возврат повернення επιστροφή "
    "退款 환불 返金 crnote"
)
# Short names by which numbers of credit notes begin: “CN-17”. The first are hardly anything else.
CREDIT_PREFIXES = _set(
    "cn crn crnote creditnote creditmemo credit cred gutschrift gut storno avoir korekta dobropis kreditnota abono"
)
# At an end of a reference, between signs: “INV-7-CR”, “RFND-7”. Initials of sellers end references, too, so
# they are only those that hardly anybody has.
CREDIT_ENDS = _set(
    "cr crn crnt cn cnt cnote crnote cm crmemo ncr cred rf rfd rfn rfnd refd rvsl rvrsl chbk gut gutschr "
    "adj writeoff"
)
VOID = _set(
    "void voided voids annulled nullified annulliert storniert annulé annulée anulado anulada anulowana anulowano annullato annullata "
    "geannuleerd stornováno sztornózva annullerad annulleret annullert peruttu iptal аннулировано аннулирован анулировано 作废 取消 無効 취소"
)
OVERPAID = _set(
    "overpayment overpayments overpaid überzahlung überzahlt guthaben tropperçu sobrepago overbetaling nadpłata přeplatek preplatok túlfizetés "
    "переплата överbetalning liikamaksu fazlaödeme ylimaksu unapplied 過払い 多付 溢缴 과납"
)
OVERPAID_HEADINGS = OVERPAID | _set(
    "creditbalance unappliedamount unappliedcredit accountcredit prepayment prepayments prepaid anzahlung anzahlungen acompte anticipo acconto vorauszahlung"
)
# Of what a row may say of itself as a state, what others call their work: “Logo concept”, “Draft of a contract”.
ALSO_WORK = _set(
    "concept draft entwurf brouillon borrador bozza proforma closed cleared waived pago paga settled disputed"
)
# These may as well be initials: said of numbers that stand among others.
PERHAPS_CREDIT_PREFIXES = _set(
    "cm cr gs gu nc ncr av avr sr rk kn krn kor kfv fk fkor dob hyv kred"
)
# Short names of credits in the columns of types of common programs.
PERHAPS_CREDIT_TYPES = PERHAPS_CREDIT_PREFIXES | _set("sc scn dg dz rt ret rtn ncc ndc ab")
# One of them beside other words: “Credit adjustment”. A credit card is none.
CREDIT_WORDS = _set("credit credits credited avoir gutschrift storno crédito abono")
CARDS = _set("card cards karte carte tarjeta carta")
# What a charge is called as a document's type.
INVOICE_TYPES = _set(
    "invoice invoices inv bill bills debit dr charge charges sale sales subscription fee fees accrec taxinvoice debitnote "
    "rechnung rechnungen re rg ar lastschrift belastung facture factures fac factuur facturen factura facturas fattura fatture "
    "fatura faktura faktury fv számla lasku arve rēķins sąskaita račun τιμολόγιο счет счёт рахунок накладна фактура "
    "חשבונית فاتورة 发票 發票 请款单 应收 세금계산서 청구서 계산서 請求 請求書 売上"
)
TYPE_HEADINGS = _set(
    "type doctype documenttype document kind transactiontype transaction txntype category art typ belegart belegtyp "
    "dokumenttyp dokumentart vorgangsart vorgang buchungsart typededocument typedocument typedepièce "
    "naturedepièce nature invoicetype rechnungsart recordtype entrytype soort documentsoort tipo tipodocumento tipodoc "
    "tipodedocumento tipodefactura tipofactura rodzaj rodzajdokumentu typdokumentu typdokladu druhdokladu bizonylattípus "
    "dokumenttype dokumenttyyppi laji belgetürü belgetipi тип типдокумента виддокумента τύπος "
    "类型 单据类型 發票類型 유형 문서유형 種別 種類 区分 伝票種別"
)
NUMBER_HEADINGS = _set(
    "number no nr documentnumber documentno docno docnumber docnum document invoicenumber invoiceno voucher voucherno "
    "belegnummer belegnr belegno beleg dokumentnummer dokumentennummer rechnungsnummer rechnungsnr numéro numérodepièce "
    "pièce nodepièce numérodocument documentnummer factuurnummer numero numerodocumento númerodedocumento numfactura "
    "númerodefactura numerofattura numerdokumentu nrdokumentu numerfaktury číslodokladu bizonylatszám sorszám "
    "dokumentnummer fakturanummer tositenumero belgeno faturano номер номердокумента 单据号 发票号 發票號碼 문서번호 伝票番号"
)
SIDE_HEADINGS = _set(
    "side seite drcrindicator debitcreditindicator creditdebitindicator dcindicator cdtdbtind dc drcr debitcredit direction debitorcredit vorzeichen plusminus signe segno signo znak teken sens dorc creditdebit cd crdr sign sollhaben sh shkennzeichen sollhabenkennzeichen "
    "débitcrédit debetcredit dareavere debehaber débitocrédito débitoocrédito wnma winienma mdd mddal maldádal mádátidal "
    "дткт дебеткредит borçalacak 借贷 借贷方向 차변대변 차대구분 貸借 借方貸方"
)
CREDIT_SIDES = _set(
    "c cr crdt credit h haben k kredit crédit crédito minus avere a ma dal haber кт к кредит alacak 贷 贷方 대변 貸 貸方"
)
CREDIT_HEADINGS = _set(
    "credit credits creditamount haben habenbetrag crédit montantcrédit credito crédito avere haber kredit kredyt ma dal "
    "кредит alacak 贷方 贷方金额 대변 대변금액 貸方 貸方金額"
)
# A flag, or the number of a credit note that belongs to the row.
FLAG_HEADINGS = _set(
    "creditnote creditmemo iscredit iscreditnote isrefund refund refunded credited gutschrift istgutschrift storno avoir notedecrédit "
    "estavoir notadecrédito notadicredito abono creditnota kreditnota dobropis korekta кредитнота 红字 貸方票"
)
NO = _set(
    "no n false 0 nein falsch non faux no nee falso nie ne nem nej ei hayır нет ні 否 아니오 いいえ none null"
)
POSTING_KEY_HEADINGS = _set("postingkey pk pstky bschl buchungsschlüssel bs clédecomptabilisation")
PAID_AMOUNT_HEADINGS = _set(
    "amountpaid paidamount paidtodate payments paymentsreceived bezahlterbetrag gezahlterbetrag gezahlt zahlungen "
    "montantpayé montantréglé payéàcejour importepagado pagadohastahoy importopagato betaaldbedrag reedsbetaald kwotazapłacona "
    "已付金额 入金額 入金済額"
)
OPEN_AMOUNT_HEADINGS = _set(
    "balance openbalance openamount amountopen opened outstanding outstandingamount remaining remainingamount balancedue amountdue "
    "offen offenerbetrag offenerposten restbetrag restforderung saldo resteàpayer montantrestant solde soldedû pendiente "
    "importependiente saldopendiente dapagare residuo saldodovuto openstaand openstaandbedrag restant dozapłaty pozostało "
    "未付金额 余额 残高 未収残高"
)
STATE_HEADINGS = _set(
    "status state paymentstatus invoicestatus zustand zahlungsstatus rechnungsstatus statut étatpaiement étatdepaiement étatdelafacture "
    "estado estadodepago estadodelafactura stato statopagamento statofattura betaalstatus statusfaktury statuspłatności stav tila durum "
    "статус 状态 支付状态 상태 状態 ステータス 入金状況 支払状況"
)
SETTLED = _set(
    "paid refunded credited erstattet gutgeschrieben remboursé remboursée void voided cancelled canceled reversed writtenoff "
    "uncollectible settled cleared closed waived disputed partiallypaid partlypaid partpaid partiallyrefunded draft proforma "
    "bezahlt teilbezahlt gezahlt storniert annulliert erledigt ausgeglichen beglichen entwurf "
    "payé payée réglé réglée annulé annulée soldée brouillon betaald voldaan geannuleerd gecrediteerd concept "
    "pagado pagada cobrado cobrada anulado anulada cancelado cancelada borrador pagato pagata saldato saldata incassata annullata bozza "
    "pago paga liquidada zapłacono zapłacona opłacono opłacona anulowana zaplaceno uhrazeno stornováno fizetve kifizetve sztornózva "
    "betalt betald krediterad krediteret maksettu peruttu ödendi iptal plaćeno plačano "
    "оплачено оплачен оплачена отменен отменён отменено сплачено πληρωμένο εξοφλημένο "
    "已付款 已支付 已结清 已取消 作废 결제완료 납부완료 취소 支払済 入金済 支払済み 入金済み キャンセル 取消"
)
DONE_WITH = (SETTLED - ALSO_WORK) | VOID
"""Outside a column of states: what nobody calls their work."""
# “Paid: yes” says the same.
PAID_HEADINGS = _set(
    "paid paidon paidat datepaid bezahltam gezahltam payéle réglée pagadoel pagatoil betaaldop pagoem ispaid settled void voided cancelled canceled bezahlt storniert payé payée annulé annulée betaald pagado pagada pagato pagata pago "
    "zapłacono zaplaceno fizetve betalt betald maksettu ödendi оплачено 已付款 支払済 入金済"
)
YES = _set("yes y true x 1 ja j wahr oui vrai sí si sì tak ano igen evet да 是 예 はい")
