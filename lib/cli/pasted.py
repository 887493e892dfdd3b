"""Text pasted on the command line: read without letters that nobody sees; what cannot be is named."""

from __future__ import annotations

import argparse
from typing import Any

from lib.domain.identity import refuse_unreadable
from lib.domain.typed_codes import typed_text

_PATHS = ("FILE", "DEST")
# Services read these and name the letter themselves, by what the text is.
_READ_BY_SERVICES = frozenset(
    "amount changes currency customer description email expect_rows expect_totals full_name name note "
    "per_charge per_day per_run reason reference text".split()
)


class PastedParser(argparse.ArgumentParser):
    """Every argument but the path of a file is read without letters that nobody sees."""

    def __init__(self, *names: Any, **given: Any) -> None:  # noqa: ANN401 - as argparse takes them
        super().__init__(*names, **given)
        self.register("type", None, typed_text)
        self.register("type", int, _whole)

    def add_argument(self, *names: Any, **given: Any) -> argparse.Action:  # noqa: ANN401 - as argparse takes them
        if given.get("metavar") in _PATHS:
            given.setdefault("type", str)
        return super().add_argument(*names, **given)


def refuse_unreadable_arguments(arguments: argparse.Namespace) -> None:
    """
    Raises:
        InvalidInput: an id, a code or a date holds a letter that can be neither shown nor left out.
    """
    for name, given in vars(arguments).items():
        if name in _READ_BY_SERVICES or name in ("file", "out", "destination"):
            continue
        for text in given if isinstance(given, list) else [given]:
            if isinstance(text, str):
                field = name.rstrip("_")
                refuse_unreadable(text, what=f"argument {field}", field=field)


def _whole(text: str) -> int:
    return int(typed_text(text))
