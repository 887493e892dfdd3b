"""A proposal for the encoding of a file that is not Unicode: in which one its letters are words."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from itertools import pairwise

# By encoding, the letters that one language writes beside the Latin ones. A file is of one language,
# so letters of two are as strange as signs.
_WESTERN = (
    "äöüß",
    "àâæçéèêëîïôœùûüÿ",
    "áéíóúñüç",
    "áâãàçéêíóôõú",
    "àèéìíòóù",
    "åäöé",
    "æøåéö",
    "áðéíóúýþæö",
    "éëïóöü",
)
_CENTRAL = ("ąćęłńóśźż", "áčďéěíňóřšťúůýžľĺŕôä", "áéíóöőúüű", "ăâîșțşţ", "čćđšž", "äöüß")
_ALPHABETS = {
    "cp1252": _WESTERN,
    "cp1250": _CENTRAL,
    "cp1254": ("çğıöşüâîi\u0307",),
    "cp1257": ("ąčęėįšųūž", "āčēģīķļņšūž", "äöüõšž"),
    "mac-roman": _WESTERN,
    "iso8859-2": _CENTRAL,
}
# Icelandic in Windows-1252, and in its place what Turkish writes in every other word.
_SELDOM = frozenset("ðþýÐÞÝ")
_SIGNS = frozenset("€£§°«»„“”’‘–—…№\u00a0·¿¡")
_VOWELS = frozenset("аеёиоуыэюяіїєў" + "αεηιουωάέήίόύώϊϋΐΰ")
# Of the 2,350 syllables of the Korean encoding, those that names of people and companies are made of.
_KOREAN = frozenset(
    "가강거건경계고공관광교구국군권규균그근금기길김나남내노농다단대덕도동두드등디라래량러력련로룡류륜률리림마만말매면명모목무문물미민박반발방배백번범"
    "법병보복본봉부북분비빈사산삼상새생서석선설섭성세소손송수순숙술스승시식신실심아안애액양어언업에여연열염영예오옥온완왕외요용우욱운울원월웅위유윤율"
    "은을음의이익인일임입자작잔장재저적전점정제조종주준중증지직진차찬창채책처천철청체초총최추춘출충취치카코타탁태터테토통트특티파판팔편평포표품푸프피필"
    "하학한함합항해행향허헌혁현협형혜호홍화확환활황회효후훈휘휴희별시회사품금액청구송장번호"
)
_KANA = re.compile("[\u3041-\u3096\u30a1-\u30fc]")
_HANGUL = re.compile("[\uac00-\ud7a3]")
_HAN = re.compile("[\u4e00-\u9fff]")
_NARROW_KANA = re.compile("[\uff66-\uff9f]{3}")
_WORD = re.compile("[^\\s,;|.@()/\\x22-]+")
_LONG_RUN = re.compile("[\u00c0-\u024f]{3}")
_BESIDE_LATIN = re.compile("[A-Za-z][\u4e00-\u9fff]|[\u4e00-\u9fff][A-Za-z]")
_FEWEST = 3
"""Letters of another script that are not chance."""


def likeliest(sample: bytes) -> str:
    """The name of an encoding, for lines that are not plain ASCII; a guess, above all of few letters."""
    latin = {one: _strangeness(_tried(sample, one), _ALPHABETS[one]) for one in _ALPHABETS}
    best = min(latin, key=lambda one: latin[one])
    other = _other_script(sample)
    if other is not None:
        return other
    eastern = _eastern(sample, is_only_guess=latin[best] >= 1)
    return eastern or best


def _tried(sample: bytes, encoding: str) -> str:
    return sample.decode(encoding, errors="replace")


def _strangeness(text: str, alphabets: Iterable[str]) -> float:
    """Letters of no one language, signs inside of words, capitals behind small letters."""
    letters = [one for one in text if one > "\x7f" and one not in _SIGNS]
    outside = min(
        sum(not set(one.lower()) <= set(alphabet) for one in letters) for alphabet in alphabets
    )
    odd = text.count("\ufffd") * 3 + outside + (0.5 if _SELDOM & set(text) else 0)
    for word in _WORD.findall(text):
        if any(map(str.isalpha, word)):
            odd += sum(not one.isalpha() and one not in "’‘" for one in word if one > "\x7f")
        if not word.isupper():
            odd += sum(one.isupper() for one in word[1:] if one > "\x7f")
        odd += bool(_LONG_RUN.search(word))
    return odd


def _other_script(sample: bytes) -> str | None:
    """Cyrillic or Greek: whole words of it, in which vowels and consonants take turns."""
    fitting = []
    for encoding, script in (
        ("cp1251", "CYRILLIC"),
        ("cp1253", "GREEK"),
        ("iso8859-5", "CYRILLIC"),
        ("iso8859-7", "GREEK"),
    ):
        words = [word for word in _WORD.findall(_tried(sample, encoding)) if not word.isascii()]
        if words and all(_is_of(word, script) for word in words):
            fitting.append((-_turns(words), encoding))
    letters = sum(one > 0x7F for one in sample)
    if not fitting or letters < _FEWEST:
        return None
    turns, encoding = min(fitting, key=lambda one: one[0])
    return encoding if -turns >= 0.4 else None


def _is_of(word: str, script: str) -> bool:
    """Of one script, and written as words are: small, in capitals, or with a capital before small letters."""
    letters = "".join(one for one in word if one.isalpha())
    signs = [one for one in word if one > "\x7f" and not one.isalpha()]
    return (
        all(one in _SIGNS for one in signs)
        and all(unicodedata.name(one, "?").startswith(script) for one in letters)
        and letters[1:] in (letters[1:].lower(), letters[1:].upper())
        and (len(letters) < 3 or not letters[0].islower() or letters.islower())
    )


def _turns(words: Iterable[str]) -> float:
    """The share of neighbours of which one is a vowel and the other is not."""
    pairs = [
        (a in _VOWELS) != (b in _VOWELS)
        for word in words
        for a, b in pairwise(one for one in word.lower() if one.isalpha())
    ]
    return sum(pairs) / len(pairs) if pairs else 0.5


def _eastern(sample: bytes, *, is_only_guess: bool) -> str | None:
    """
    Chinese, Japanese or Korean.

    Args:
        is_only_guess: nothing else makes words of the file, so that one character is enough.
    """
    korean = _pure(sample, "cp949")
    syllables = _HANGUL.findall(korean)
    if syllables and sum(one in _KOREAN for one in syllables) * 3 >= len(syllables) * 2:
        return "cp949"
    japanese = _pure(sample, "cp932")
    if len(_KANA.findall(japanese)) > 1:
        return "cp932"
    enough = 1 if is_only_guess else 2
    candidates = {}
    for encoding, plain in (("gb18030", "gb2312"), ("cp932", "cp932"), ("cp950", "big5")):
        text = _pure(sample, plain)
        common = [one for one in _HAN.findall(text) if _is_common(one, encoding)]
        if len(common) >= enough and (is_only_guess or not _BESIDE_LATIN.search(text)):
            candidates[encoding] = len(common) / len(_HAN.findall(text))
    if candidates:
        return max(candidates, key=lambda one: candidates[one])
    if is_only_guess and _HAN.search(_pure(sample, "gb18030")):
        return "gb18030"
    return "cp932" if _NARROW_KANA.search(japanese) and is_only_guess else None


def _pure(sample: bytes, encoding: str) -> str:
    """The text, if nine of ten letters beyond ASCII are of the East."""
    text = _tried(sample, encoding)
    letters = [one for one in text if one > "\x7f"]
    eastern = sum("\u3000" <= one <= "\ud7a3" or "\uff01" <= one <= "\uff9f" for one in letters)
    return text if eastern * 10 >= len(letters) * 9 else ""


def _is_common(character: str, encoding: str) -> bool:
    """Whether it is of the first level of its standard, which holds the everyday ones."""
    first = character.encode(encoding)[0]
    if encoding == "gb18030":
        return 0xB0 <= first <= 0xD7
    return 0x88 <= first <= 0x98 if encoding == "cp932" else 0xA4 <= first <= 0xC6
