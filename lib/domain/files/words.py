"""Whether letters beyond ASCII make words as people write them: what was read in a wrong encoding seldom does."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from itertools import pairwise

from lib.domain.identity import drawn_key

# Beside A to Z, of the languages that are written in Latin letters today.
_LATIN = frozenset(
    "àáâãäåæçèéêëìíîïðñòóôõöøùúûüýþÿß" + "āăąćĉċčďđēėęěĝğġģĥħĩīįıĵķĺļľłńņňŋōőœŕŗřśŝşšţťŧũūŭůűųŵŷźżž"
    "șțəơưẁẃẅỳ" + "".join(map(chr, range(0x1EA0, 0x1EFA))).lower() + "ñ" + "i\u0307"
)
_CYRILLIC = frozenset("абвгдеёжзийклмнопрстуфхцчшщъыьэюяѐѝґєіїўђјљњћџѓќѕәғқңөұүһ")
_GREEK = frozenset("αβγδεζηθικλμνξοπρσςτυφχψωάέήίόύώϊϋΐΰ")
_ARABIC = frozenset("ءآأؤإئابةتثجحخدذرزسشصضطظعغـفقكلمنهوىيپچژکگیہھےۓۃۂۀٹڈڑںڤ")
_VOWELS = frozenset("аеёиоуыэюяєіїәөүұў" + "αεηιουωάέήίόύώϊϋΐΰ")
_ALPHABETS = {"LATIN": _LATIN, "CYRILLIC": _CYRILLIC, "GREEK": _GREEK, "ARABIC": _ARABIC}
# Scripts of languages that many people write; others are asked.
_COMMON = frozenset(
    "HEBREW ARMENIAN GEORGIAN THAI LAO KHMER MYANMAR SINHALA ETHIOPIC DEVANAGARI BENGALI GURMUKHI GUJARATI ORIYA "
    "TAMIL TELUGU KANNADA MALAYALAM".split()
)
_EASTERN = frozenset(
    ("CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "HANGUL", "HALFWIDTH", "FULLWIDTH")
)
_SIGNS = frozenset(
    "‘’‚“”„‹›«»–—―…•·§°ºª€£¥№™®©×÷±²³¹½¼¾µ¿¡\u00a0\u00ad\u2009\u200a\u200b\u202f\u2010\u2011\u2012\u2060"
)
_PARTS_OF_WORDS = frozenset("\u200c\u200d׳״")
# nº 12, 1ª, 20°; the Catalan col·lecció; and the minus of a number, which is no minus of ASCII.
_SIGN_IN_PLACE = re.compile(
    "(?<=[A-Za-z0-9.])[ºª°](?![A-Za-z])|(?<=[lL])·(?=[lL])|(?<![A-Za-z\u0080-\U0010ffff])−(?=[ \u00a0]?[€$£¥]?[ \u00a0]?[0-9])"
)
# Ů and Ơ before a vowel, a capital Ġ inside of a word: a letter and the space that does not break behind it.
_NEVER_SO = re.compile("[ůŮ][aeiouyAEIOUY]|[ơƠ][aeoAEO]|[A-Z]Ġ")
_VIETNAMESE = frozenset("ơƠưƯ")
_LONGEST_VIETNAMESE = 7
_UNSEEN = frozenset(("Cf", "Zl", "Zp", "Zs"))
_PIECE = re.compile("[A-Za-z\u0080-\U0010ffff]+")
_LONG = 3


class Sense(Enum):
    """Of one word or sign."""

    CLEAR = "clear"
    """A word."""
    SHORT = "short"
    """It may be one, and is too short to tell."""
    NONE = "none"
    """Nobody writes so."""


@dataclass(frozen=True, slots=True)
class Senses:
    """How many different words of a text are of each kind."""

    clear: int = 0
    short: int = 0
    none: int = 0

    @property
    def is_plausible(self) -> bool:
        """One odd word among many is a name; among few it is doubt."""
        return not self.none or (self.clear >= 5 and self.clear >= 10 * self.none)


def senses_of(text: str) -> Senses:
    counts = dict.fromkeys(Sense, 0)
    text, in_place = _SIGN_IN_PLACE.subn("", text)
    counts[Sense.CLEAR] += in_place
    for piece in {one for one in _PIECE.findall(text) if not one.isascii()}:
        for sense in _of_piece(piece):
            counts[sense] += 1
    return Senses(counts[Sense.CLEAR], counts[Sense.SHORT], counts[Sense.NONE])


@lru_cache(maxsize=65_536)
def _of_piece(piece: str) -> tuple[Sense, ...]:
    # The small İ has its dot apart, and any letter of Turkish words stands for it.
    return tuple(_each(unicodedata.normalize("NFC", piece).replace("i\u0307", "ı")))


def _each(piece: str) -> Iterable[Sense]:
    word = ""
    for letter in piece:
        if _is_letter(letter):
            word += letter
            continue
        if not word.isascii():
            yield _of_word(word)
        word = ""
        yield _of_sign(letter)
    if not word.isascii():
        yield _of_word(word)


def _is_letter(one: str) -> bool:
    is_of_word = one in _PARTS_OF_WORDS or unicodedata.category(one)[0] in "LM"
    return one.isascii() or (is_of_word and one not in _SIGNS)


def _of_sign(sign: str) -> Sense:
    """Signs of Latin-1 take two bytes, as a letter of the East does."""
    if sign == "\ufffd" or (sign >= "\u2000" and unicodedata.category(sign) in _UNSEEN):
        # A letter that a program lost, or that nobody sees: no encoding makes these by chance, and the row is told.
        return Sense.CLEAR
    if sign in _SIGNS:
        return Sense.SHORT if sign < "\u0100" else Sense.CLEAR
    if "\u3000" <= sign <= "\u303f" or "\uff01" <= sign <= "\uffee" or _is_picture(sign):
        return Sense.CLEAR
    is_drawn = sign in "→←↑↓✓✔✗★☆♥❤♪♫●○■□◆►▶\ufe0f"
    return Sense.SHORT if is_drawn or unicodedata.category(sign) == "Nd" else Sense.NONE


def _is_picture(sign: str) -> bool:
    return "\U0001f000" <= sign <= "\U0001faff" or "\U000e0020" <= sign <= "\U000e007f"


def _of_word(word: str) -> Sense:
    letters = [one for one in word if not one.isascii() and one not in _PARTS_OF_WORDS]
    scripts = {unicodedata.name(one, "UNNAMED").split()[0] for one in letters}
    if scripts and scripts <= _EASTERN:
        return _of_east(letters, is_alone=len(letters) == len(word))
    if len(scripts) != 1 or (scripts != {"LATIN"} and any(map(str.isascii, word))):
        # Somebody may have typed a letter that looks like the Latin one; that is asked elsewhere.
        return Sense.SHORT if _is_cased(word) and drawn_key(word).isascii() else Sense.NONE
    (script,) = scripts
    alphabet = _ALPHABETS.get(script)
    written = [one for one in letters if unicodedata.category(one) != "Mn"]
    if alphabet and not all(set(one.lower()) <= alphabet for one in written):
        return Sense.NONE
    return _by_length(word, script) if _is_cased(word) else Sense.NONE


def _by_length(word: str, script: str) -> Sense:
    if script == "LATIN":
        if _NEVER_SO.search(word) or (_VIETNAMESE & set(word) and len(word) > _LONGEST_VIETNAMESE):
            return Sense.NONE
        return Sense.CLEAR if any(map(str.isascii, word)) else Sense.SHORT
    if script in ("CYRILLIC", "GREEK"):
        vowels = sum(one in _VOWELS for one in word.lower())
        return Sense.CLEAR if len(word) >= _LONG and 0 < vowels < len(word) else Sense.SHORT
    if script == "ARABIC" or script in _COMMON:
        return Sense.CLEAR if len(word) >= _LONG else Sense.SHORT
    return Sense.NONE


def _is_cased(word: str) -> bool:
    """Small, in capitals, or capitals where parts of a word begin; what is ASCII on both sides is not judged."""
    for before, letter in pairwise(word):
        if (before + letter).isascii():
            continue
        if before.islower() and letter.isupper():
            return False
    beyond = [at for at, letter in enumerate(word) if not letter.isascii()]
    return not any(word[at].islower() and at > 1 and word[at - 2 : at].isupper() for at in beyond)


def _of_east(letters: list[str], *, is_alone: bool) -> Sense:
    """
    Args:
        is_alone: no letters of ASCII stand beside them.
    """
    has_hangul = any("\uac00" <= one <= "\ud7a3" for one in letters)
    has_han = any(map(_is_han, letters))
    common = sum(map(_is_everyday, letters))
    is_mixed = has_hangul and has_han
    if common * 2 < len(letters) or (is_mixed and not (is_alone and common == len(letters))):
        return Sense.NONE
    return Sense.CLEAR if common > 1 else Sense.SHORT


def _is_han(letter: str) -> bool:
    return unicodedata.name(letter, "").startswith("CJK")


def _is_everyday(letter: str) -> bool:
    """Of the first level of a standard, which holds what newspapers need."""
    if not _is_han(letter):
        return letter < "\uac00" or letter > "\ud7a3" or _first_byte(letter, "euc_kr") > 0
    return (
        0xB0 <= _first_byte(letter, "gb2312") <= 0xD7
        or 0xA4 <= _first_byte(letter, "big5") <= 0xC6
        or 0x88 <= _first_byte(letter, "shift_jis") <= 0x98
    )


def _first_byte(letter: str, encoding: str) -> int:
    """0 where the standard has no such letter."""
    coded = letter.encode(encoding, errors="ignore")
    return coded[0] if len(coded) == 2 else 0
