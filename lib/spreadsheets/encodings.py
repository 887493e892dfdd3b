"""Bytes to text. A byte order mark and UTF-8 are proof; anything else is a guess, and says so."""

from __future__ import annotations

import codecs
import re

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
_NAMES = {"cp932": "Shift_JIS (Japanese)", "cp1252": "Windows-1252 (Western European)"}
# A lone kanji between Latin letters is an accented letter misread: “Bär” is valid Shift_JIS.
_JAPANESE = re.compile(
    "[\u3040-\u30ff\u4e00-\u9fff]{2}|[\uff66-\uff9f]{3}"  # kana and kanji; half-width katakana
)
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f]")
_SAMPLE_BYTES = 64 * 1024


def decoded(data: bytes) -> tuple[str, tuple[str, ...]]:
    """
    The text without its mark, and a note when the encoding had to be guessed.

    Raises:
        InvalidInput: no text, or damaged text.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _by_mark(data, encoding), ()
    if b"\x00" in data:
        raise _no_text(data[: data.index(b"\x00")].count(b"\n") + 1)
    try:
        return data.decode("utf-8"), ()
    except UnicodeDecodeError as problem:
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


def _by_guess(data: bytes) -> tuple[str, tuple[str, ...]]:
    from charset_normalizer import from_bytes

    candidates = ["cp1252"]
    sample = _telling_lines(data)
    if _JAPANESE.search(sample.decode("cp932", errors="replace")):
        candidates.append("cp932")
    match = from_bytes(sample, cp_isolation=candidates).best()
    encoding = match.encoding if match else "cp1252"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        # Five bytes mean nothing in Windows-1252 and are control characters in Latin-1.
        encoding, text = "cp1252", data.decode("latin-1")
    hit = _CONTROL.search(text)
    if hit:
        raise _no_text(text[: hit.start()].count("\n") + 1)
    return text, (
        f"The letters were read as {_NAMES[encoding]}. If a name looks wrong, save the file as “CSV UTF-8”.",
    )


def _telling_lines(data: bytes) -> bytes:
    """The lines that are not plain ASCII: the others say nothing about the encoding."""
    lines = [line for line in data.splitlines(keepends=True) if not line.isascii()]
    return b"".join(lines)[:_SAMPLE_BYTES]


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
