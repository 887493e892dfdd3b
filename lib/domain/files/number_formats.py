"""
Render numbers as a spreadsheet shows them under a number format.

The grammar is that of ECMA-376 part 1, 18.8.31. What is not understood, or depends on the width of a
column or the language of the program, is rendered with `is_certain` false and never guessed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from lib.domain.files import date_formats
from lib.domain.files.built_in_formats import BUILT_IN, BY_LANGUAGE, BY_LANGUAGE_DATES
from lib.domain.files.format_digits import (
    Rendering,
    decimals_always_shown,
    rendered,
    rendering,
)
from lib.domain.files.plain_numbers import plain

# Excel's General has room for so many digits, and shows longer ones as 1.23E+11.
_GENERAL_DIGITS = 11

_TOKEN = re.compile(
    r'"(?P<quoted>[^"]*)"|\\(?P<escaped>.)|_(?P<space>.)|\*(?P<fill>.)'
    r"|\[\$(?P<sign>[^\]-]*)(?:-(?P<language>[^\]]*))?\]|\[(?P<bracket>[^\]]*)\]"
    r"|(?P<general>General)|(?P<exponent>E[+-])|(?P<digit>[0#?])|(?P<mark>[.,%@;])|(?P<other>.)",
    re.IGNORECASE | re.DOTALL,
)
_COLOUR = re.compile(r"(?:black|blue|cyan|green|magenta|red|white|yellow|colou?r ?\d+)\Z", re.I)
_CONDITION = re.compile(r"(<=|>=|<>|<|>|=)\s*(-?\d+(?:\.\d+)?)\Z", re.ASCII)
# Hexadecimal digits.
_LANGUAGE = 4
_COUNTING = frozenset("123456789")
_DECIMALS = re.compile(r"\.([0-9]+)")
_SCALES = re.compile(r"%|E[+-]|,+(?![0#?,])|[\"\\].*\.")
_BARE_POINT = re.compile(r"\.(?![0-9])")
_SEPARATORS = str.maketrans(",.", ".,")
_SET_ASIDE = str.maketrans(",.", "\ue000\ue001")
_PUT_BACK = str.maketrans("\ue000\ue001", ",.")
_WRITTEN = frozenset({"literal", "sign"})
_DASHES = frozenset("-\u2010\u2011\u2012\u2013\u2014\u2212")
_LITERALS = frozenset("$-+(): !^&'~{}<>=/ ")
_HOLDS = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "=": lambda a, b: a == b,
    "<>": lambda a, b: a != b,
}


@dataclass(frozen=True, slots=True)
class Shown:
    text: str
    is_certain: bool = True
    """Whether every person sees exactly this text."""
    signs: str = ""
    """The literal text beside the number."""
    with_comma: str = ""
    """The same in a language whose decimal sign is a comma; what the format itself writes stays."""


@dataclass(slots=True)
class _Section:
    tokens: list[tuple[str, str]]
    condition: tuple[str, Decimal] | None = None
    is_certain: bool = True
    has_dashes: bool = False
    """As many as the column is wide."""
    _signs: str | None = None
    _rendering: Rendering | None = None
    decimals: int | None = None
    """Always shown; known after `rendered`."""

    def rendered(self, number: Decimal) -> str | None:
        """As `rendered` of its tokens, which is looked up once: a column has one format."""
        if self._rendering is None:
            self._rendering = rendering(tuple(self.tokens))
            self.decimals = decimals_always_shown(self.tokens)
        return self._rendering(abs(number))

    def shows_all_of(self, number: Decimal) -> bool:
        """After `rendered`: whether nothing was rounded and no point stands alone, as can be said of the tokens alone."""
        exponent = number.as_tuple().exponent
        return (
            self.decimals is not None and isinstance(exponent, int) and -exponent <= self.decimals
        )

    @property
    def signs(self) -> str:
        if self._signs is None:
            self._signs = "".join(text for kind, text in self.tokens if kind in _WRITTEN)
        return self._signs

    @property
    def has_text(self) -> bool:
        return any(kind == "mark" and text == "@" for kind, text in self.tokens)


@dataclass(frozen=True, slots=True)
class NumberFormat:
    code: str
    is_date: bool
    sections: tuple[_Section, ...]
    of_numbers: tuple[_Section, ...] = ()
    """Those that are not for text."""

    def shown(self, number: Decimal, held: Decimal | None = None) -> Shown:
        """
        Not for dates.

        Args:
            number: as `exact` gives it.
            held: the very double that the cell holds, which some programs round in its place.
        """
        if self.code == "General":
            return general(number)
        section, sign = self._section(number)
        if section is None:
            return Shown(plain(number), is_certain=False)
        text, signs = section.rendered(number), section.signs
        if text is None:
            return Shown(plain(number), is_certain=False, signs=signs)
        # Where programs differ: the minus of what is rounded to nothing, a point without decimals, and
        # a half that is not quite one.
        is_certain = (
            section.is_certain
            and not (number < 0 and (number > -1 or not set(text) & _COUNTING))
            and (
                section.shows_all_of(number)
                or (
                    not self._has_bare_point(section, signs, number, text)
                    and (
                        held is None or self._keeps(number, text) or section.rendered(held) == text
                    )
                )
            )
        )
        with_comma = "" if section.has_dashes else _with_comma(section, signs, number, text)
        return Shown(sign + text, is_certain, signs, with_comma and sign + with_comma)

    def _has_bare_point(self, section: _Section, signs: str, number: Decimal, text: str) -> bool:
        """Whether the point of the number itself stands without a decimal: `0.##` of 5; not “Nr. 5”."""
        if ("mark", ".") not in section.tokens:
            return False
        if not signs:
            return bool(_BARE_POINT.search(text))
        unlettered = [(kind, "" if kind in _WRITTEN else text) for kind, text in section.tokens]
        return bool(_BARE_POINT.search(rendered(unlettered, number) or ""))

    def _keeps(self, number: Decimal, text: str) -> bool:
        """Whether all of the number's decimals are shown, so that nothing was rounded."""
        exponent = number.as_tuple().exponent
        shown = _DECIMALS.search(text)
        places = len(shown[1]) if shown else 0
        return isinstance(exponent, int) and -exponent <= places and not _scales(self.code)

    def shown_text(self, text: str) -> str:
        """What a cell of text shows: `"INV-"@` writes something before it, `;;;` hides it."""
        section = next((one for one in self.sections if one.has_text), None)
        if section is None:
            return "" if len(self.sections) > 3 else text
        return "".join(text if kind == "mark" else piece for kind, piece in section.tokens)

    def _section(self, number: Decimal) -> tuple[_Section | None, str]:
        """The section that applies, and the minus that it does not write itself."""
        sections = self.of_numbers
        minus = "-" if number < 0 else ""
        if len(sections) == 1 and sections[0].condition is None:
            return sections[0], minus
        if any(one.condition for one in sections):
            # Which of them writes a minus of its own, programs do not agree on.
            if minus:
                return None, ""
            return next((one for one in sections if _applies(one, number)), None), ""
        if number < 0:
            return sections[1], ""
        return sections[2 if len(sections) > 2 and number == 0 else 0], ""


@lru_cache(maxsize=2_000)
def number_format(code: str, built_in: int = 0) -> NumberFormat:
    """By its code, or by its number where the workbook has no code for that."""
    if built_in in BY_LANGUAGE_DATES:
        return NumberFormat(date_formats.BY_LANGUAGE, True, ())
    code = code or BUILT_IN.get(built_in, "")
    if not code:
        code = "General" if built_in == 0 else BY_LANGUAGE.get(built_in, "* General")
    if date_formats.is_date(code):
        return NumberFormat(code, True, ())
    if code.lower() == "general":
        return NumberFormat("General", False, ())
    sections = tuple(_sections(code))
    of_numbers = tuple(one for one in sections if not one.has_text)
    return NumberFormat(code, False, sections, of_numbers or sections[:1])


def general(number: Decimal) -> Shown:
    text = plain(number)
    is_certain = len(text.lstrip("-").replace(".", "")) <= _GENERAL_DIGITS
    return Shown(text, is_certain, with_comma=text.translate(_SEPARATORS))


def _sections(code: str) -> list[_Section]:
    sections = [_Section([])]
    for match in _TOKEN.finditer(code):
        kind, section = match.lastgroup or "other", sections[-1]
        if kind == "mark" and match["mark"] == ";":
            sections.append(_Section([]))
        elif kind == "language" or kind == "sign":
            section.tokens.append(("sign", match["sign"] or ""))
            # Longer than a language: digits of its own, or the system's settings.
            language = match["language"] or ""
            section.is_certain &= len(language) <= _LANGUAGE and not language.startswith("F")
        elif kind == "bracket":
            _bracket(section, match["bracket"])
        elif kind == "quoted" or kind == "escaped":
            section.tokens.append(("literal", match[kind]))
        elif kind == "space":
            section.tokens.append(("literal", " "))
        elif kind == "fill":
            # As often as the column is wide: nothing that can be read off the file. Dashes are read as a minus.
            section.is_certain = False
            section.has_dashes |= match["fill"] in _DASHES
        elif kind == "other":
            _other(section, match["other"])
        else:
            section.tokens.append((kind, match[kind]))
    return sections


def _bracket(section: _Section, content: str) -> None:
    condition = _CONDITION.match(content)
    if condition:
        section.condition = (condition[1], Decimal(condition[2]))
    elif not _COLOUR.match(content):
        section.is_certain = False


def _other(section: _Section, character: str) -> None:
    if character == "/":
        # A fraction.
        section.is_certain = False
    elif character not in _LITERALS and character.isascii():
        section.is_certain = False
    section.tokens.append(("literal", character))


@lru_cache(maxsize=2_000)
def _scales(code: str) -> bool:
    return _SCALES.search(code) is not None


def _with_comma(section: _Section, signs: str, number: Decimal, text: str) -> str:
    if "." not in text and "," not in text:
        return text
    if "." not in signs and "," not in signs:
        return text.translate(_SEPARATORS)
    kept = [
        (kind, piece.translate(_SET_ASIDE) if kind in _WRITTEN else piece)
        for kind, piece in section.tokens
    ]
    swapped = (rendered(kept, number) or "").translate(_SEPARATORS)
    return swapped.translate(_PUT_BACK)


def _applies(section: _Section, number: Decimal) -> bool:
    if section.condition is None:
        return True
    sign, limit = section.condition
    return bool(_HOLDS[sign](number, limit))
