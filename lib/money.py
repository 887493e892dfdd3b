"""Amounts: integers in minor units with their currency, and the rules of each currency."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from lib.errors import InvalidInput

# https://docs.stripe.com/currencies (presentment currencies; per-account lists may be shorter).
_TWO_DECIMAL = (
    "aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bmd bnd bob brl bsd bwp byn bzd cad "
    "cdf chf cny cop crc cve czk dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gtq gyd hkd hnl "
    "htg huf idr ils inr jmd kes kgs khr kyd kzt lak lbp lkr lrd lsl mad mdl mkd mmk mnt mop mur "
    "mvr mwk mxn myr mzn nad ngn nio nok npr nzd pab pen pgk php pkr pln qar ron rsd rub sar sbd "
    "scr sek sgd shp sle sos srd std szl thb tjs top try ttd twd tzs uah usd uyu uzs wst xcd yer "
    "zar zmw"
).split()
_ZERO_DECIMAL = "bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf".split()
# Sent to Stripe with two decimals that must be 00, though nobody writes decimals in them.
_WHOLE_BUT_SENT_WITH_TWO = ("isk", "ugx")
# Sent with three decimals, the last of which must be 0.
_THREE_DECIMAL = ("bhd", "jod", "kwd", "omr", "tnd")

# Major units, https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts. The true
# minimum is that of the settlement currency, so this is only a first check; Stripe has the last word.
_MINIMUM = {
    "usd": ".50",
    "aed": "2",
    "ars": ".50",
    "aud": ".50",
    "brl": ".50",
    "cad": ".50",
    "chf": ".50",
    "cop": ".50",
    "czk": "15",
    "dkk": "2.50",
    "eur": ".50",
    "gbp": ".30",
    "hkd": "4",
    "huf": "175",
    "idr": ".50",
    "ils": ".50",
    "inr": ".50",
    "jpy": "50",
    "krw": "50",
    "mxn": "10",
    "myr": "2",
    "nok": "3",
    "nzd": ".50",
    "php": ".50",
    "pln": "2",
    "ron": "2",
    "rub": ".50",
    "sek": "3",
    "sgd": ".50",
    "thb": "10",
    "zar": ".50",
}

# Whole units of the other currencies that are worth about a quarter of a dollar. Nobody is settled in
# these, and Stripe refuses what comes to less than about half a dollar; half of that leaves room for
# what rates may do, so that nothing is refused here which Stripe would take.
_TOO_LITTLE = (
    "afn 10 all 20 amd 90 aoa 200 bdt 30 bif 700 bob 1 btn 20 bwp 3 cdf 500 clp 200 cny 1 crc "
    "100 cve 20 djf 40 dop 10 dzd 30 egp 10 etb 30 gmd 10 gnf 2000 gtq 1 gyd 50 hnl 6 htg 30 "
    "isk 30 jmd 40 kes 30 kgs 20 khr 1000 kmf 100 kzt 100 lak 5000 lbp 20000 lkr 70 lrd 40 lsl "
    "4 mad 2 mdl 4 mga 1000 mkd 10 mmk 500 mnt 800 mop 2 mur 10 mvr 3 mwk 400 mzn 10 nad 4 ngn "
    "300 nio 9 npr 30 pgk 1 pkr 70 pyg 1000 rsd 20 rwf 300 sbd 2 scr 3 sle 5 sos 100 srd 9 std "
    "5000 szl 4 tjs 2 try 10 ttd 1 twd 7 tzs 600 uah 10 ugx 800 uyu 10 uzs 3000 vnd 6000 vuv 30 "
    "xaf 100 xof 100 xpf 20 yer 50 zmw 5"
).split()
_WORTH_TOO_LITTLE = dict(zip(_TOO_LITTLE[::2], map(int, _TOO_LITTLE[1::2]), strict=True))

# Cards take up to twelve digits; the API reference still says eight for everything else.
MAXIMUM_MINOR = 999_999_999_999

_SYMBOLS = {
    "usd": "$",
    "eur": "€",
    "gbp": "£",
    "jpy": "¥",
    "krw": "₩",
    "inr": "₹",
    "ils": "₪",
    "cad": "CA$",
    "aud": "A$",
    "nzd": "NZ$",
    "hkd": "HK$",
    "sgd": "S$",
    "mxn": "MX$",
    "brl": "R$",
    "twd": "NT$",
    "php": "₱",
    "vnd": "₫",
    "uah": "₴",
    "try": "₺",
}
_PLAIN_AMOUNT = re.compile(r"(?P<whole>[0-9]{1,15})(?:\.(?P<fraction>[0-9]*))?\Z", re.ASCII)

# "88,40" can only mean 88.40 where there are two decimals.
_DECIMAL_COMMA = re.compile(r"(?P<whole>[0-9]{1,12}),(?P<fraction>[0-9]{2})\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Currency:
    code: str
    decimals: int
    """Decimals that people write."""
    exponent: int
    """Decimals that Stripe expects: minor = major * factor."""

    @property
    def factor(self) -> int:
        return int(10**self.exponent)

    @property
    def smallest(self) -> int:
        """The smallest step in minor units that people may write: 1 for usd, 100 for ugx, 10 for kwd."""
        return 10 if self.exponent == 3 else int(10 ** (self.exponent - self.decimals))


CURRENCIES: dict[str, Currency] = {
    **{code: Currency(code, 2, 2) for code in _TWO_DECIMAL},
    **{code: Currency(code, 0, 0) for code in _ZERO_DECIMAL},
    **{code: Currency(code, 0, 2) for code in _WHOLE_BUT_SENT_WITH_TWO},
    **{code: Currency(code, 3, 3) for code in _THREE_DECIMAL},
}


@dataclass(frozen=True, slots=True, order=True)
class Money:
    amount: int
    """Minor units, as Stripe counts them."""
    currency: str
    """Lower-case ISO code."""

    def __str__(self) -> str:
        return format_money(self.amount, self.currency)


def currency(code: str) -> Currency:
    """
    Look a currency up by its code in any case.

    Raises:
        InvalidInput: Stripe does not take this currency.
    """
    known = CURRENCIES.get(code) or CURRENCIES.get(code.strip().lower())
    if known is not None:
        return known
    if not code.strip():
        raise InvalidInput(
            "No currency is named. Say which, by a code such as usd, eur or jpy.",
            field="currency",
            code="currency_missing",
        )
    raise InvalidInput(
        f"“{code.strip()[:12]}” is not a currency that Stripe charges. Use a code such as usd, eur or jpy.",
        field="currency",
        code="currency_unknown",
    )


def parse_amount(text: str, code: str) -> Money:
    """
    Read an amount in major units ("12.34") that is to be charged.

    Raises:
        InvalidInput: as `parse_total` and `checked` do.
    """
    return checked(parse_total(text, code))


def parse_total(text: str, code: str) -> Money:
    """
    Read an amount in major units ("12.34") with a dot as the only separator; the least and the most
    that Stripe charges at once do not matter.

    Never rounds and never guesses: signs, exponents, thousands separators, decimal commas and
    digits the currency does not have are refused.

    Raises:
        InvalidInput: with the reason, and `field` "amount" or "currency".
    """
    unit = currency(code)
    cleaned = text.strip()
    match = _PLAIN_AMOUNT.match(cleaned)
    if match is None:
        raise InvalidInput(
            f"“{cleaned[:24]}” is not an amount. {_how_to_write(cleaned, unit)}",
            field="amount",
            code="amount_invalid",
        )
    fraction = match["fraction"] or ""
    if cleaned.endswith("."):
        raise InvalidInput(
            f"“{cleaned[:24]}” ends in a dot. Write for example {_example(unit)}.",
            field="amount",
            code="amount_invalid",
        )
    if len(fraction) > unit.decimals:
        raise InvalidInput(
            f"{unit.code.upper()} has {_decimals_in_words(unit.decimals)}; “{cleaned[:24]}” has {len(fraction)}.",
            field="amount",
            code="amount_too_many_decimals",
        )
    minor = int(match["whole"]) * unit.factor + int(fraction.ljust(unit.exponent, "0") or 0)
    return Money(minor, unit.code)


def checked(money: Money) -> Money:
    """
    Apply the rules Stripe has for this amount: above zero, minimum, maximum, last digits.

    Raises:
        InvalidInput: with the reason; `field` is "amount".
    """
    unit = currency(money.currency)
    if money.amount <= 0:
        raise InvalidInput(
            "The amount must be more than zero.", field="amount", code="amount_not_positive"
        )
    if money.amount > MAXIMUM_MINOR:
        raise InvalidInput(
            f"The amount is larger than Stripe takes ({format_money(MAXIMUM_MINOR, unit.code)}).",
            field="amount",
            code="amount_too_large",
        )
    if money.amount % unit.smallest:
        rule = "the third decimal must be 0" if unit.decimals else "only whole units are charged"
        raise InvalidInput(
            f"In {unit.code.upper()} {rule}.", field="amount", code="amount_too_many_decimals"
        )
    minimum = minimum_minor(unit.code)
    if money.amount < minimum:
        raise InvalidInput(
            f"Stripe charges {format_money(minimum, unit.code)} or more.",
            field="amount",
            code="amount_too_small",
        )
    return Money(money.amount, unit.code)


@cache
def minimum_minor(code: str) -> int:
    """
    The least amount that can be charged in the currency as far as is known here, in minor units:
    what Stripe's table says, else what is certainly worth too little.
    """
    unit = currency(code)
    if unit.code not in _MINIMUM:
        return max(_WORTH_TOO_LITTLE.get(unit.code, 0) * unit.factor, unit.smallest)
    whole, _, fraction = _MINIMUM[unit.code].partition(".")
    return int(whole or 0) * unit.factor + int(fraction.ljust(unit.exponent, "0") or 0)


def format_major(minor: int, code: str) -> str:
    """Digits with a dot and no separators, as `parse_amount` reads them: 123450 usd -> "1234.50"."""
    unit = currency(code)
    sign = "-" if minor < 0 else ""
    whole, rest = divmod(abs(minor), unit.factor)
    if not unit.decimals:
        return f"{sign}{whole}"
    return f"{sign}{whole}.{rest:0{unit.exponent}d}"


def format_money(minor: int, code: str) -> str:
    """For people: "€1,234.50", "¥5,000", "CHF 12.00". Unknown currencies show raw minor units."""
    if code.lower() not in CURRENCIES:
        return f"{code.upper()} {minor} (minor units)"
    unit = currency(code)
    digits = format_major(abs(minor), code)
    whole, dot, rest = digits.partition(".")
    symbol = _SYMBOLS.get(unit.code, f"{unit.code.upper()}\N{NO-BREAK SPACE}")
    sign = "−" if minor < 0 else ""
    return f"{sign}{symbol}{int(whole):,}{dot}{rest}"


def _example(unit: Currency) -> str:
    """An amount of the size of an everyday invoice, for messages."""
    minor = 1230 * (10 if unit.exponent == 3 else 1) if unit.decimals else 1200 * unit.factor
    return format_major(minor, unit.code)


def _how_to_write(cleaned: str, unit: Currency) -> str:
    example = _example(unit)
    if not set(cleaned) & {",", " ", "\N{NO-BREAK SPACE}"}:
        return f"Write digits{' with a dot' if unit.decimals else ''}, for example {example}."
    meant = _DECIMAL_COMMA.match(cleaned)
    if meant is not None and len(meant["fraction"]) == unit.decimals:
        example = f"{meant['whole']}.{meant['fraction']}"
    decimals = "a dot for decimals, no comma" if unit.decimals else "no decimals"
    return f"Write {example}: {decimals}, no thousands separators or spaces."


def _decimals_in_words(count: int) -> str:
    return {0: "no decimals", 2: "two decimals", 3: "three decimals"}[count]
