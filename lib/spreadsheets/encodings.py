"""Bytes to text. A byte order mark and UTF-8 are proof; anything else is a proposal until a person chooses."""

from __future__ import annotations

import codecs
import contextlib
import re
from dataclasses import dataclass

from lib.domain.files.encodings import label
from lib.domain.files.sheets import Note
from lib.errors import InvalidInput
from lib.spreadsheets.likely_encodings import likeliest

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
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f]")
_C1 = re.compile(r"[\x80-\x9f]")
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
        if unmarked := _without_mark(data):
            return unmarked
        raise _no_text(data[: data.index(b"\x00")].count(b"\n") + 1)
    try:
        return Decoded(data.decode("utf-8"), "utf-8")
    except UnicodeDecodeError as problem:
        if chosen is not None:
            return Decoded(_by_choice(data, chosen), chosen)
        _refuse_damaged_utf8(data, problem.start)
    return _by_guess(data)


def _without_mark(data: bytes) -> Decoded | None:
    """UTF-16 of a program that writes no mark: every other byte of its separators and digits is 0."""
    for encoding, zeros in (("utf-16-le", data[1::2]), ("utf-16-be", data[::2])):
        if len(data) % 2 == 0 and zeros[:_SAMPLE_BYTES].count(0) * 2 > len(zeros[:_SAMPLE_BYTES]):
            with contextlib.suppress(UnicodeDecodeError):
                text = data.decode(encoding)
                return None if _CONTROL.search(text) else Decoded(text, encoding)
    return None


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
    encoding = likeliest(_telling_lines(data))
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
            f"The file looks like UTF-8 text, but line {_line(data, at)} holds a letter that is damaged. Correct "
            f"that line, or choose the encoding if it is another one. {_SAVE_AS_UTF8}",
            field="encoding",
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
