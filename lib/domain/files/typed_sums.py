"""Sums that a person types: to charge, to expect, to confirm. What can mean two sums is asked."""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal

import regex

from lib.domain import identity
from lib.domain.files import currency_signs
from lib.domain.files.number_styles import DecimalSign, is_negative, narrow, readings
from lib.domain.identity import visible
from lib.domain.typed_codes import typed_currency
from lib.errors import InvalidInput
from lib.money import Currency, Money, currency, format_money, parse_total

NO_CHARGE = "A negative amount is no charge: a credit, a refund or a payment."
# Words and signs, each perhaps with a dot of its own: “Fr.”, “kr.”, “€”.
# Letters only: ½ and ² are numbers, and belong to the sum.
_LETTER = r"\p{L}\p{M}"
_ONE = rf"(?:[{_LETTER}]\.?|[{currency_signs.SIGNS}]|\s)"
# An end is looked for where it begins, and not from every letter of it on: a cell of blanks would take minutes.
_BESIDE = regex.compile(
    rf"\A{_ONE}++|(?<![{_LETTER}{currency_signs.SIGNS}\s])(?<![{_LETTER}]\.){_ONE}++\Z"
)
# Between sums of several currencies, not inside of one: what our own pages write there, and people.
_BETWEEN = regex.compile(
    r"[;·•&+|；、\n\v\f\r\x1c-\x1e\x85\u2028\u2029]|\sand\s|,\s+|(?<=\p{L}),"
    rf"|,(?=\p{{L}}|[{currency_signs.SIGNS}])",
    regex.IGNORECASE,
)


def written(text: str) -> str:
    """The number without a currency beside it."""
    return _BESIDE.sub("", narrow(text))


def typed(text: str, code: str, sign: DecimalSign | None = None, *, as_shown: bool = True) -> Money:
    """
    A sum with or without thousands and a currency; of any size, also nothing.

    Args:
        sign: the decimal sign that the person uses, for what can mean two sums.
        as_shown: whether a sum in the form in which the screen shows it, `KWD 1.230`, is that sum where no
            sign was said. Not where nobody was shown one.

    Raises:
        InvalidInput: no sum, one of another currency, or with the code `amount_two_sums`.
    """
    text, unit = visible(text), typed_currency(code)
    refuse_unreadable(text)
    if is_negative(text):
        raise InvalidInput(f"“{text[:24]}”: {NO_CHARGE}", field="amount", code="amount_negative")
    named = currency_signs.named(text)
    if named is not None and unit.code not in named:
        raise InvalidInput(
            f"“{text.strip()[:24]}” names another currency than {unit.code.upper()}.",
            field="amount",
            code="currency_contradicts_format",
        )
    numbers = {} if currency_signs.has_foreign_words(text) else readings(written(text))
    if not unit.decimals:
        # A sign in a sum without decimals can only be one between thousands.
        whole = {one: number for one, number in numbers.items() if number.as_tuple().exponent == 0}
        numbers = whole or numbers
    if sign is None and as_shown:
        for number in numbers.values():
            if text == _shown(number, unit):
                return _money(number, unit.code)
    sums = list(dict.fromkeys(numbers.values()))
    if not sums:
        return parse_total(text, unit.code)
    if len(sums) > 1 and sign not in numbers:
        both = " or ".join(
            f"{_in_full(number, unit)} (decimal {one.value})" for one, number in numbers.items()
        )
        raise InvalidInput(
            f"“{text.strip()[:24]}” can mean {both}. Write the decimals too, so that it can mean one sum only.",
            field="amount",
            code="amount_two_sums",
        )
    return _money(numbers[sign] if sign in numbers else sums[0], unit.code)


def expected(text: str, code: str, sign: DecimalSign | None = None) -> Money:
    """
    As `typed`, of a sum that is compared with one on the screen: in the form in which that shows it, it is
    that sum, whatever is said of others beside it.
    """
    try:
        return typed(text, code)
    except InvalidInput as refused:
        if sign is None or refused.code != "amount_two_sums":
            raise
    return typed(text, code, sign)


def refuse_unreadable(text: str) -> None:
    """
    Raises:
        InvalidInput: a letter in it can be neither shown nor left out.
    """
    identity.refuse_unreadable(text, what="amount", field="amount", code="amount_invalid")


def is_same(money: Money, text: str) -> bool:
    """Whether what was typed to confirm a sum can mean it; it always can as it is shown."""
    if visible(text) == visible(format_money(money.amount, money.currency)):
        return True
    for sign in DecimalSign:
        try:
            if typed(text, money.currency, sign) == money:
                return True
        except InvalidInput:
            continue
    return False


def listed(text: str, currencies: Collection[str]) -> list[tuple[str, str]]:
    """
    Sums of several currencies, each with its code: “€1,234.50 · ¥5,000”, “12345.60 eur and 5000 jpy”.

    Args:
        currencies: those that are expected, for signs that several have.

    Raises:
        InvalidInput: one without a currency.
    """
    sums = []
    # What is copied out of a table has a tab between the code and the sum.
    pieces = _BETWEEN.split(visible(text).replace("\t", " "))
    for piece in filter(None, map(visible, pieces)):
        refuse_unreadable(piece)
        codes = currency_signs.named(piece) or frozenset()
        if len(codes) > 1:
            codes = codes & set(currencies) or codes
            codes = frozenset(code for code in codes if _is_as_shown(piece, code)) or codes
        if len(codes) != 1:
            raise InvalidInput(
                f"“{piece[:24]}”: write each total with its currency, for example 12345.60 eur, 5000 jpy.",
                field="totals",
                code="currency_missing",
            )
        sums.append((piece, next(iter(codes))))
    return sums


def _is_as_shown(text: str, code: str) -> bool:
    """Whether our pages write a sum of this currency like that: of all dollars only those of the US are “$”."""
    unit = currency(code)
    return any(text == _shown(number, unit) for number in readings(written(text)).values())


def _shown(number: Decimal, unit: Currency) -> str:
    """As the screen shows it; empty when it is no sum of this currency."""
    minor = number * unit.factor
    return visible(format_money(int(minor), unit.code)) if minor == int(minor) else ""


def _in_full(number: Decimal, unit: Currency) -> str:
    """With at least the decimals of the currency, so that 1,234.00 is not taken for 1.234."""
    exponent = number.as_tuple().exponent
    places = max(unit.decimals, -exponent if isinstance(exponent, int) else 0)
    return f"{number:,.{places}f}"


def _money(number: Decimal, code: str) -> Money:
    return parse_total(f"{number:f}", code)
