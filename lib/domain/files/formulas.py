"""Cells that a spreadsheet would take for formulas: made inert on the way out, bare again on the way in."""

from __future__ import annotations

import re

_SIGNS = r"=+\-@＝＋－＠"
# What a spreadsheet takes for the start of a formula; the wide forms in Japanese settings. Behind
# apostrophes too, so that one that was typed and one that was added can be told apart. Not only at the
# start of our cell: where lists are separated by semicolons, as in Germany, Excel opens any CSV so, and a
# semicolon or a line's end in a cell begins another of its cells.
# https://owasp.org/www-community/attacks/CSV_Injection
_PLACES = (rf"\A{{}}(?='*[{_SIGNS}\t\r\n])", rf"(?<=[;\t\r\n]){{}}(?=['\"]*[{_SIGNS}])")
_FORMULA = re.compile("|".join(_PLACES).format("", ""))
_INERT = re.compile("|".join(_PLACES).format("'", "'"))


def inert(cell: str) -> str:
    """An apostrophe before what a spreadsheet would take for a formula."""
    return _FORMULA.sub("'", cell)


def bare(cell: str) -> str:
    """The cell as it was before `inert`; nothing else is taken off."""
    return _INERT.sub("", cell)
