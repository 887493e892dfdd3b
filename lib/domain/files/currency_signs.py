"""Currency signs beside a number: which currencies a person can take them for."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from lib.money import CURRENCIES

_DOLLARS = (
    "usd aud bbd bmd bnd bsd bzd cad fjd gyd hkd jmd kyd lrd nad nzd sbd sgd srd ttd twd xcd "
    "ars clp cop cve dop mxn mop uyu"
)
# What is seen, not which region the number format names: “$” may be any of the dollars.
_SIGNS: dict[str, frozenset[str]] = {
    sign: frozenset(codes.split())
    for sign, codes in {
        "$": _DOLLARS,
        "US$": "usd",
        "A$": "aud",
        "AU$": "aud",
        "C$": "cad",
        "CA$": "cad",
        "HK$": "hkd",
        "MX$": "mxn",
        "NT$": "twd",
        "NZ$": "nzd",
        "R$": "brl",
        "S$": "sgd",
        "€": "eur",
        "EURO": "eur",
        "EUROS": "eur",
        "£": "gbp egp fkp gip lbp shp",
        "¥": "jpy cny",
        "円": "jpy",
        "元": "cny twd hkd",
        "RMB": "cny",
        "₩": "krw",
        "₹": "inr",
        "RS": "inr lkr mur npr pkr scr",
        "₪": "ils",
        "₱": "php",
        "₫": "vnd",
        "₴": "uah",
        "₺": "try",
        "TL": "try",
        "₽": "rub",
        "₦": "ngn",
        "₡": "crc",
        "₲": "pyg",
        "₸": "kzt",
        "₮": "mnt",
        "₼": "azn",
        "₾": "gel",
        "₭": "lak",
        "฿": "thb",
        "ZŁ": "pln",
        "KČ": "czk",
        "FT": "huf",
        "LEI": "ron mdl",
        "KR": "sek nok dkk isk",
        "FR": "chf",
        "SFR": "chf",
        "ЛВ": "bgn",
        "РУБ": "rub",
        "Р": "rub",
        "ГРН": "uah",
        "R": "zar",
        "RM": "myr",
        "RP": "idr",
    }.items()
}
SIGNS = "$€£¥₩₹₪₱₫₴₺₽₦₡₲₸₮₼₾₭฿"
_WORDS = re.compile(rf"[^\W\d_]*[{SIGNS}]|[^\W\d_]+")


# A column has one sign, and a file a few.
@lru_cache(maxsize=500)
def named(text: str) -> frozenset[str] | None:
    """
    The currencies that the signs and words in a text can stand for; None when they name none.
    Empty when they contradict each other.
    """
    currencies: frozenset[str] | None = None
    for word in _WORDS.findall(unicodedata.normalize("NFKC", text)):
        codes = _codes(word)
        if codes is not None:
            currencies = codes if currencies is None else currencies & codes
    return currencies


@lru_cache(maxsize=500)
def has_foreign_words(text: str) -> bool:
    """Whether there is a word or sign in it that names no currency."""
    words = _WORDS.findall(unicodedata.normalize("NFKC", text))
    return any(_codes(word) is None for word in words)


def _codes(word: str) -> frozenset[str] | None:
    plain = word.upper()
    if plain.lower() in CURRENCIES and len(plain) == 3:
        return frozenset({plain.lower()})
    return _SIGNS.get(plain)
