"""The catalogues of messages and of customers' pages, and the form of sums and dates in each language."""

from __future__ import annotations

from copy import copy
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_skeleton

from lib import languages
from lib.languages import Language, Words
from lib.money import CURRENCIES, currency, format_major, format_money

FOLDER = Path(__file__).parent / "locales"


def words(language: Language) -> Words:
    return languages.words(FOLDER, language)


def money(minor: int, code: str, language: Language) -> str:
    """
    "1.234,50 €"; `minor` in the currency's minor units. With the decimals that Stripe charges: CLDR
    would leave out those of some currencies. Unknown currencies show raw minor units.
    """
    if code.lower() not in CURRENCIES:
        return format_money(minor, code)
    locale, decimals = language.locale, currency(code).decimals
    pattern = copy(locale.currency_formats["standard"])
    pattern.frac_prec = (decimals, decimals)
    value = Decimal(format_major(minor, code))
    return str(pattern.apply(value, locale, currency=code.upper(), currency_digits=False))


def day(seconds: int, timezone: str, language: Language) -> str:
    """ "30. November 2026"; Unix seconds, the day that it is in the time zone."""
    at = datetime.fromtimestamp(seconds, UTC).astimezone(ZoneInfo(timezone))
    return day_in_full(at.date(), language)


def day_in_full(on: date, language: Language) -> str:
    """ "30. November 2026"."""
    return format_date(on, format="long", locale=language.locale)


def month(year: int, number: int, language: Language) -> str:
    """ "November 2026"."""
    return format_skeleton("yMMMM", date(year, number, 1), locale=language.locale)
