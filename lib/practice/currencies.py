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
"""Currencies that are not named have no minimum of their own here."""

ZERO_DECIMAL = frozenset("bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf".split())
SENT_WITH_TWO_ZEROS = frozenset({"isk", "ugx"})
"""Zero-decimal by nature, yet sent as two-decimal amounts that end in 00."""

THREE_DECIMAL = frozenset("bhd jod kwd omr tnd".split())
"""The last digit of an amount must be 0."""

KNOWN = frozenset(
    "aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bhd bif bmd bnd bob brl bsd btn bwp byn "
    "bzd cad cdf chf clp cny cop crc cve czk djf dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gnf "
    "gtq gyd hkd hnl htg huf idr ils inr isk jmd jod jpy kes kgs khr kmf krw kwd kyd kzt lak lbp lkr "
    "lrd lsl mad mdl mga mkd mmk mnt mop mur mvr mwk mxn myr mzn nad ngn nio nok npr nzd omr pab pen "
    "pgk php pkr pln pyg qar ron rsd rub rwf sar sbd scr sek sgd shp sle sos srd std szl thb tjs tnd "
    "top try ttd twd tzs uah ugx usd uyu uzs vnd vuv wst xaf xcd xof xpf yer zar zmw".split()
)


def format_amount(amount: int, currency: str) -> str:
    """As in Stripe's messages: `$0.50 usd` without the sign."""
    if currency in ZERO_DECIMAL:
        return f"{amount} {currency}"
    places = 3 if currency in THREE_DECIMAL else 2
    return f"{amount // 10**places}.{amount % 10**places:0{places}d} {currency}"
