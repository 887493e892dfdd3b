"""Sizes of texts: a few shared ones in many cells could ask for terabytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from xml.parsers import expat

from lib.spreadsheets.archives import parse, too_large

MOST_CHARACTERS = 200_000_000


def refuse_too_much_text(xml: bytes, shared_texts: bytes) -> None:
    """Exactly what the cells come to when every one has its text: slow, so only for the doubtful."""
    lengths: list[int] = []
    _gathered(shared_texts, {"si"}, lambda text: lengths.append(len(text)))
    total = 0

    def add(text: str) -> None:
        nonlocal total
        if text.isascii() and text.isdigit() and int(text) < len(lengths):
            total += lengths[int(text)]

    _gathered(xml, {"v"}, add)
    if total > MOST_CHARACTERS:
        raise too_large()


def _gathered(xml: bytes, names: set[str], use: Callable[[str], Any]) -> None:
    """Call `use` with all the text inside each of the named elements."""
    parser = expat.ParserCreate()
    parser.buffer_text = True
    pieces: list[str] | None = None

    def start(name: str, _: dict[str, str]) -> None:
        nonlocal pieces
        if name.rpartition(":")[2] in names:
            pieces = []

    def end(name: str) -> None:
        nonlocal pieces
        if name.rpartition(":")[2] in names and pieces is not None:
            use("".join(pieces))
            pieces = None

    def text(piece: str) -> None:
        if pieces is not None:
            pieces.append(piece)

    parser.EndElementHandler = end
    parser.CharacterDataHandler = text
    parse(xml, parser, start)
