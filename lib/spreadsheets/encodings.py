"""Bytes to text. A byte order mark and UTF-8 are proof; anything else is a proposal until a person chooses."""

from __future__ import annotations

import codecs
import re
import unicodedata
from dataclasses import dataclass
from itertools import pairwise

from lib.domain.files.encodings import label
from lib.domain.files.sheets import Note
from lib.errors import InvalidInput

_SAVE_AS_UTF8 = (
    "In Excel, save it as “CSV UTF-8” or as an Excel workbook (.xlsx), then upload that."
)
# UTF-32 first: its mark begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# The plain edition decides, the wide one reads. Two in a row of what each writes: a lone one between
# Latin letters is an accented letter misread, as “Bär” is valid Shift-JIS.
_EASTERN = (
    ("shift_jis", "cp932", re.compile("[\u3040-\u30ff]{2}")),
    ("euc_kr", "cp949", re.compile("[\uac00-\ud7a3]{2}")),
    ("gb2312", "gb18030", re.compile("[\u4e00-\u9fff]{2}")),
    ("shift_jis", "cp932", re.compile("[\u4e00-\u9fff]{2}|[\uff66-\uff9f]{3}")),
    ("big5", "cp950", re.compile("[\u4e00-\u9fff]{2}")),
)
_HANJA = re.compile("[\u4e00-\u9fff]")
_WESTERN = ("cp1252", "cp1250", "cp1254", "cp1257", "cp1251", "cp1253")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f]")
_C1 = re.compile(r"[\x80-\x9f]")
# Icelandic in Windows-1252, and in its place what Turkish writes in every other word.
_SELDOM = frozenset("ðþýÐÞÝ")
_LONG_RUN = re.compile("[\u00c0-\u024f]{3}")
_WORD = re.compile("[^\\s,;|.@()/\\x22-]+")
_SAMPLE_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Decoded:
    text: str
    """Without its mark."""
    encoding: str
    is_certain: bool = True
    """Unicode, nothing but ASCII, or chosen by a person."""
    notes: tuple[Note, ...] = ()


def decoded(data: bytes, chosen: str | None = None) -> Decoded:
    """
    Args:
        chosen: as a person said, by Python's name. Unicode is Unicode, whatever was chosen.

    Raises:
        InvalidInput: no text, damaged text, or not in the encoding that was chosen.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return Decoded(_by_mark(data, encoding), encoding.removesuffix("-sig"))
    if b"\x00" in data:
        raise _no_text(data[: data.index(b"\x00")].count(b"\n") + 1)
    try:
        return Decoded(data.decode("utf-8"), "utf-8")
    except UnicodeDecodeError as problem:
        if chosen is not None:
            return Decoded(_by_choice(data, chosen), chosen)
        _refuse_damaged_utf8(data, problem.start)
    return _by_guess(data)


def _by_mark(data: bytes, encoding: str) -> str:
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as problem:
        raise InvalidInput(
            "The file is damaged: it says it is Unicode text, but some of it is not. "
            f"Line {_line(data, problem.start)} is the first. {_SAVE_AS_UTF8}",
            code="file_damaged",
        ) from None
    if "\x00" in text:
        raise _no_text(text[: text.index("\x00")].count("\n") + 1)
    return text


def _by_choice(data: bytes, encoding: str) -> str:
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as problem:
        raise InvalidInput(
            f"The file is not {label(encoding)}: line {_line(data, problem.start)} holds bytes that it does "
            "not have. Choose another encoding.",
            field="encoding",
            code="encoding_wrong",
        ) from None
    hit = _C1.search(text) or _CONTROL.search(text)
    if hit:
        raise InvalidInput(
            f"Read as {label(encoding)}, line {text[: hit.start()].count(chr(10)) + 1} holds characters that no "
            "text has. Choose another encoding.",
            field="encoding",
            code="encoding_wrong",
        )
    return text


def _by_guess(data: bytes) -> Decoded:
    encoding = _likeliest(_telling_lines(data))
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        # Five bytes mean nothing in Windows-1252 and are control characters in Latin-1.
        encoding, text = "cp1252", data.decode("latin-1")
    hit = _CONTROL.search(text)
    if hit:
        raise _no_text(text[: hit.start()].count("\n") + 1)
    note = Note(
        "encoding_proposed",
        f"The letters were read as {label(encoding)}, which is a guess. If a name looks wrong, choose the "
        "encoding, or save the file as “CSV UTF-8”.",
    )
    return Decoded(text, encoding, is_certain=False, notes=(note,))


def _likeliest(sample: bytes) -> str:
    """A proposal: the encoding that makes words of it, and not signs and mixed scripts."""
    oddities = {encoding: _oddities(_tried(sample, encoding)) for encoding in _WESTERN}
    if any(not oddities[one] and _is_prose(_tried(sample, one)) for one in ("cp1251", "cp1253")):
        return "cp1253" if oddities["cp1251"] else "cp1251"
    for plain, wide, script in _EASTERN:
        text = _tried(sample, plain)
        letters = [character for character in text if character > "\x7f"]
        is_pure = sum(map(_is_eastern, letters)) * 10 >= len(letters) * 9
        if is_pure and script.search(text) and not (plain == "euc_kr" and _HANJA.search(text)):
            return wide
    return min(oddities, key=lambda one: oddities[one])


def _is_prose(text: str) -> bool:
    """More small letters than capitals, as chance would not have it."""
    letters = [character for character in text if character > "\x7f" and character.isalpha()]
    return sum(map(str.islower, letters)) * 2 > len(letters) > 3


def _tried(sample: bytes, encoding: str) -> str:
    return sample.decode(encoding, errors="replace")


def _is_eastern(character: str) -> bool:
    return "\u3000" <= character <= "\ud7a3" or "\uff01" <= character <= "\uff9f"


def _oddities(text: str) -> int:
    """Signs inside of words, and words of two scripts: what a wrong encoding makes of a name."""
    odd = text.count("\ufffd") * 3
    for word in _WORD.findall(text):
        if any(map(str.isalpha, word)):
            odd += sum(not character.isalpha() for character in word if character > "\x7f")
        scripts = {unicodedata.name(character, "?").split()[0] for character in word}
        odd += len(scripts & {"LATIN", "CYRILLIC", "GREEK"}) > 1
        odd += sum(a.islower() and b.isupper() for a, b in pairwise(word) if b > "\x7f")
        odd += bool(_LONG_RUN.search(word)) + len(_SELDOM & set(word))
    return odd


def _telling_lines(data: bytes) -> bytes:
    """The lines that are not plain ASCII: the others say nothing about the encoding."""
    lines = [line for line in data.splitlines(keepends=True) if not line.isascii()]
    return b"".join(lines)[:_SAMPLE_BYTES].rpartition(b"\n")[0] or b"".join(lines)[:_SAMPLE_BYTES]


def _refuse_damaged_utf8(data: bytes, at: int) -> None:
    """One wrong byte in a UTF-8 file must not turn every accented letter of it into two others."""
    text = data.decode("utf-8", errors="replace")
    wrong = text.count("\ufffd")
    right = sum(1 for character in text if character > "\x7f") - wrong
    if right > wrong:
        raise InvalidInput(
            f"The file is UTF-8 text, but line {_line(data, at)} holds a letter that is "
            f"damaged. Correct that line. {_SAVE_AS_UTF8}",
            code="file_damaged",
        )


def _no_text(line: int) -> InvalidInput:
    return InvalidInput(
        f"This is not a text file: line {line} holds bytes that no text has. "
        f"Onfile reads CSV and Excel workbooks (.xlsx). {_SAVE_AS_UTF8}",
        code="file_not_text",
    )


def _line(data: bytes, at: int) -> int:
    return data[:at].count(b"\n") + 1
