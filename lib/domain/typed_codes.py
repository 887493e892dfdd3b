"""
Codes, ids and words that a person types or pastes: read without letters that nobody sees.

What such a letter means can be seen by nobody, so the message names one that cannot be left out.
"""

from __future__ import annotations

import regex

from lib.domain.identity import pasted_id, refuse_unreadable, unreadable, visible
from lib.domain.shown_text import shown_name
from lib.errors import NotFound
from lib.money import Currency, currency

_OVERRIDES = regex.compile(r"[\u202d\u202e]")


def typed_text(text: str) -> str:
    """Any text as it was meant; an override, which shows letters in another order, stays and is named later."""
    return text if text.isascii() or _OVERRIDES.search(text) else shown_name(text)


def typed_currency(code: str) -> Currency:
    """
    Raises:
        InvalidInput: a letter that cannot be shown, or no currency that Stripe takes.
    """
    return currency(typed_code(code, what="currency", field="currency", code="currency_unknown"))


def typed_id(text: str, *, what: str, field: str) -> str:
    """
    An id of Stripe's or of ours, in the Unicode form in which it was made.

    Raises:
        InvalidInput: a letter that cannot be shown.
    """
    return typed_code(text, what=what, field=field, code=f"{field}_invalid")


def typed_code(text: str, *, what: str, field: str, code: str = "invalid_input") -> str:
    """
    Raises:
        InvalidInput: a letter that cannot be shown.
    """
    cleaned = pasted_id(text)
    refuse_unreadable(cleaned, what=what, field=field, code=code)
    return cleaned


def hint(text: str) -> str:
    """A sentence on the letter that cannot be shown, for where an id is not found; empty without one."""
    letter = unreadable(pasted_id(text))
    return f" It holds {letter}, which cannot be shown: type it again by hand." if letter else ""


def unknown_customer(customer_id: str) -> NotFound:
    return NotFound(f"Onfile does not know this customer.{hint(customer_id)}")


def confirms(typed: str, word: str) -> bool:
    """Whether a word, a number or an id that is asked for was typed, however it is written."""
    return visible(typed).casefold() == visible(word).casefold()
