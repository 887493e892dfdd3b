"""Cells whose letters a program read wrongly, or wrote in signs, before the file was made: what was meant."""

from __future__ import annotations

import html
import quopri
import re
from collections.abc import Callable, Iterator

from lib.domain.files.words import Senses, senses_of

# As which UTF-8 is read by programs that do not know it, and as which an alphabet or a script of the East is.
_OF_UNICODE = ("cp1250", "cp1251", "cp1254", "mac-roman", "cp850", "cp437", "gb18030")
_OF_OTHERS = ("cp1251", "cp1253", "gb18030", "cp932", "cp949", "cp950")
_WESTERN = ("cp1252", "iso8859-1")
_SIGN = re.compile(r"[+~&%=\\]")
_NARROW_KANA = re.compile("[\uff61-\uff9f]")
_EAST = re.compile("[\u2e80-\u9fff\uac00-\ud7a3]")


def read_wrongly(cell: str, senses: Senses) -> str | None:
    """Of “Müller”, “Ñ§Ð£”, “Ïåòðîâ”: “Müller”, “学校”, “Петров”. None where no letters come of it."""
    unicode = next(filter(None, (_turned(cell, one, "utf-8") for one in _WESTERN)), None)
    if (senses.clear and not senses.none) or _is_clear(unicode):
        return unicode
    pairs = [(one, "utf-8") for one in _OF_UNICODE]
    pairs += [(one, other) for one in _WESTERN for other in _OF_OTHERS]
    return next((meant for pair in pairs if _is_clear(meant := _turned(cell, *pair))), unicode)


def _turned(cell: str, read_as: str, written_as: str) -> str | None:
    try:
        meant = cell.encode(read_as).decode(written_as)
    except UnicodeError:
        return None
    return meant if meant != cell and meant.isprintable() else None


def _is_clear(text: str | None) -> bool:
    senses = senses_of(text or "")
    return senses.clear > 0 and not senses.none and not _NARROW_KANA.search(text or "")


def written_in_signs(cell: str) -> str | None:
    """Of “M+APw-ller”, “M&uuml;ller”, “M%C3%BCller”, “M=C3=BCller”, “M\\u00fcller”, “~{Q'P#~}”: the words."""
    if not _SIGN.search(cell):
        return None
    for pattern, read in _SIGNS:
        if not pattern.search(cell):
            continue
        for meant in _attempt(read, cell):
            if meant != cell and meant.isprintable() and not meant.isascii() and _is_word(meant):
                return meant
    return None


def _attempt(read: Callable[[str], str], cell: str) -> Iterator[str]:
    try:
        yield read(cell)
    except (UnicodeError, ValueError):
        return


def _is_word(meant: str) -> bool:
    """Letters of the East in the middle of Latin ones are what chance makes of `anna+orders`."""
    is_by_chance = re.search(rf"[A-Za-z]{_EAST.pattern}|{_EAST.pattern}[A-Za-z]", meant)
    return not is_by_chance and not senses_of(meant).none


def _ascii(encoding: str) -> Callable[[str], str]:
    return lambda cell: cell.encode("ascii").decode(encoding)


def _of_percents(cell: str) -> str:
    letters = re.sub(rb"%([0-9A-Fa-f]{2})", lambda code: bytes([int(code[1], 16)]), cell.encode())
    return letters.decode("utf-8")


def _escaped(cell: str) -> str:
    return re.sub(r"\\u([0-9A-Fa-f]{4})", lambda code: chr(int(code[1], 16)), cell)


_SIGNS: tuple[tuple[re.Pattern[str], Callable[[str], str]], ...] = (
    (re.compile(r"\+[A-Za-z0-9+/]{3,}"), _ascii("utf-7")),
    (re.compile(r"~\{.+"), _ascii("hz")),
    (re.compile(r"&#?[A-Za-z0-9]{2,10};"), html.unescape),
    (re.compile(r"%[0-9A-Fa-f]{2}"), _of_percents),
    (
        re.compile(r"(?:=[0-9A-F]{2}){2}"),
        lambda cell: quopri.decodestring(cell.encode("ascii")).decode("utf-8"),
    ),
    (re.compile(r"\\u[0-9A-Fa-f]{4}"), _escaped),
)
