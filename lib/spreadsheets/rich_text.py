"""Cells whose text is written in several ways: parts that are struck out, raised or in a colour of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from xml.parsers import expat

from lib.domain.files.doubtful_texts import DoubtfulText, TextLook
from lib.spreadsheets.archives import parse
from lib.spreadsheets.colours import USUAL, WHITE, Colour, colour, is_seen
from lib.spreadsheets.places import PLACE, Place, column_number
from lib.spreadsheets.styles import is_on

Attributes = Mapping[str, str]
_RUN = b"rPr"
_RAISED = frozenset({"superscript", "subscript"})


@dataclass(frozen=True, slots=True)
class TextRun:
    """A part of a text."""

    text: str = ""
    strikes: bool = False
    is_raised: bool = False
    """Or lowered."""
    letters: Colour = USUAL

    @property
    def is_plain(self) -> bool:
        return not (self.strikes or self.is_raised or self.letters == WHITE)


TextRuns = tuple[TextRun, ...]


def texts_in_runs(shared_texts: bytes) -> Mapping[str, TextRuns]:
    """Of the workbook's shared texts those in which something is written otherwise, by number."""
    if _RUN not in shared_texts:
        return {}
    texts: dict[str, TextRuns] = {}
    count = 0

    def end(runs: TextRuns) -> None:
        nonlocal count
        if not all(run.is_plain for run in runs):
            texts[str(count)] = runs
        count += 1

    _Listener("si", end).listen(shared_texts)
    return texts


def is_struck(runs: TextRuns) -> bool:
    """From the first letter to the last."""
    return all(run.strikes for run in runs if run.text.strip())


def doubtful_text(runs: TextRuns, ground: Colour) -> DoubtfulText | None:
    """None where all of it looks alike and is seen."""
    if not any(is_seen(run.letters, ground) for run in runs if run.text.strip()):
        return DoubtfulText(TextLook.UNSEEN)
    looks: tuple[tuple[TextLook, Callable[[TextRun], bool]], ...] = (
        (TextLook.STRUCK, lambda run: run.strikes),
        (TextLook.PALE, lambda run: not is_seen(run.letters, ground)),
        (TextLook.RAISED, lambda run: run.is_raised),
    )
    for look, looks_so in looks:
        part = [run.text for run in runs if looks_so(run)]
        rest = [run.text for run in runs if not looks_so(run)]
        if "".join(part).strip() and "".join(rest).strip():
            return DoubtfulText(look, "".join(part).strip(), "".join(rest).strip())
    return None


def cells_in_runs(
    sheet: bytes, shared: Mapping[str, TextRuns]
) -> dict[Place, tuple[int, TextRuns]]:
    """
    By place, each with the number of its cell's style.

    Args:
        shared: as `texts_in_runs` returns them.
    """
    if not shared and _RUN not in sheet:
        return {}
    cells: dict[Place, tuple[int, TextRuns]] = {}
    listener = _Cells(shared, cells)
    listener.listen(sheet)
    return cells


@dataclass(slots=True)
class _Listener:
    """To texts, each an element `whole` with its runs inside."""

    whole: str
    use: Callable[[TextRuns], None]
    runs: list[TextRun] = field(default_factory=list)
    is_reading: bool = False
    is_aside: bool = False
    """How letters are spoken, which is no part of the text."""

    def listen(self, xml: bytes) -> None:
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.EndElementHandler = self.end
        parser.CharacterDataHandler = self.text
        parse(xml, parser, self.start)

    def start(self, name: str, attributes: Attributes) -> None:
        kind = name.rpartition(":")[2]
        if kind == self.whole:
            self.runs = [TextRun()]
        elif kind == "r" and self.runs:
            self.runs.append(TextRun())
        elif kind == "t":
            self.is_reading = not self.is_aside and bool(self.runs)
        elif kind == "rPh":
            self.is_aside = True
        elif self.runs and kind == "strike":
            self.runs[-1] = replace(self.runs[-1], strikes=is_on(attributes, "val", default=True))
        elif self.runs and kind == "vertAlign":
            self.runs[-1] = replace(self.runs[-1], is_raised=attributes.get("val") in _RAISED)
        elif self.runs and kind == "color":
            self.runs[-1] = replace(self.runs[-1], letters=colour(attributes))

    def end(self, name: str) -> None:
        kind = name.rpartition(":")[2]
        if kind == "t":
            self.is_reading = False
        elif kind == "rPh":
            self.is_aside = False
        elif kind == self.whole:
            self.use(tuple(run for run in self.runs if run.text))
            self.runs = []

    def text(self, piece: str) -> None:
        if self.is_reading and self.runs:
            self.runs[-1] = replace(self.runs[-1], text=self.runs[-1].text + piece)


class _Cells(_Listener):
    """Also to the cells of a sheet, which hold their text or the number of a shared one."""

    def __init__(
        self, shared: Mapping[str, TextRuns], cells: dict[Place, tuple[int, TextRuns]]
    ) -> None:
        super().__init__("is", self._inline)
        self._shared = shared
        self._cells = cells
        self._place = ""
        self._style = ""
        self._is_shared = False
        self._number = ""
        self._is_number = False

    def start(self, name: str, attributes: Attributes) -> None:
        if name.endswith("c") and name.rpartition(":")[2] == "c":
            self._place, self._style = attributes.get("r", ""), attributes.get("s", "")
            self._is_shared = attributes.get("t") == "s"
        elif self._is_shared and name.rpartition(":")[2] == "v":
            self._is_number, self._number = True, ""
        else:
            super().start(name, attributes)

    def end(self, name: str) -> None:
        if self._is_number:
            self._is_number = False
            runs = self._shared.get(self._number.strip())
            if runs:
                self._keep(runs)
        else:
            super().end(name)

    def text(self, piece: str) -> None:
        if self._is_number:
            self._number += piece
        else:
            super().text(piece)

    def _inline(self, runs: TextRuns) -> None:
        if not all(run.is_plain for run in runs):
            self._keep(runs)

    def _keep(self, runs: TextRuns) -> None:
        match = PLACE.fullmatch(self._place)
        if match is not None:
            style = int(self._style) if self._style.isascii() and self._style.isdigit() else 0
            self._cells[int(match[2]) - 1, column_number(match[1]) - 1] = style, runs
