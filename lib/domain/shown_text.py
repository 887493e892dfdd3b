"""
Names and addresses from Stripe as Onfile shows, sends and exports them: without letters that nobody sees.

What is read from Stripe goes through here once (lib/stripe_gateway/mapping.py), so the mirror holds it as
people see and copy it; nothing of it is written back. Comparisons use the keys of lib/domain/identity.py,
which are the same for both. Addresses go through `identity.without_unseen`.
"""

from __future__ import annotations

import unicodedata

import regex

from lib.domain.identity import one_line, refuse_unreadable

_INVISIBLE = regex.compile(r"\p{Default_Ignorable_Code_Point}")
# What at some places decides how a name is drawn: joiners, selectors of variants, letters of flags, fillers
# of old Korean syllables. Marks of direction are not among them: a name stands alone in its place, where its
# first letter decides its direction, and they could only move its punctuation, or hide what it says.
_SOMETIMES_DRAWN = (
    r"\u200c\u200d\ufe00-\ufe0f\U000e0100-\U000e01ef\u180b-\u180f\U000e0020-\U000e007f\u115f\u1160"
)
_NEVER_DRAWN = regex.compile(
    rf"[\p{{Default_Ignorable_Code_Point}}--[{_SOMETIMES_DRAWN}]]+|(?<=[\u200c\u200d])[\u200c\u200d]+",
    regex.VERSION1,
)
# Scripts whose letters take one form whatever stands between them: there a joiner says nothing.
_UNJOINED = (
    r"\p{Latin}\p{Greek}\p{Cyrillic}\p{Armenian}\p{Georgian}\p{Han}\p{Hiragana}\p{Katakana}"
    r"\p{Bopomofo}\p{Hangul}\p{Common}\p{Inherited}"
)
_JOINED = rf"[[\p{{L}}\p{{M}}]--[{_UNJOINED}]]"
_INDIC = (
    r"\p{Devanagari}\p{Bengali}\p{Gurmukhi}\p{Gujarati}\p{Oriya}\p{Tamil}\p{Telugu}\p{Kannada}"
    r"\p{Malayalam}\p{Sinhala}"
)
_PICTURE = r"\p{Extended_Pictographic}"
# https://www.unicode.org/reports/tr31/#Layout_and_Format_Control_Characters
_DRAWN = "|".join(
    (
        # Persian می‌خواهم, Sinhala ශ්‍රී; also behind the last mark of a word.
        rf"(?<={_JOINED}\p{{Inherited}}*)[\u200c\u200d](?=\p{{Inherited}}*{_JOINED})",
        rf"(?<=[[{_INDIC}]&&\p{{M}}])[\u200c\u200d]",
        # 👩🏽‍💻, ❤️, 1️⃣ and the flags of England, Scotland and Wales.
        rf"(?<={_PICTURE}[\ufe0f\U0001f3fb-\U0001f3ff]*)\u200d(?={_PICTURE})",
        rf"(?<=[{_PICTURE}\p{{So}}\p{{Sm}}\p{{Han}}\p{{Myanmar}}\p{{Phags_Pa}}])[\ufe00-\ufe0f]",
        r"(?<=[0-9\#*])\ufe0f(?=\u20e3)",
        r"(?<=\U0001f3f4[\U000e0020-\U000e007f]*)[\U000e0020-\U000e007f]",
        # 辻󠄀 beside 辻, Mongolian letters, old Korean syllables.
        r"(?<=\p{Han})[\U000e0100-\U000e01ef]",
        r"(?<=\p{Mongolian})[\u180b-\u180f]",
        r"\u115f(?=[\u1160-\u11a7])|(?<=[\u1100-\u115f])\u1160",
    )
)
_DRAWN_OR_NOT = regex.compile(
    rf"(?P<drawn>{_DRAWN})|\p{{Default_Ignorable_Code_Point}}", regex.VERSION1
)


def shown_name(text: str) -> str:
    """A name, or other text, as it is drawn: without letters that nobody sees where they stand."""
    if text.isascii() or not _INVISIBLE.search(text):
        return text
    plain = _NEVER_DRAWN.sub("", text)
    return _DRAWN_OR_NOT.sub(lambda match: match["drawn"] or "", plain)


def readable_name(text: str, *, what: str = "name", field: str = "name") -> str:
    """
    A name that a person wrote, in one line.

    Raises:
        InvalidInput: a letter in it can be neither shown nor left out.
    """
    refuse_unreadable(one_line(text), what=what, field=field, code="name_invalid")
    return unicodedata.normalize("NFC", " ".join(shown_name(text).split()))
