"""
Text as a person reads it, and keys for addresses that are the same to one, however they are written.

Equal keys are a reason to ask, never proof: `INV-1` beside `INV-01` may be honest, so no key enters
a unique index. Keys are stored: a change of a rule needs a migration that writes them anew.
"""

from __future__ import annotations

import unicodedata

import regex

from lib.domain.internet_names import JOINER, in_own_letters, with_its_joiners
from lib.errors import InvalidInput

# All that Unicode does not show: joiners, marks of direction, fillers such as U+3164.
# https://www.unicode.org/reports/tr44/#Default_Ignorable_Code_Point
_INVISIBLE = regex.compile(r"\p{Default_Ignorable_Code_Point}+")
# An override shows letters in another order than they are in: only a person can say what was meant.
_OVERRIDES = regex.compile(r"[\u202d\u202e]")
_SPACE = regex.compile(r"\p{Zs}")
_DASH = regex.compile(r"\p{Dash}")
_CONTROL = regex.compile(r"[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]")
_UNREADABLE = regex.compile(r"[\p{C}\p{Zl}\p{Zp}]")
_CONTROLS = {"\t": "tab", "\n": "line break", "\r": "line break"}
# NFKC would make an INV2 of INV², which nobody takes for the same; of Nº it may make a No.
_LOOKS_DIFFERENT = ("<super>", "<sub>", "<fraction>", "<circle>")
# Cyrillic and Greek letters whose capitals are drawn as Latin ones: typed with another keyboard.
# https://www.unicode.org/reports/tr39/#Confusable_Detection
_DRAWN_ALIKE = str.maketrans(
    "авекмнорстухіјѕ" + "αβεζηικμνορτυχ" + "’‘ʼ´`′", "abekmhopctyxijs" + "abezhikmnoptyx" + "''''''"
)
# Of addresses, which are written small, as people see these there; what Unicode lists, and no key of a
# reference had, as their rules are stored.
_DRAWN_ALIKE_SMALL = str.maketrans(
    "гьпԁһӏԛԝүѵѡ" + "γηνσωυϲϳ" + "օոսհզցյ" + "ıɑɡɩʋ",
    "rbndhlqwyvw" + "ynvowucj" + "onuhqgj" + "iagiu",
)
_UNSEEN_IN_DOMAINS = regex.compile(
    r"[\p{Default_Ignorable_Code_Point}--[\u200c\u200d]]+", regex.VERSION1
)


def visible(text: str) -> str:
    """Text as a person reads it: without letters that are not shown, with plain spaces, trimmed."""
    if text.isascii():
        return text.strip()
    if _OVERRIDES.search(text):
        return text
    return _without_invisible(text)


def search_text(text: str) -> str:
    """
    What was typed or pasted to search for: as `visible`, also without overrides, as nothing is done with it but
    to look; controls, which no index reads, are spaces.
    """
    return _CONTROL.sub(" ", _without_invisible(text)).strip()


def pasted_id(text: str) -> str:
    """An id without letters that are not shown; in which Unicode form it is, the account chose."""
    return text if _OVERRIDES.search(text) else _INVISIBLE.sub("", text).strip()


def id_key(customer_id: str) -> str:
    """One key for ids that look the same: composed or not, with or without letters that are not shown."""
    return visible(customer_id)


def writings(customer_id: str) -> list[str]:
    """The text, and the Unicode forms in which an account can have made the id that it shows."""
    forms = (unicodedata.normalize(form, id_key(customer_id)) for form in ("NFC", "NFD"))
    return list(dict.fromkeys((pasted_id(customer_id), *forms)))


def one_line(text: str) -> str:
    """As `visible`, with single spaces and no line breaks."""
    return " ".join(visible(text).split())


def readable(text: str, *, what: str, field: str, needed: str = "") -> str:
    """
    As `visible`, with its line breaks.

    Args:
        needed: what is said where nothing is left.

    Raises:
        InvalidInput: a letter in it can be neither shown nor left out, or nothing is left.
    """
    if not readable_line(text, what=what, field=field) and needed:
        raise InvalidInput(needed, field=field)
    return visible(text)


def readable_line(text: str, *, what: str, field: str) -> str:
    """
    Raises:
        InvalidInput: a letter in it can be neither shown nor left out.
    """
    cleaned = one_line(text)
    refuse_unreadable(cleaned, what=what, field=field)
    return cleaned


def refuse_unreadable(
    text: str, *, what: str, field: str = "", code: str = "invalid_input"
) -> None:
    """
    Raises:
        InvalidInput: a letter in it can be neither shown nor left out.
    """
    why = why_unreadable(text, what=what)
    if why is not None:
        raise InvalidInput(why, field=field, code=code)


def why_unreadable(text: str, *, what: str) -> str | None:
    """A sentence on the first letter that can be neither shown nor left out."""
    letter = unreadable(text)
    if letter is None:
        return None
    return f"The {what} holds {letter}, which cannot be shown. Type it again by hand."


def whole_letters(text: str) -> str:
    """Half a letter, which bytes on a command line may become and nothing can keep, as a question mark."""
    return text.encode(errors="replace").decode()


def unreadable(text: str) -> str | None:
    """The first letter that is neither shown nor may be left out: its number and name."""
    if text.isascii() and text.isprintable():
        return None
    match = _UNREADABLE.search(text)
    if match is None:
        return None
    return letter_name(match.group())


def letter_name(letter: str) -> str:
    """ "U+202E (right-to-left override)"."""
    name = _CONTROLS.get(letter) or unicodedata.name(letter, "control character").lower()
    return f"U+{ord(letter):04X} ({name})"


def visible_address(text: str) -> str:
    """As `visible`; in a domain with the joiners that IDNA takes for letters, as in Persian names."""
    if text.isascii() or _OVERRIDES.search(text):
        return visible(text)
    return _in_sight(without_unseen(text))


def without_unseen(address: str) -> str:
    """An address without letters that are not shown; joiners in its domain stay where IDNA has them."""
    local, sign, domain = address.rpartition("@")
    if not (sign and JOINER.search(domain)):
        return _INVISIBLE.sub("", address)
    return _INVISIBLE.sub("", local) + sign + _UNSEEN_IN_DOMAINS.sub("", with_its_joiners(domain))


def address_key(text: str) -> str:
    """
    One key for the writings of an e-mail address: in capitals, composed or not, with invisible
    letters, and with a domain in its own letters or in `xn--`.

    Domains are the same where IDNA2008 says so: `straße` is not `strasse`, as both can be bought. Never
    raises: what is no address has a key, too.
    """
    if text.isascii() and "xn--" not in text.lower():
        return text.strip().lower()
    plain, before = text, ""
    while plain != before:
        before = plain
        local, sign, domain = _in_sight(without_unseen(plain)).rpartition("@")
        plain = _folded(local) + sign + (in_own_letters(domain) or _folded(domain))
    return plain


def customer_key(text: str) -> str:
    """Of what a file names a customer by: an address is the same in capitals, an id is not."""
    return address_key(text) if "@" in text else text


def drawn_key(address: str) -> str:
    """
    The address key with letters as the Latin ones that they are drawn as, folded in full.

    Two addresses with one such key and different address keys are two mailboxes that a person cannot
    tell apart, or takes for one: with a Cyrillic “а”, in full-width letters, at `straße` and `strasse`.
    """
    key = address_key(address)
    return key if key.isascii() else plain_letters(key.casefold().translate(_DRAWN_ALIKE_SMALL))


def difference(address: str, other: str) -> str:
    """What tells two addresses apart that look the same, in words: the first letter that is not the same."""
    for mine, theirs in zip(address_key(address), address_key(other), strict=False):
        if mine != theirs:
            letter = theirs if mine.isascii() else mine
            shown = "" if _INVISIBLE.match(letter) else f"“{letter}” is "
            return f"{shown}{letter_name(letter)}"
    return "one is longer"


def _without_invisible(text: str) -> str:
    return _in_sight(_INVISIBLE.sub("", text))


def _in_sight(text: str) -> str:
    return unicodedata.normalize("NFC", _SPACE.sub(" ", text).strip())


def plain_letters(text: str) -> str:
    """Letters as they are drawn: small, compatible, with one dash, one space and one apostrophe."""
    if text.isascii():
        return text.strip().lower().translate(_DRAWN_ALIKE)
    plain, before = _without_invisible(text), ""
    # Folding may undo a normal form and the other way round; a second or third time changes nothing.
    while plain != before:
        before = plain
        shown = _without_invisible("".join(map(_compatible, before.casefold())))
        plain = _DASH.sub("-", shown).translate(_DRAWN_ALIKE)
    return plain


def _compatible(letter: str) -> str:
    digit = unicodedata.decimal(letter, None)
    if digit is not None:
        return str(digit)
    compatible = unicodedata.normalize("NFKC", letter)
    is_small = unicodedata.decomposition(letter).startswith(_LOOKS_DIFFERENT)
    return letter if is_small and any(one in "0123456789" for one in compatible) else compatible


def _folded(text: str) -> str:
    folded, before = unicodedata.normalize("NFC", text), ""
    while folded != before:
        before = folded
        decomposed = unicodedata.normalize("NFD", before)
        folded = _without_invisible(decomposed.casefold())
    return folded
