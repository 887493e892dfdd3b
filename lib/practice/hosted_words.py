"""The languages of the payment page, as Stripe's own speaks them: what the Session says, else the browser."""

from __future__ import annotations

from pathlib import Path

from lib import languages
from lib.languages import ENGLISH, Words, accepted, first_of

FOLDER = Path(__file__).parent / "locales"


def translatable(text: str) -> str:
    """Marks an English sentence for the catalogues, which are made by reading the code."""
    return text


def words_for(locale: str | None, accept_language: str) -> Words:
    """`locale` of the Session: a language, or "auto" for the browser's."""
    language = first_of([locale, *accepted(accept_language)]) or ENGLISH
    return languages.words(FOLDER, language)
