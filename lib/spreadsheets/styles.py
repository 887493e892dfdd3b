"""A workbook's styles: the number format of each, and whether its text is struck out or cannot be seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar
from xml.parsers import expat

from lib.domain.files.number_formats import NumberFormat, number_format
from lib.spreadsheets.archives import parse, too_large
from lib.spreadsheets.colours import USUAL, WHITE, Colour, colour, is_seen

_OFF = frozenset({"0", "false", "off"})
_GENERAL = number_format("General")
# In points: smaller letters are dots on a screen.
_LEAST_FONT = 3
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class RuleStyle:
    """What a rule of conditional formatting does to cells where it applies, which only a spreadsheet knows."""

    code: str = ""
    """Its number format."""
    strikes: bool = False
    letters: Colour = USUAL
    ground: Colour = USUAL

    @property
    def hides(self) -> bool:
        """Whether nobody sees the text under it."""
        unseen = not is_seen(self.letters, self.ground)
        return unseen or (bool(self.code) and not number_format(self.code).shown_text("x"))

    def looks_like(self, part: str, kind: str, attributes: Mapping[str, str]) -> RuleStyle:
        """
        Args:
            part: font, fill or border, whose element this is.
        """
        if kind == "numFmt":
            return replace(self, code=attributes.get("formatCode", ""))
        if part == "font" and kind == "strike":
            return replace(self, strikes=is_on(attributes, "val", default=True))
        if part == "font" and kind == "color":
            return replace(self, letters=colour(attributes))
        if part == "fill" and kind in {"bgColor", "fgColor"}:
            return replace(self, ground=self.ground or colour(attributes))
        return self


# Excel has at most 65,490 formats of cells, of three elements each, and nests them eight deep.
_MOST_ELEMENTS = 500_000
_DEEPEST = 50


@dataclass(frozen=True, slots=True)
class Styles:
    formats: tuple[NumberFormat, ...]
    """By a cell's `s`."""
    struck: frozenset[int]
    rules: tuple[RuleStyle, ...] = ()
    """By a rule's `dxfId`."""
    grounds: tuple[Colour, ...] = ()
    """By a cell's `s`."""
    unseen: frozenset[int] = frozenset()
    """Whose letters have the colour of what is behind them, or are too small to be seen."""

    def format_of(self, style: int) -> NumberFormat:
        return self.formats[style] if 0 <= style < len(self.formats) else _GENERAL

    def rule(self, style: int) -> RuleStyle:
        return self.rules[style] if style < len(self.rules) else RuleStyle()

    def ground(self, style: int) -> Colour:
        return self.grounds[style] if style < len(self.grounds) else USUAL

    def plain(self) -> frozenset[str]:
        """Styles that change nothing about what a cell shows."""
        return frozenset(
            str(style)
            for style, one in enumerate(self.formats)
            if one is _GENERAL and style not in self.struck and style not in self.unseen
        )


@dataclass(frozen=True, slots=True)
class _Font:
    strikes: bool = False
    letters: Colour = USUAL
    is_tiny: bool = False


def styles_of(xml: bytes) -> Styles:
    """An empty part is that of a workbook without styles."""
    if not xml:
        return Styles((_GENERAL,), frozenset())
    listener = _Listener()
    parser = expat.ParserCreate()
    parser.EndElementHandler = lambda _: listener.path.pop()
    parse(xml, parser, listener.start)
    return listener.styles()


class _Listener:
    def __init__(self) -> None:
        self.path: list[str] = []
        self._left = _MOST_ELEMENTS
        self._formats: dict[int, str] = {}
        self._fonts: list[_Font] = []
        self._fills: list[Colour] = []
        self._cells: list[tuple[int, int, int]] = []
        self._rules: list[RuleStyle] = []

    def start(self, name: str, attributes: dict[str, str]) -> None:
        kind = name.rpartition(":")[2]
        self.path.append(kind)
        self._left -= 1
        # The path is looked through for each element.
        if self._left < 0 or len(self.path) > _DEEPEST:
            raise too_large()
        if "dxfs" in self.path:
            self._of_rule(kind, attributes)
        else:
            self._of_cell(self.path, kind, attributes)

    def styles(self) -> Styles:
        formats = tuple(_format(code, self._formats) for code, _, _ in self._cells)
        fonts = [_at(self._fonts, font, _Font()) for _, font, _ in self._cells]
        grounds = tuple(_at(self._fills, fill, USUAL) for _, _, fill in self._cells)
        return Styles(
            formats or (_GENERAL,),
            frozenset(style for style, font in enumerate(fonts) if font.strikes),
            tuple(self._rules),
            grounds,
            frozenset(
                style
                for style, (form, font) in enumerate(zip(formats, fonts, strict=True))
                if font.is_tiny
                or not is_seen(WHITE if _is_white(form) else font.letters, grounds[style])
            ),
        )

    def _of_rule(self, kind: str, attributes: Mapping[str, str]) -> None:
        if kind == "dxf":
            self._rules.append(RuleStyle())
        elif "dxf" in self.path:
            part = self.path[self.path.index("dxf") + 1]
            self._rules[-1] = self._rules[-1].looks_like(part, kind, attributes)

    def _of_cell(self, path: list[str], kind: str, attributes: Mapping[str, str]) -> None:
        parent = path[-2] if len(path) > 1 else ""
        if kind == "numFmt" and parent == "numFmts":
            self._formats[_number(attributes, "numFmtId")] = attributes.get("formatCode", "")
        elif kind == "font" and parent == "fonts":
            self._fonts.append(_Font())
        elif kind == "fill" and parent == "fills":
            self._fills.append(USUAL)
        elif path[-3:-1] == ["fonts", "font"]:
            self._fonts[-1] = _with(self._fonts[-1], kind, attributes)
        elif kind == "fgColor" and path[-4:-1] == ["fills", "fill", "patternFill"]:
            self._fills[-1] = colour(attributes)
        elif kind == "xf" and parent == "cellXfs":
            numbers = (_number(attributes, f"{one}Id") for one in ("numFmt", "font", "fill"))
            self._cells.append((next(numbers), next(numbers), next(numbers)))


def _with(font: _Font, kind: str, attributes: Mapping[str, str]) -> _Font:
    if kind == "strike":
        return replace(font, strikes=is_on(attributes, "val", default=True))
    if kind == "sz":
        return replace(font, is_tiny=is_nothing(attributes.get("val", ""), _LEAST_FONT))
    return replace(font, letters=colour(attributes)) if kind == "color" else font


def _at(listed: Sequence[Item], at: int, other: Item) -> Item:
    return listed[at] if at < len(listed) else other


def _is_white(form: NumberFormat) -> bool:
    return "[white]" in form.code.casefold()


def is_nothing(length: str, least: float = 1) -> bool:
    """Of a row in points, of a column in letters: less than this shows at most a line."""
    try:
        return float(length) < least
    except ValueError:
        return False


def is_on(attributes: Mapping[str, str], name: str, *, default: bool = False) -> bool:
    value = attributes.get(name)
    return default if value is None else value.lower() not in _OFF


def _format(built_in: int, formats: Mapping[int, str]) -> NumberFormat:
    result = number_format(formats.get(built_in, ""), built_in)
    return _GENERAL if result == _GENERAL else result


def _number(attributes: Mapping[str, str], name: str) -> int:
    text = attributes.get(name, "0")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
