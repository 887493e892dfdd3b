"""Currencies and their smallest charge, in minor units (docs.stripe.com/currencies)."""

from __future__ import annotations

MINIMUM_CHARGE = {
    "usd": 50,
    "aed": 200,
    "ars": 50,
    "aud": 50,
    "brl": 50,
    "cad": 50,
    "chf": 50,
    "cop": 50,
    "czk": 1500,
    "dkk": 250,
    "eur": 50,
    "gbp": 30,
    "hkd": 400,
    "huf": 17500,
    "idr": 50,
    "ils": 50,
    "inr": 50,
    "jpy": 50,
    "krw": 50,
    "mxn": 1000,
    "myr": 200,
    "nok": 300,
    "nzd": 50,
    "php": 50,
    "pln": 200,
    "ron": 200,
    "rub": 50,
    "sek": 300,
    "sgd": 50,
    "thb": 1000,
    "zar": 50,
}
"""Stripe's table. What the sum is worth is asked besides, of every currency."""

LEAST_SETTLED = 50
"""What a charge must come to in the settlement currency, in its minor units."""

_RATES = (
    "aed 3.67 afn 70 all 83 amd 384 ang 1.79 aoa 917 ars 1450 aud 1.52 awg 1.79 azn 1.7 bam 1.69 bbd "
    "2 bdt 122 bgn 1.69 bhd 0.377 bif 2950 bmd 1 bnd 1.3 bob 6.9 brl 5.4 bsd 1 btn 88 bwp 13.5 byn "
    "3.3 bzd 2 cad 1.39 cdf 2300 chf 0.8 clp 940 cny 7.1 cop 3900 crc 503 cve 95 czk 21 djf 178 dkk "
    "6.45 dop 63 dzd 130 egp 48 etb 150 eur 0.86 fjd 2.26 fkp 0.75 gbp 0.75 gel 2.7 gip 0.75 gmd 72 "
    "gnf 8650 gtq 7.66 gyd 209 hkd 7.78 hnl 26 htg 131 huf 335 idr 16500 ils 3.3 inr 88 isk 123 jmd "
    "160 jod 0.709 jpy 152 kes 129 kgs 87 khr 4020 kmf 423 krw 1420 kwd 0.306 kyd 0.83 kzt 530 lak "
    "21600 lbp 89500 lkr 303 lrd 182 lsl 17.3 mad 9.2 mdl 16.9 mga 4450 mkd 53 mmk 2100 mnt 3590 mop "
    "8 mur 45.6 mvr 15.4 mwk 1734 mxn 18.4 myr 4.2 mzn 63.9 nad 17.3 ngn 1460 nio 36.8 nok 10.1 npr "
    "141 nzd 1.75 omr 0.385 pab 1 pen 3.4 pgk 4.2 php 58 pkr 281 pln 3.65 pyg 7050 qar 3.64 ron 4.38 "
    "rsd 101 rub 81 rwf 1450 sar 3.75 sbd 8.2 scr 14 sek 9.4 sgd 1.3 shp 0.75 sle 23 sos 571 srd 38.5 "
    "std 21000 szl 17.3 thb 32.5 tjs 9.2 tnd 2.92 top 2.4 try 42 ttd 6.8 twd 30.8 tzs 2460 uah 42 ugx "
    "3490 usd 1 uyu 40 uzs 12000 vnd 26300 vuv 122 wst 2.77 xaf 564 xcd 2.7 xof 564 xpf 102 yer 239 "
    "zar 17.3 zmw 22"
).split()
UNITS_A_DOLLAR = dict(zip(_RATES[::2], map(float, _RATES[1::2]), strict=True))
"""Rough: it decides only whether a sum is worth the least that Stripe settles."""

ZERO_DECIMAL = frozenset("bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf".split())
SENT_WITH_TWO_ZEROS = frozenset({"isk", "ugx"})
"""Zero-decimal by nature, yet sent as two-decimal amounts that end in 00."""

THREE_DECIMAL = frozenset("bhd jod kwd omr tnd".split())
"""The last digit of an amount must be 0."""

KNOWN = frozenset(UNITS_A_DOLLAR)


def format_amount(amount: int, currency: str) -> str:
    """As in Stripe's messages: `$0.50 usd` without the sign."""
    digits = places(currency)
    if digits == 0:
        return f"{amount} {currency}"
    return f"{amount // 10**digits}.{amount % 10**digits:0{digits}d} {currency}"


def settled(amount: int, currency: str) -> int:
    """What the sum roughly comes to in US cents, rounded down."""
    return int(amount / 10 ** places(currency) / UNITS_A_DOLLAR[currency] * 100)


def places(currency: str) -> int:
    if currency in ZERO_DECIMAL:
        return 0
    return 3 if currency in THREE_DECIMAL else 2
