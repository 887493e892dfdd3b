"""Bytes to text. A byte order mark and words in UTF-8 are proof; anything else is a proposal until a person chooses."""

from __future__ import annotations

import codecs
import contextlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from lib.domain.files.encodings import UNICODE, label
from lib.domain.files.sheets import Note
from lib.domain.files.words import senses_of
from lib.errors import InvalidInput
from lib.spreadsheets.doubtful_unicode import other_readings
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
# Bytes between two of these are a cell, in every encoding: none of them is part of a letter.
_BETWEEN_CELLS = re.compile(rb'[,;\t\r\n"]+')
_EXAMPLES = 3
_NOT_UNICODE = "The file is not Unicode, so which letters these are is a guess."


@dataclass(frozen=True, slots=True)
class Decoded:
    text: str
    """Without its mark."""
    encoding: str
    doubt: str = ""
    """Why a person has to say which letters these are, in sentences; nothing of Unicode and ASCII, or when chosen."""
    is_chosen: bool = False
    examples: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Where there is doubt: cells as they read in each encoding that is likely."""
    notes: tuple[Note, ...] = ()

    @property
    def is_certain(self) -> bool:
        return not self.doubt


def decoded(data: bytes, chosen: str | None = None) -> Decoded:
    """
    Args:
        chosen: as a person said, by Python's name.

    Raises:
        InvalidInput: no text, damaged text, or not in the encoding that was chosen.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            _refuse_choice(chosen, "its first bytes say so")
            return Decoded(_by_mark(data, encoding), encoding.removesuffix("-sig"))
    if b"\x00" in data:
        if unmarked := _without_mark(data):
            _refuse_choice(chosen, "every other byte of plain letters is zero")
            return unmarked
        raise _no_text(data[: data.index(b"\x00")].count(b"\n") + 1)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as problem:
        if chosen is not None:
            return Decoded(_by_choice(data, chosen), chosen, is_chosen=True)
        _refuse_damaged_utf8(data, problem.start)
        return _by_guess(data)
    return Decoded(text, "utf-8") if data.isascii() else _of_valid(data, text, chosen)


def _of_valid(data: bytes, text: str, chosen: str | None) -> Decoded:
    """Of bytes that are valid UTF-8: by their words, or by a choice that does not contradict them."""
    if chosen in UNICODE:
        return Decoded(text, "utf-8", is_chosen=True)
    sample = _telling_lines(data)
    senses = senses_of(sample.decode("utf-8", errors="ignore"))
    is_clear = senses.is_plausible and senses.clear > 0
    others = [] if is_clear and chosen is None else other_readings(sample)
    is_clear = is_clear or (senses.is_plausible and not others)
    if chosen is not None:
        if is_clear and chosen not in others:
            ours, theirs = (_examples(data, one)[:1] for one in ("utf-8", chosen))
            _refuse_choice(chosen, f"“{ours[0]}” would read “{theirs[0]}”")
        return Decoded(_by_choice(data, chosen), chosen, is_chosen=True)
    if is_clear:
        return Decoded(text, "utf-8")
    return _doubtful(data, text, others, is_plausible=senses.is_plausible)


def _doubtful(data: bytes, text: str, others: list[str], *, is_plausible: bool) -> Decoded:
    """
    Args:
        others: encodings in which the file makes words, too.
        is_plausible: in UTF-8 it may be words that are too short to tell.
    """
    readings = ["utf-8", *others[:1]] if is_plausible else [*others[:1], "utf-8"]
    examples = {one: _examples(data, one) for one in readings}
    words = " or ".join(f"“{examples[one][0][:40]}” ({label(one)})" for one in readings)
    doubt = (
        f"The bytes of the file can be read in more than one way: {words}. Nothing in it says which is meant."
        if others
        else f"Read as {label('utf-8')}, the file holds {words.rpartition(' (')[0]}, which is a word of no language."
    )
    with contextlib.suppress(UnicodeDecodeError):
        read = data.decode(readings[0])
        note = Note("encoding_proposed", f"{doubt} If a name looks wrong, choose the encoding.")
        return Decoded(read, readings[0], doubt, examples=examples, notes=(note,))
    return _doubtful(data, text, [], is_plausible=True)


def _examples(data: bytes, encoding: str) -> tuple[str, ...]:
    """The first cells that are not plain ASCII."""
    cells = (cell for cell in _BETWEEN_CELLS.split(data[:_SAMPLE_BYTES]) if not cell.isascii())
    return tuple(
        " ".join(cell.decode(encoding, errors="replace").split())[:80]
        for cell in [*dict.fromkeys(cells)][:_EXAMPLES]
    )


def _refuse_choice(chosen: str | None, why: str) -> None:
    """
    Raises:
        InvalidInput: something else than Unicode was chosen for a file that is Unicode.
    """
    if chosen is None or chosen in UNICODE:
        return
    raise InvalidInput(
        f"The file is Unicode, so it is not read as {label(chosen)}: {why}. Choose utf-8, or nothing. If its letters "
        "are wrong then, correct them where the file comes from, and save it as “CSV UTF-8”.",
        field="encoding",
        code="encoding_wrong",
    )


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
    examples = {encoding: _examples(data, encoding)}
    return Decoded(text, encoding, _NOT_UNICODE, examples=examples, notes=(note,))


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
