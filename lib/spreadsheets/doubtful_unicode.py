"""
Bytes that are valid UTF-8 by chance: `学校-1` in GB18030 reads `ѧУ-1`.

What is Unicode is told by its words. Where they are none, or too short to tell, and another encoding
makes words of all of them, a person has to say.
"""

from __future__ import annotations

import re

from lib.domain.files.encodings import CHOICES
from lib.domain.files.words import senses_of
from lib.spreadsheets.likely_encodings import likeliest

# Nearly all bytes are letters of Thai.
_THAI = frozenset({"iso8859-11", "cp874"})
_OF_THE_EAST = frozenset({"cp932", "euc_jp", "gb18030", "cp949", "cp950"})
# What UTF-8 is turned into by an encoding of one byte a letter: Ã¼, Â°, äşş. A word may end in a closing
# mark, in a space that does not break, or in a sign of its owner.
_ENDS = "’‘”»…™®©\u00a0–—"
_BETWEEN = "’\u00a0–"
_LETTER = r"[^\W\d_ªº²³¹¼½¾]"
_ODD = (
    re.compile(r"[ÂÃâ][^\w\s'-]|[ÂÃâ][ªº²³¹¼½¾]"),
    re.compile(rf"{_LETTER}(?:[ªº²³¹¼½¾]|[^\w\s!-/:-@{_ENDS}])"),
    re.compile(rf"{_LETTER}[^\w\s!-/:-@{_BETWEEN}]{_LETTER}"),
    re.compile(r"(?<![A-Za-z])[\u00c0-\u024f]{3}(?![A-Za-z])"),
    re.compile("[–√≈◊∆¬ƒ‚„][\u00c0-\u024f]|[\u2190-\u27bf]"),
)
_IN_SMALL_LETTERS = re.compile(
    "[a-z]{2}[\u4e00-\u9fff\uac00-\ud7a3\uff66-\uff9f]|[\u4e00-\u9fff\uac00-\ud7a3\uff66-\uff9f][a-z]{2}"
)
_NARROW_SIGN = re.compile("[\uff61-\uff65]|(?<![\uff61-\uff9f])[\uff66-\uff9f](?![\uff61-\uff9f])")


def other_readings(data: bytes) -> list[str]:
    """Encodings in which all letters of these lines make words, the likeliest first."""
    fitting = [encoding for encoding in CHOICES if _makes_words(data, encoding)]
    first = likeliest(data)
    return sorted(fitting, key=lambda encoding: (encoding != first, encoding in _THAI))


def _makes_words(data: bytes, encoding: str) -> bool:
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        return False
    senses = senses_of(text)
    if senses.none or not (senses.clear or senses.short):
        return False
    if encoding in _OF_THE_EAST:
        return not (_NARROW_SIGN.search(text) or _IN_SMALL_LETTERS.search(text))
    return not any(odd.search(text) for odd in _ODD)
