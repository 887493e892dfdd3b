"""
The languages that customers read: which one it is, and its catalogue.

Catalogues are gettext's `.po` files, as translators know them. They are read when a language is first
asked for and never compiled, so that none can be older than what it was made of.
"""

from __future__ import annotations

import gettext
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path

from babel import Locale, UnknownLocaleError

SOURCE = "en"
LANGUAGES = {
    "en": "English",
    "de": "German",
    "fr": "French",
    "es": "Spanish",
    "it": "Italian",
    "nl": "Dutch",
    "pt": "Portuguese",
    "ja": "Japanese",
}
"""By code, with their names for staff."""
_TAG = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8}){0,3}\Z")
_LONGEST_HEADER = 200


@dataclass(frozen=True, slots=True)
class Language:
    """One that has a catalogue, in the form of a region where that is known."""

    code: str
    tag: str
    """As Stripe and browsers write it: "de-AT"."""

    @property
    def locale(self) -> Locale:
        """For the form of dates and sums."""
        try:
            return Locale.parse(self.tag, sep="-")
        except (UnknownLocaleError, ValueError):
            return Locale.parse(self.code)


ENGLISH = Language(SOURCE, SOURCE)


def first_of(tags: Iterable[str | None]) -> Language | None:
    """The first of these that has a catalogue; "auto" and what is no language are passed over."""
    for tag in tags:
        if tag and _TAG.match(tag):
            written = tag.replace("_", "-")
            code = written.split("-")[0].lower()
            if code in LANGUAGES:
                return Language(code, written)
    return None


def accepted(header: str) -> list[str]:
    """The tags of a browser's Accept-Language, as it weighs them."""
    weighed = []
    for part in header[:_LONGEST_HEADER].split(","):
        tag, _, quality = part.strip().partition(";q=")
        try:
            weight = float(quality) if quality else 1.0
        except ValueError:
            weight = 0.0
        if weight > 0:
            weighed.append((weight, tag.strip()))
    return [tag for _, tag in sorted(weighed, key=lambda pair: -pair[0])]


@dataclass(frozen=True, slots=True)
class Words:
    """A catalogue in one language."""

    language: Language
    _translations: gettext.NullTranslations

    def __call__(self, text: str, **fields: object) -> str:
        """The English `text` in this language, with its fields filled."""
        translated = self._translations.gettext(text)
        return translated.format(**fields) if fields else translated


def words(folder: Path, language: Language) -> Words:
    """Of the catalogues in a folder, which lie as gettext has them: `de/LC_MESSAGES/onfile.po`."""
    return Words(language, _catalogue(folder, language.code))


def catalogue_path(folder: Path, code: str) -> Path:
    return folder / code / "LC_MESSAGES" / "onfile.po"


@cache
def _catalogue(folder: Path, code: str) -> gettext.NullTranslations:
    if code == SOURCE:
        return gettext.NullTranslations()
    # Commands that write to nobody do without.
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    with catalogue_path(folder, code).open("rb") as file:
        catalogue = read_po(file, locale=code)
    compiled = BytesIO()
    # What a translator marked as fuzzy is left out.
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)
