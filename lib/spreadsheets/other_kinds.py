"""Kinds of files that are not read: each is refused with one sentence that says how to save it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from lib.errors import InvalidInput

_AS_XLSX = "open it in Excel, save it as an Excel workbook (.xlsx), and upload that."
_PDF = (
    "This is a PDF, which holds no cells: save the table itself as an Excel workbook (.xlsx) or CSV in the "
    "program it comes from, and upload that."
)
_NUMBERS = "This is an Apple Numbers file: in Numbers, choose File, Export To, Excel, and upload the .xlsx file."
_OPEN_DOCUMENT = (
    "This is an OpenDocument file: open it in LibreOffice, choose File, Save As, Excel 2007–365 (.xlsx), and "
    "upload that."
)
_PICTURE = "This is a picture: upload the table itself, as an Excel workbook (.xlsx) or CSV."
_PACKED = "This is a packed file and no workbook: unpack it, and upload the table in it."
_WORD = "This is a Word document: copy its table into a spreadsheet, save that as an Excel workbook (.xlsx), and upload it."
_OLD_EXCEL = f"This is a workbook of Excel 2003 or older (.xls): {_AS_XLSX}"
_PROTECTED = (
    "The workbook is protected with a password, so it cannot be read: save a copy without the password and "
    "upload that."
)
_WEB_PAGE = f"This is a web page or XML under a spreadsheet's name: {_AS_XLSX}"
_SYMBOLIC = f"This is a file of symbolic links (.slk) or data interchange (.dif): {_AS_XLSX}"
_JSON = "This is JSON and no table: export an Excel workbook (.xlsx) or CSV, and upload that."

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
# The stream that a workbook with a password consists of, and the one of a Word document.
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_WORD_STREAM = "WordDocument".encode("utf-16-le")
# A mark of Unicode or a mail's lines may stand before it; readers of PDF look at the first 1,024 bytes.
_PDF_START = re.compile(rb"(?:\xef\xbb\xbf|\xff\xfe|\xfe\xff|\s|\x00)*%PDF-")
_PDF_HEAD, _PDF_TAIL = 1_024, 2_048
_BEGINNINGS = (
    (b"\x89PNG", _PICTURE),
    (b"\xff\xd8\xff", _PICTURE),
    (b"GIF8", _PICTURE),
    (b"II*\x00", _PICTURE),
    (b"MM\x00*", _PICTURE),
    (b"\x1f\x8b", _PACKED),
    (b"7z\xbc\xaf\x27\x1c", _PACKED),
    (b"Rar!\x1a", _PACKED),
    (b"BZh9", _PACKED),
    (b"\xfd7zXZ", _PACKED),
    (b"{\\rtf", _WORD),
)
_MARKUP = ("<html", "<!doctype", "<table", "<?xml", "<head", "<meta", "mime-version:")
_OPEN_DOCUMENT_ROOT = "urn:oasis:names:tc:opendocument"
# In a ZIP archive. Numbers 2009 and older kept its table in index.xml, beside a history of versions.
_PARTS = {
    "xl/workbook.bin": f"This is a binary Excel workbook (.xlsb): {_AS_XLSX}",
    "content.xml": _OPEN_DOCUMENT,
    "word/document.xml": _WORD,
}
_NUMBERS_PARTS = re.compile(
    r"(?:\A|/)(?:Index/Document\.iwa|Index\.zip|index\.apxl(?:\.gz)?|buildVersionHistory\.plist)\Z"
    r"|\.numbers/",
    re.IGNORECASE,
)


def refuse_bytes(data: bytes) -> None:
    """
    Raises:
        InvalidInput: what it is, by its first bytes, and how to save it.
    """
    if data.startswith(_OLE):
        raise _old_or_protected(data)
    says_pdf = b"%PDF-" in data[:_PDF_HEAD] and b"%%EOF" in data[-_PDF_TAIL:]
    if says_pdf or _PDF_START.match(data):
        raise _refusal(_PDF)
    for beginning, sentence in _BEGINNINGS:
        if data.startswith(beginning):
            raise _refusal(sentence)


def refuse_text(text: str) -> None:
    """The same of what could be decoded, or was pasted."""
    beginning = text[:1_000].lstrip("\ufeff \t\r\n")
    lowered = beginning.lower()
    if _OPEN_DOCUMENT_ROOT in lowered and lowered.startswith("<"):
        raise _refusal(_OPEN_DOCUMENT)
    if lowered.startswith(_MARKUP):
        raise _refusal(_WEB_PAGE)
    if beginning.startswith("ID;P") or re.match(r"TABLE\s*\n0,1\s*\n", beginning):
        raise _refusal(_SYMBOLIC)
    if re.match(r'[\[{]\s*[{"]', beginning):
        raise _refusal(_JSON)


def refuse_archive(names: Iterable[str]) -> None:
    """The same of a ZIP archive, by the names of its parts."""
    parts = {name.replace("\\", "/").lstrip("/") for name in names}
    for part, sentence in _PARTS.items():
        if part in parts:
            raise _refusal(sentence)
    if any(map(_NUMBERS_PARTS.search, parts)):
        raise _refusal(_NUMBERS)
    if "xl/workbook.xml" not in parts:
        raise _refusal(_PACKED)


def _old_or_protected(data: bytes) -> InvalidInput:
    if _ENCRYPTED in data:
        return InvalidInput(_PROTECTED, code="file_protected")
    return _refusal(_WORD if _WORD_STREAM in data else _OLD_EXCEL)


def _refusal(sentence: str) -> InvalidInput:
    return InvalidInput(sentence, code="file_kind")
