"""Parts of the words of totals and credits: a file without any of them is not looked through word by word."""

from __future__ import annotations

import re

from lib.domain.files import row_states
from lib.domain.files.credit_words import flat_text

_LATIN_HINTS = tuple(
    "tot,celkem,sum,somm,gesamt,ergebnis,razem,saldo,balance,forward,i alt,ialt,yhteens,toplam,viso,"
    "kokku,amount due,amountdue,spolu,ukupno,skupaj,samtals,jumlah,osszesen,credit,gutschrift,storno,korrektur,"
    "avoir,abono,rectificat,accredito,krediet,kredit,kredy,kreedit,koryguj,korekt,adjustment,hyvit,dobropis,"
    "opravny,sztorn,helyesb,jovair,odobren,iade,alacak,estorno,sucet,ubertrag,vahesumma,kopa,soucet,osszeg,vsota,tongcong,tong cong,ttl,refund,reversal,chargeback,erstattung,ruckzahlung,rembours,reembols,devol,"
    "rimbors,terugbetal,zwrot,vratk,visszaterit,aterbetal,tilbagebetal,palautus,cr note,crnote,void,rfnd,rvsl,overpay,uberzahl,trop,exceso,eccesso,veel betaald,"
    "nadp,preplat,tulfizet,overbetal,liikamaksu,fazla".split(",")
)
_HINTS = (
    *_LATIN_HINTS,
    *row_states.HINTS,
    *map(
        flat_text,
        "∑ σ επιστροφ 退款 返金 ogółem đơn tổng подыт усього итог всего всього разом общо σύνολ مجموع إجمالي סה รวม πιστωτικ кредит корректир коригу "
        "переплата 過払 多付 초과납부 возврат повернен זיכוי دائن ใบลดหน 합계 소계 총계 合计 小计 总计 總計 合計 小計 総計 红字 紅字 贷项 贷记 "
        "折让 折讓 대변 마이너스 수정세금 크레딧 환불 赤伝 貸方 クレジット マイナス 返品".split(),
    ),
)


# “T O T A L”.
_APART = re.compile(r"(?<!\w)[^\W\d_](?:[ ._-][^\W\d_](?!\w)){3,}")
_BETWEEN_WORDS = re.compile(r"[\W_]+")
_NO_DIGITS = str.maketrans("", "", "0123456789")


def hints_in(text: str) -> tuple[str, ...]:
    """One look at a whole file, by lines, for each: most files hold hardly any."""
    lines = {line.translate(_NO_DIGITS) for line in set(searchable(text).split("\n"))}
    kinds = "\n".join(lines)
    to_charge = [one for one in row_states.HINTS_TO_CHARGE if one in kinds]
    # Invoices and charges are spoken of everywhere; that there is to be none, seldom.
    forbidden = any(map(row_states.forbids, lines)) if to_charge else False
    pieces = [hint for hint in _HINTS if hint in kinds]
    # Whole words: “payé” stands in every payer.
    words = row_states.WORDS.intersection(_BETWEEN_WORDS.split(kinds))
    return (*pieces, *sorted(words), *(to_charge if forbidden else ()))


def searchable(text: str) -> str:
    """As words are looked for in it: also those that are written with spaces between their letters."""
    flat = flat_text(text)
    apart = ["".join(filter(str.isalpha, one)) for one in _APART.findall(flat)]
    return "\n".join((flat, *apart)) if apart else flat
