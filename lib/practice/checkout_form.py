"""The form of the hosted page, as the cardholder filled it in: read, checked, and turned into a `CardForm`."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import parse_qs

from lib.practice import card_numbers, card_table
from lib.practice.hosted_words import translatable
from lib.practice.steps import CardForm

FIELDS = ("email", "number", "expiry", "cvc", "name", "country")
MAX_FIELDS = 40
MAX_KEPT = 300
"""Characters of a field that come back on the page; what is longer is refused anyway."""

COUNTRIES = (
    ("AU", "Australia"),
    ("AT", "Austria"),
    ("BE", "Belgium"),
    ("BR", "Brazil"),
    ("BG", "Bulgaria"),
    ("CA", "Canada"),
    ("HR", "Croatia"),
    ("CY", "Cyprus"),
    ("CZ", "Czechia"),
    ("DK", "Denmark"),
    ("EE", "Estonia"),
    ("FI", "Finland"),
    ("FR", "France"),
    ("DE", "Germany"),
    ("GR", "Greece"),
    ("HK", "Hong Kong"),
    ("HU", "Hungary"),
    ("IS", "Iceland"),
    ("IN", "India"),
    ("IE", "Ireland"),
    ("IT", "Italy"),
    ("JP", "Japan"),
    ("LV", "Latvia"),
    ("LT", "Lithuania"),
    ("LU", "Luxembourg"),
    ("MY", "Malaysia"),
    ("MT", "Malta"),
    ("MX", "Mexico"),
    ("NL", "Netherlands"),
    ("NZ", "New Zealand"),
    ("NO", "Norway"),
    ("PL", "Poland"),
    ("PT", "Portugal"),
    ("RO", "Romania"),
    ("SG", "Singapore"),
    ("SK", "Slovakia"),
    ("SI", "Slovenia"),
    ("ZA", "South Africa"),
    ("KR", "South Korea"),
    ("ES", "Spain"),
    ("SE", "Sweden"),
    ("CH", "Switzerland"),
    ("TW", "Taiwan"),
    ("TH", "Thailand"),
    ("AE", "United Arab Emirates"),
    ("GB", "United Kingdom"),
    ("US", "United States"),
)
_COUNTRY_CODES = frozenset(code for code, _ in COUNTRIES)
_EMAIL = re.compile(r"[^@\s<>]+@[^@\s<>]+\.[^@\s<>.]+")
_EXPIRY = re.compile(
    r"(?P<mm>[0-9]{2})(?P<yy>[0-9]{2}|[0-9]{4})"
    r"|(?P<month>[0-9]{1,2}) ?[-/. ] ?(?P<year>[0-9]{2}|[0-9]{4})"
)
NO_EXPIRY = (0, 0)
"""Of a bank account."""

_AMEX = re.compile(r"3[47]")


@dataclass(frozen=True, slots=True)
class Typed:
    """Field by field, cleaned. The repr hides what must never reach a log."""

    email: str = ""
    number: str = field(default="", repr=False)
    expiry: str = ""
    cvc: str = field(default="", repr=False)
    name: str = ""
    country: str = ""

    def for_page(self) -> dict[str, str]:
        """What the page may show again: everything except the CVC."""
        shown = {name: getattr(self, name)[:MAX_KEPT] for name in FIELDS}
        return shown | {"cvc": ""}


def decode(body: bytes) -> dict[str, str]:
    """The posted fields, cleaned; of a repeated one the last counts.

    Raises:
        ValueError: It has more fields than any form of ours.
    """
    pairs = parse_qs(
        body.decode("ascii", "replace"),
        keep_blank_values=True,
        errors="replace",
        max_num_fields=MAX_FIELDS,
    )
    return {name: _clean(values[-1]) for name, values in pairs.items()}


def typed(fields: Mapping[str, str]) -> Typed:
    values = {name: fields.get(name, "") for name in FIELDS}
    # Compatibility form turns the full-width digits of a Japanese keyboard into plain ones.
    digits = {
        name: unicodedata.normalize("NFKC", values[name]) for name in ("number", "expiry", "cvc")
    }
    return Typed(**values | digits)


def check(
    form: Typed, *, locked_email: str | None, now: datetime
) -> tuple[CardForm | None, dict[str, str]]:
    """A card to submit, or what to say beside each field that is wrong."""
    number = card_numbers.normalized(form.number)
    known = card_table.by_number(number)
    is_card = known is None or known.type == "card"
    expiry = _expiry(form.expiry) if is_card else NO_EXPIRY
    problems = _card_problems(form, number, expiry, now) if is_card else {}
    if not form.name:
        problems["name"] = translatable("Enter the name on the card.")
    elif len(form.name) > 150:
        problems["name"] = translatable("Use at most 150 characters.")
    if form.country not in _COUNTRY_CODES:
        problems["country"] = translatable("Choose a country.")
    if locked_email is None and (problem := _email_problem(form.email)):
        problems["email"] = problem
    if problems or expiry is None:
        return None, problems
    month, year = expiry
    card = CardForm(
        number=number,
        exp_month=month,
        exp_year=year,
        cvc=form.cvc if is_card else "",
        name=form.name,
        email=locked_email or form.email,
        country=form.country,
    )
    return card, {}


def _clean(value: str) -> str:
    composed = unicodedata.normalize("NFC", value)
    return "".join(char if char.isprintable() else " " for char in composed).strip()


def _card_problems(
    form: Typed, number: str, expiry: tuple[int, int] | None, now: datetime
) -> dict[str, str]:
    errors = {
        "number": _number_problem(number),
        "expiry": _expiry_problem(form.expiry, expiry, now),
        "cvc": _cvc_problem(form.cvc, number),
    }
    return {name: problem for name, problem in errors.items() if problem is not None}


def _number_problem(number: str) -> str | None:
    if not number:
        return translatable("Enter the card number.")
    if not re.fullmatch(r"[0-9]+", number):
        return translatable("Use digits only.")
    if not 12 <= len(number) <= 19:
        return translatable("This card number is not complete.")
    if not card_numbers.passes_luhn(number):
        return translatable("This card number is not valid. Check the digits.")
    return None


def _expiry(text: str) -> tuple[int, int] | None:
    match = _EXPIRY.fullmatch(re.sub(r" +", " ", text[:20]))
    if match is None:
        return None
    month, year = (int(part) for part in match.groups() if part is not None)
    return month, year + 2000 if year < 100 else year


def _expiry_problem(text: str, expiry: tuple[int, int] | None, now: datetime) -> str | None:
    if not text:
        return translatable("Enter the expiry date.")
    if expiry is None or not 1 <= expiry[0] <= 12:
        return translatable("Write it as month and year, like 04/29.")
    month, year = expiry
    if (year, month) < (now.year, now.month):
        return translatable("This date is in the past.")
    return translatable("Check the year.") if year > now.year + 50 else None


def _cvc_problem(cvc: str, number: str) -> str | None:
    length = 4 if _AMEX.match(number) else 3
    if not cvc:
        return translatable("Enter the CVC.")
    if not re.fullmatch(r"[0-9]+", cvc) or len(cvc) != length:
        short, long = translatable("Enter the 3 digits."), translatable("Enter the 4 digits.")
        return long if length == 4 else short
    return None


def _email_problem(email: str) -> str | None:
    if not email:
        return translatable("Enter an e-mail address.")
    if len(email) > 254 or not _EMAIL.fullmatch(email):
        return translatable("This e-mail address is not complete.")
    return None
