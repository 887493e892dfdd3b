"""
Keys for references that are the same to a person, however a keyboard or a spreadsheet wrote them.

See `lib/domain/identity.py` for what a key is worth, and what a change of a rule needs.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

import regex

from lib.domain.identity import plain_letters

# Shown as nothing, though Unicode has them for pictures: a Braille pattern without dots, an empty note head.
_BLANK = regex.compile(r"[\u2800\U0001d159]")
# What is drawn as a dash among Latin letters and digits: the Japanese sign of a long vowel, on the key
# where others have the hyphen, the Chinese and Korean strokes, lines. Beside letters of those scripts they are letters.
# https://www.unicode.org/reports/tr39/#Confusable_Detection
_THEIRS = r"[\p{Hiragana}\p{Katakana}\p{Han}\p{Hangul}\p{Bopomofo}--[\u4e00\u1173\u31d0]]"
_DRAWN_AS_DASH = regex.compile(
    rf"(?<!{_THEIRS}\p{{M}}*[ー]*)[ー\u4e00\u1173\u31d0\u2500\u2501\u23af\u2796\u2cba]+(?!{_THEIRS})",
    regex.VERSION1,
)
# Between letters an Arabic line is filled with it, and it says nothing.
_STRETCHED = regex.compile(r"(?<=\p{L}\p{M}*)\u0640+")
# On a Turkish machine the small I has no dot, and the capital i has one.
_TURKISH_I = regex.compile(r"\u0131\u0307*|i\u0307+")
# Letters with their marks, numbers and pictures count; all else separates.
_TOKEN = regex.compile(r"[0-9]+(?:[.,' _][0-9]+)*|[\p{L}\p{N}\p{So}\p{Sc}]\p{M}*")
_DIGITS = regex.compile(r"[0-9]+")
_GROUPS = r"(?:[0-9]{1,3}(?P<sign>[.,' _])[0-9]{3}(?:(?P=sign)[0-9]{3})*|[0-9]{1,2}(?:,[0-9]{2})+,[0-9]{3})"
_GROUPED = regex.compile(_GROUPS)
# 1,234.50, which a spreadsheet saves as 1234.5.
_GROUPED_WITH_CENTS = regex.compile(rf"(?P<whole>{_GROUPS})(?P<cents>(?!(?P=sign))[.,][0-9]+)")
_NO_CENTS = regex.compile(r"[.,]0{1,2}\Z")
# 1.50, which a spreadsheet saves as 1.5; not 1.500, which may be fifteen hundred, and is known as grouped before.
_ZEROS_BEHIND = regex.compile(r"(?P<kept>[0-9]+[.,][0-9]*[1-9])0+")
# 2024.01, which is not 2024.10.
_SMALL_CENTS = regex.compile(r"(?P<whole>[0-9]+)[.,](?P<cents>0[1-9])")


# As many as a large file has rows, as each is asked for by what judges, compares and stores it.
@lru_cache(maxsize=65_536)
def reference_key(text: str) -> str:
    """
    One key for the writings of a reference: case, Unicode form, dashes, spaces, invisible letters,
    leading zeros, zeros at the end of decimals, digits in groups, as a spreadsheet writes 12345 as 12,345 and
    1.50 as 1.5, and what is drawn as a dash or as nothing.

    Other separators only count between digits, where 1-11 is not 11-1: `INV-1`, `inv 01` and `INV1`
    have one key, `2024-001` and `2024/1` another. What consists of separators is its own key.
    """
    plain = plain_letters(text)
    if not plain.isascii():
        plain = _TURKISH_I.sub("i", _STRETCHED.sub("", plain))
        plain = plain_letters(_DRAWN_AS_DASH.sub("-", _BLANK.sub(" ", plain)))
    parts: list[str] = []
    for match in _TOKEN.finditer(plain):
        token = match.group()
        if token[0] in "0123456789":
            if parts and parts[-1][-1].isdecimal():
                parts.append("-")
            is_all = match.end() == len(plain) and not any(
                map(str.isdecimal, plain[: match.start()])
            )
            token = _number(token, may_have_cents=is_all)
        parts.append(token)
    return unicodedata.normalize("NFC", "".join(parts)) or plain


def _number(digits: str, *, may_have_cents: bool) -> str:
    """Digits and what groups them: a number as one, else each group without its leading zeros."""
    if may_have_cents and (grouped := _GROUPED_WITH_CENTS.fullmatch(digits)):
        digits = "".join(_DIGITS.findall(grouped["whole"])) + grouped["cents"]
    whole = _NO_CENTS.sub("", digits) if may_have_cents else digits
    if whole.isdecimal() or _GROUPED.fullmatch(whole):
        return _unpadded("".join(_DIGITS.findall(whole)))
    if may_have_cents and (small := _SMALL_CENTS.fullmatch(digits)):
        return f"{_unpadded(small['whole'])}.{small['cents']}"
    if may_have_cents and (decimals := _ZEROS_BEHIND.fullmatch(digits)):
        digits = decimals["kept"]
    return "-".join(map(_unpadded, _DIGITS.findall(digits)))


def _unpadded(digits: str) -> str:
    return digits.lstrip("0") or "0"
