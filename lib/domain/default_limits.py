"""
The limit of a currency for which nobody has set one: roughly 5,000 US dollars' worth for one charge.

Rates are indicative mid-market rates of mid-2026 in units per US dollar, as ExchangeRate-API publishes them
(https://www.exchangerate-api.com), rounded to three digits. They decide who must agree and never what is
charged, so that a rate which has moved by a tenth does no harm; an admin sets a limit in a minute.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from lib.money import currency

RATES_OF = date(2026, 7, 1)
DOLLARS = 5_000
# A run and a day together. A limit that every ordinary run passes teaches people to agree unread.
CHARGES_A_DAY = 10

_RATES = (
    "aed 3.67 afn 65.9 all 82.2 amd 366 ang 1.79 aoa 926 ars 1490 aud 1.43 awg 1.79 azn 1.7 bam 1.71 "
    "bbd 2 bdt 123 bgn 1.71 bhd 0.376 bif 2990 bmd 1 bnd 1.29 bob 11 brl 5.07 bsd 1 bwp 14.2 "
    "byn 2.87 bzd 2 cad 1.4 cdf 2270 chf 0.81 clp 944 cny 6.78 cop 3210 crc 454 cve 96.9 czk 21.2 "
    "djf 178 dkk 6.56 dop 58.2 dzd 133 egp 51.3 etb 160 eur 0.87 fjd 2.25 fkp 0.75 gbp 0.75 gel 2.62 "
    "gip 0.75 gmd 74.4 gnf 8780 gtq 7.63 gyd 209 hkd 7.84 hnl 26.8 htg 131 huf 318 idr 17900 ils 3.05 "
    "inr 96.6 isk 126 jmd 158 jod 0.709 jpy 164 kes 129 kgs 87.4 khr 4050 kmf 432 krw 1460 kwd 0.309 "
    "kyd 0.83 kzt 470 lak 22400 lbp 89500 lkr 336 lrd 181 lsl 16.8 mad 9.36 mdl 17.6 mga 4300 mkd 54 "
    "mmk 2100 mnt 3570 mop 8.07 mur 47.4 mvr 15.5 mwk 1750 mxn 17.5 myr 4.09 mzn 63.4 nad 16.8 ngn 1360 "
    "nio 36.8 nok 9.57 npr 155 nzd 1.72 omr 0.384 pab 1 pen 3.4 pgk 4.45 php 61.8 pkr 278 pln 3.79 "
    "pyg 6050 qar 3.64 ron 4.59 rsd 103 rub 78.2 rwf 1470 sar 3.75 sbd 8.07 scr 14.5 sek 9.71 sgd 1.29 "
    "shp 0.75 sle 24.4 sos 571 srd 37.8 std 21500 szl 16.8 thb 33.7 tjs 9.23 tnd 2.95 top 2.36 try 47.3 "
    "ttd 6.78 twd 32.4 tzs 2630 uah 44.8 ugx 3710 usd 1 uyu 40.2 uzs 12100 vnd 26300 vuv 118 wst 2.71 "
    "xaf 577 xcd 2.7 xof 577 xpf 105 yer 238 zar 16.8 zmw 18.5"
).split()
PER_DOLLAR = {code: Decimal(rate) for code, rate in zip(_RATES[::2], _RATES[1::2], strict=True)}
"""Units of each currency that Stripe charges for one US dollar."""


def default_charge(code: str) -> int:
    """
    The most that one person may charge at once where nobody has set a limit: minor units, a sum of
    two digits and zeros.
    """
    worth = DOLLARS * PER_DOLLAR[code]
    whole = int(worth.quantize(Decimal(1).scaleb(worth.adjusted() - 1)))
    return whole * currency(code).factor
