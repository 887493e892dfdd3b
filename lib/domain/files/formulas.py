"""Cells that a spreadsheet would take for formulas: made inert on the way out, bare again on the way in."""

from __future__ import annotations

import re

# What a spreadsheet takes for the start of a formula; the wide forms in Japanese settings. Behind
# apostrophes too, so that one that was typed and one that was added can be told apart.
# https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")


def inert(cell: str) -> str:
    """An apostrophe before what a spreadsheet would take for a formula."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def bare(cell: str) -> str:
    """The cell as it was before `inert`; nothing else is taken off."""
    return cell[1:] if cell[:1] == "'" and _FORMULA.match(cell) else cell
