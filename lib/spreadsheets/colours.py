"""Colours of letters and of what is behind them: whether a text can be seen at all."""

from __future__ import annotations

from collections.abc import Mapping

Colour = str
"""As it is written, or nothing for the usual one."""
WHITE: Colour = "white"
USUAL: Colour = ""
# Channels from here on are white to whoever does not look for it.
_NEARLY_FULL = 0xF5
# https://learn.microsoft.com/dotnet/api/documentformat.openxml.spreadsheet.indexedcolors; 65 is the sheet's own ground.
_WHITE_INDEXES = frozenset({"1", "9", "65"})
_WHITE_THEME = "0"
_LEAST_TINT = -0.05


def colour(attributes: Mapping[str, str]) -> Colour:
    rgb = attributes.get("rgb", "")
    if len(rgb) in {6, 8}:
        return WHITE if _is_white(rgb[-6:]) else rgb[-6:].upper()
    if attributes.get("indexed") in _WHITE_INDEXES:
        return WHITE
    theme, tint = attributes.get("theme"), attributes.get("tint", "0")
    if theme == _WHITE_THEME and not _darkens(tint):
        return WHITE
    if theme is not None:
        return f"theme {theme} {tint}"
    return f"indexed {attributes['indexed']}" if "indexed" in attributes else USUAL


def is_seen(letters: Colour, ground: Colour) -> bool:
    """What has the usual colour on a ground that has one is seen, as programs choose a colour that is."""
    return letters in {USUAL, "indexed 64"} or letters != (ground or WHITE)


def _is_white(rgb: str) -> bool:
    try:
        return all(channel >= _NEARLY_FULL for channel in bytes.fromhex(rgb))
    except ValueError:
        return False


def _darkens(tint: str) -> bool:
    try:
        return float(tint) < _LEAST_TINT
    except ValueError:
        return True
