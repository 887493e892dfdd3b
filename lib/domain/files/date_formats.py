"""Dates and times as a spreadsheet shows them in English: for messages and further columns, never for a reference."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

BY_LANGUAGE = "yyyy-mm-dd"
"""Instead of a format whose order is the program's: nobody takes it for another day."""

_NO_CODE = re.compile(r'"[^"]*"|\\.|_.|\*.|\[\$[^\]]*\]|\[(?![hms]+\])[^\]]*\]', re.IGNORECASE)
_DATE = re.compile(r"[dmyhsbeg]|am/pm|a/p", re.IGNORECASE)
_TOKEN = re.compile(
    r'"([^"]*)"|\\(.)|_(.)|\[\$-?[^\]]*\]|(\[[hms]+\]|am/pm|a/p|y+|m+|d+|h+|s+(?:\.0+)?)|(.)',
    re.IGNORECASE | re.DOTALL,
)
# A spreadsheet's days have no zone; this one is never converted.
_DAY_ZERO = datetime(1899, 12, 30, tzinfo=UTC)
_LAST_DAY = 2_958_465
_FIRST_REAL_DAY = 61
"""1 March 1900. The day before it, 60, never was; and programs do not agree on those before."""


def is_date(code: str) -> bool:
    sections = _NO_CODE.sub("", code).split(";")
    return any(_DATE.search(re.sub("general|e[+-]", "", one, flags=re.I)) for one in sections)


def moment(serial: Decimal, *, since_1904: bool = False) -> datetime | None:
    """None for a number that is no day."""
    if since_1904:
        serial += 1462
    if not _FIRST_REAL_DAY <= serial <= _LAST_DAY + 1:
        return None
    milliseconds = (serial * 86_400_000).quantize(Decimal(1), ROUND_HALF_UP)
    return _DAY_ZERO + timedelta(milliseconds=int(milliseconds))


def shown(serial: Decimal, code: str, *, since_1904: bool = False) -> str:
    """In ISO 8601 where the format is not understood."""
    at = moment(serial, since_1904=since_1904)
    code = code.split(";")[0]
    if at is None:
        return _time_of_day(serial, code)
    tokens = [match.groups() for match in _TOKEN.finditer(code)]
    fields = [token[3].lower() for token in tokens if token[3]]
    if any(field.startswith("[") or field == "mmmmm" for field in fields):
        return iso(at)
    pieces, before = [], ""
    twelve = any(field in ("am/pm", "a/p") for field in fields)
    for position, (quoted, escaped, space, field, other) in enumerate(tokens):
        if field is None:
            pieces.append(" " if space else quoted or escaped or other or "")
            continue
        after = next((t[3] for t in tokens[position + 1 :] if t[3]), "") or ""
        is_minute = field[0] in "mM" and (before[:1] in ("h",) or after[:1] in ("s", "S"))
        pieces.append(_field(at, field.lower(), is_minute=is_minute, twelve=twelve))
        before = field.lower()
    return "".join(pieces).strip()


def iso(at: datetime) -> str:
    return (
        at.date().isoformat() if at.time() == datetime.min.time() else at.isoformat(" ", "seconds")
    )


def _time_of_day(serial: Decimal, code: str) -> str:
    """A number below 1 is a time without a day."""
    if not 0 <= serial < 1 or re.search("[dy]", _NO_CODE.sub("", code), re.IGNORECASE):
        return f"{serial:f}"
    seconds = int((serial * 86_400).quantize(Decimal(1), ROUND_HALF_UP))
    clock = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}"
    return f"{clock}:{seconds % 60:02d}" if "s" in code.lower() else clock


def _field(at: datetime, field: str, *, is_minute: bool, twelve: bool) -> str:
    kind, width = field[0], len(field)
    if kind == "y":
        return f"{at:%Y}" if width > 2 else f"{at:%y}"
    if kind == "m" and is_minute:
        return f"{at.minute:0{min(width, 2)}d}"
    if kind in "md" and width > 2:
        names = {"m3": "%b", "m4": "%B", "d3": "%a", "d4": "%A"}
        return at.strftime(names.get(f"{kind}{min(width, 4)}", ""))
    if kind == "a":
        return f"{at:%p}" if field == "am/pm" else f"{at:%p}"[:1]
    if kind == "s":
        digits = field.partition(".")[2]
        part = f"{at.microsecond:06d}"[: len(digits)]
        return f"{at.second:0{min(len(field.partition('.')[0]), 2)}d}{'.' + part if digits else ''}"
    number = {"m": at.month, "d": at.day, "h": at.hour}[kind]
    if kind == "h" and twelve:
        number = number % 12 or 12
    return f"{number:0{min(width, 2)}d}"
