"""A workbook's styles: the number format of each, and whether its text is struck out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from xml.parsers import expat

from lib.domain.files.number_formats import NumberFormat, number_format
from lib.spreadsheets.archives import parse

_OFF = frozenset({"0", "false", "off"})
_GENERAL = number_format("General")


@dataclass(frozen=True, slots=True)
class RuleStyle:
    """What a rule of conditional formatting does to cells where it applies, which only a spreadsheet knows."""

    code: str = ""
    """Its number format."""
    strikes: bool = False


@dataclass(frozen=True, slots=True)
class Styles:
    formats: tuple[NumberFormat, ...]
    """By a cell's `s`."""
    struck: frozenset[int]
    rules: tuple[RuleStyle, ...] = ()
    """By a rule's `dxfId`."""

    def format_of(self, style: int) -> NumberFormat:
        return self.formats[style] if 0 <= style < len(self.formats) else _GENERAL

    def rule(self, style: int) -> RuleStyle:
        return self.rules[style] if style < len(self.rules) else RuleStyle()

    def plain(self) -> frozenset[str]:
        """Styles that change nothing about what a cell shows."""
        return frozenset(
            str(style)
            for style, one in enumerate(self.formats)
            if one is _GENERAL and style not in self.struck
        )


def styles_of(xml: bytes) -> Styles:
    """An empty part is that of a workbook without styles."""
    if not xml:
        return Styles((_GENERAL,), frozenset())
    formats: dict[int, str] = {}
    fonts: list[bool] = []
    cells: list[tuple[int, int]] = []
    rules: list[RuleStyle] = []
    path: list[str] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        kind = name.rpartition(":")[2]
        parent = path[-1] if path else ""
        path.append(kind)
        if "dxfs" in path:
            _of_rule(rules, path, attributes)
        elif kind == "numFmt" and parent == "numFmts":
            formats[_number(attributes, "numFmtId")] = attributes.get("formatCode", "")
        elif kind == "font" and parent == "fonts":
            fonts.append(False)
        elif kind == "strike" and parent == "font" and fonts:
            fonts[-1] |= is_on(attributes, "val", default=True) and path[-3] == "fonts"
        elif kind == "xf" and parent == "cellXfs":
            cells.append((_number(attributes, "numFmtId"), _number(attributes, "fontId")))

    parser = expat.ParserCreate()
    parser.EndElementHandler = lambda _: path.pop()
    parse(xml, parser, start)
    return Styles(
        tuple(_format(code, formats) for code, _ in cells) or (_GENERAL,),
        frozenset(
            style for style, (_, font) in enumerate(cells) if font < len(fonts) and fonts[font]
        ),
        tuple(rules),
    )


def _of_rule(rules: list[RuleStyle], path: list[str], attributes: Mapping[str, str]) -> None:
    if path[-1] == "dxf":
        rules.append(RuleStyle())
    elif path[-2:] == ["dxf", "numFmt"]:
        rules[-1] = replace(rules[-1], code=attributes.get("formatCode", ""))
    elif path[-3:] == ["dxf", "font", "strike"]:
        rules[-1] = replace(rules[-1], strikes=is_on(attributes, "val", default=True))


def is_on(attributes: Mapping[str, str], name: str, *, default: bool = False) -> bool:
    value = attributes.get(name)
    return default if value is None else value.lower() not in _OFF


def _format(built_in: int, formats: Mapping[int, str]) -> NumberFormat:
    result = number_format(formats.get(built_in, ""), built_in)
    return _GENERAL if result == _GENERAL else result


def _number(attributes: Mapping[str, str], name: str) -> int:
    text = attributes.get(name, "0")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
