"""Parts of a line that read as one, an invoice number say, and should not be torn in two."""

from __future__ import annotations

import re

_PIECE = re.compile(r"([·•]{4} \w{4}|[A-Za-z0-9][A-Za-z0-9._+/@-]*[A-Za-z0-9])")
_COULD_BE_TORN = re.compile(r"[-/@ ]")
_NAMES_SOMETHING = re.compile(r"[0-9@]")


def units(line: str) -> list[tuple[str, bool]]:
    """The pieces of a line in order, which joined are the line, and whether each stays together."""
    return [
        (
            piece,
            bool(_COULD_BE_TORN.search(piece) and _NAMES_SOMETHING.search(piece)) and at % 2 == 1,
        )
        for at, piece in enumerate(_PIECE.split(line))
        if piece
    ]
