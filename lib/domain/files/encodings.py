"""The encodings that a person may choose for a file that is not Unicode."""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from types import MappingProxyType

from lib.domain.identity import readable_line
from lib.errors import InvalidInput

CHOICES: Mapping[str, str] = MappingProxyType(
    {
        "cp1252": "Windows-1252 (Western European)",
        "cp1250": "Windows-1250 (Central European)",
        "cp1251": "Windows-1251 (Cyrillic)",
        "cp1253": "Windows-1253 (Greek)",
        "cp1254": "Windows-1254 (Turkish)",
        "cp1257": "Windows-1257 (Baltic)",
        "iso8859-1": "ISO-8859-1 (Western European)",
        "iso8859-2": "ISO-8859-2 (Central European)",
        "iso8859-5": "ISO-8859-5 (Cyrillic)",
        "iso8859-7": "ISO-8859-7 (Greek)",
        "iso8859-9": "ISO-8859-9 (Turkish)",
        "iso8859-13": "ISO-8859-13 (Baltic)",
        "iso8859-15": "ISO-8859-15 (Western European with €)",
        "iso8859-3": "ISO-8859-3 (Southern European)",
        "iso8859-4": "ISO-8859-4 (Northern European)",
        "iso8859-6": "ISO-8859-6 (Arabic)",
        "iso8859-8": "ISO-8859-8 (Hebrew)",
        "iso8859-10": "ISO-8859-10 (Nordic)",
        "iso8859-11": "ISO-8859-11 (Thai)",
        "iso8859-14": "ISO-8859-14 (Celtic)",
        "iso8859-16": "ISO-8859-16 (South-Eastern European)",
        "cp1255": "Windows-1255 (Hebrew)",
        "cp1256": "Windows-1256 (Arabic)",
        "cp1258": "Windows-1258 (Vietnamese)",
        "cp874": "Windows-874 (Thai)",
        "koi8-r": "KOI8-R (Russian)",
        "koi8-u": "KOI8-U (Ukrainian)",
        "cp850": "DOS 850 (Western European)",
        "cp852": "DOS 852 (Central European)",
        "cp866": "DOS 866 (Cyrillic)",
        "mac-roman": "Mac Roman",
        "cp932": "Shift-JIS (Japanese)",
        "euc_jp": "EUC-JP (Japanese)",
        "gb18030": "GB18030 (Chinese, simplified)",
        "cp949": "EUC-KR (Korean)",
        "cp950": "Big5 (Chinese, traditional)",
    }
)
"""Python's name, and the one that people know; the likeliest first."""

# The editions that Microsoft's programs write hold all of the plain ones.
_WIDER = {
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "big5": "cp950",
    "gbk": "gb18030",
    "gb2312": "gb18030",
}
UNICODE = frozenset({"utf-8", "utf-16", "utf-32", "utf-8-sig", "utf-16-le", "utf-16-be"})
"""Of which a file says by its bytes which one it is."""


def named(name: str) -> str:
    """
    The Python name of what a person calls it: windows-1250, latin2, Shift-JIS, Big5.

    Raises:
        InvalidInput: none that can be chosen, or a letter in it cannot be shown.
    """
    name = readable_line(name, what="encoding", field="encoding")
    try:
        codec = codecs.lookup(name).name
    except (LookupError, ValueError):
        codec = ""
    codec = _WIDER.get(codec, codec)
    if codec not in CHOICES and codec not in UNICODE:
        listed = ", ".join(CHOICES)
        raise InvalidInput(
            f"“{name[:30]}” is not an encoding that Onfile reads. Choose one of: utf-8, {listed}.",
            field="encoding",
            code="encoding_unknown",
        )
    return codec


def label(encoding: str) -> str:
    return CHOICES.get(encoding, "Unicode (UTF-8)" if encoding == "utf-8" else encoding.upper())
