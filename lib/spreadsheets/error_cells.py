"""Cells with an error that the reader does not know, which refuses the whole workbook for one of them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from lib.spreadsheets.archives import Listed

_KNOWN = frozenset(("#DIV/0!", "#N/A", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!"))
_NAME = rb"(?:[A-Za-z0-9]+:)?"
# Up to its own value, never into another cell.
_VALUE = re.compile(
    rb"(<%bc\b[^>]*\bt=[\"']e[\"'][^>]*>(?:(?!</?%bc\b).)*?<%bv>)[^<]*" % (_NAME, _NAME, _NAME),
    re.DOTALL,
)


def readable_errors(
    parts: dict[str, bytes], sheet: Listed, errors: Iterable[str]
) -> dict[str, bytes]:
    """
    The parts of a workbook, with an error that every reader knows in the place of others.

    Args:
        errors: what stands in the sheet, which is told of these cells.
    """
    if {text.strip() for text in errors} <= _KNOWN:
        return parts
    return parts | {sheet.part: _VALUE.sub(rb"\g<1>#N/A", parts[sheet.part])}
