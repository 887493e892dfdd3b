"""
Render numbers as a spreadsheet shows them under a number format.

The grammar is that of ECMA-376 part 1, 18.8.31. What is not understood, or depends on the width of a
column or the language of the program, is rendered with `is_certain` false and never guessed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache

from lib.domain.files import date_formats
from lib.domain.files.built_in_formats import BUILT_IN, BY_LANGUAGE, BY_LANGUAGE_DATES
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


@dataclass(slots=True)
class _Section:
    tokens: list[tuple[str, str]]
    condition: tuple[str, Decimal] | None = None
    is_certain: bool = True

    @property
    def signs(self) -> str:
        return "".join(text for kind, text in self.tokens if kind in ("literal", "sign"))

    @property
    def has_text(self) -> bool:
        return any(kind == "mark" and text == "@" for kind, text in self.tokens)


@dataclass(frozen=True, slots=True)
class NumberFormat:
    code: str
    is_date: bool
    sections: tuple[_Section, ...]

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
        text = _rendered(section, number)
        if text is None:
            return Shown(plain(number), is_certain=False, signs=section.signs)
        # Where programs differ: the minus of what is rounded to nothing, a point without decimals, and
        # a half that is not quite one.
        is_certain = (
            section.is_certain
            and not (number < 0 and (number > -1 or not set(text) & _COUNTING))
            and not _BARE_POINT.search(text)
            and (held is None or self._keeps(number, text) or _rendered(section, held) == text)
        )
        return Shown(sign + text, is_certain, section.signs)

    def _keeps(self, number: Decimal, text: str) -> bool:
        """Whether all of the number's decimals are shown, so that nothing was rounded."""
        exponent = number.as_tuple().exponent
        shown = _DECIMALS.search(text)
        places = len(shown[1]) if shown else 0
        return isinstance(exponent, int) and -exponent <= places and not _SCALES.search(self.code)

    def shown_text(self, text: str) -> str:
        """What a cell of text shows: `"INV-"@` writes something before it, `;;;` hides it."""
        section = next((one for one in self.sections if one.has_text), None)
        if section is None:
            return "" if len(self.sections) > 3 else text
        return "".join(text if kind == "mark" else piece for kind, piece in section.tokens)

    def _section(self, number: Decimal) -> tuple[_Section | None, str]:
        """The section that applies, and the minus that it does not write itself."""
        sections = [one for one in self.sections if not one.has_text] or list(self.sections[:1])
        minus = "-" if number < 0 else ""
        if any(one.condition for one in sections):
            # Which of them writes a minus of its own, programs do not agree on.
            if minus:
                return None, ""
            return next((one for one in sections if _applies(one, number)), None), ""
        if len(sections) == 1:
            return sections[0], minus
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
    return NumberFormat(code, False, tuple(_sections(code)))


def general(number: Decimal) -> Shown:
    text = plain(number)
    return Shown(text, len(text.lstrip("-").replace(".", "")) <= _GENERAL_DIGITS)


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
            # As often as the column is wide: nothing that can be read off the file.
            section.is_certain = False
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


def _applies(section: _Section, number: Decimal) -> bool:
    if section.condition is None:
        return True
    sign, limit = section.condition
    return bool(_HOLDS[sign](number, limit))


def _rendered(section: _Section, number: Decimal) -> str | None:
    """Without a sign; None when the section is not understood."""
    tokens, number = section.tokens, abs(number)
    kinds = [kind for kind, _ in tokens]
    if "exponent" in kinds:
        return _scientific(tokens, number)
    if "general" in kinds or section.has_text:
        if "digit" in kinds:
            return None
        digits = general(number).text
        return "".join(digits if kind in ("general", "mark") else text for kind, text in tokens)
    places = [at for at, kind in enumerate(kinds) if kind == "digit"]
    if not places:
        marks = {text for kind, text in tokens if kind == "mark"}
        return None if marks else "".join(text for _, text in tokens)
    points = [at for at, token in enumerate(tokens) if token == ("mark", ".")]
    if len(points) > 1:
        return None
    point = points[0] if points else len(tokens)
    whole, fraction = tokens[:point], tokens[point + 1 :]
    grouped, whole, thousands = _commas(whole)
    if any(token == ("mark", ",") for token in fraction):
        return None
    percents = sum(token == ("mark", "%") for token in tokens)
    decimals = sum(kind == "digit" for kind, _ in fraction)
    scaled = number.scaleb(2 * percents - 3 * thousands)
    digits, _, after = f"{_rounded(scaled, decimals):f}".partition(".")
    left = _whole(whole, digits.lstrip("0"), grouped)
    return left + ("." if points else "") + _fraction(fraction, after)


def _commas(whole: list[tuple[str, str]]) -> tuple[bool, list[tuple[str, str]], int]:
    """Whether thousands are separated, the tokens without commas, and by how many thousands it is divided."""
    digits = [at for at, (kind, _) in enumerate(whole) if kind == "digit"]
    last = digits[-1] if digits else -1
    inside = any(token == ("mark", ",") for token in whole[:last])
    behind = sum(token == ("mark", ",") for token in whole[last + 1 :])
    return inside, [token for token in whole if token != ("mark", ",")], behind


def _whole(tokens: list[tuple[str, str]], digits: str, grouped: bool) -> str:
    """Digits fill the places from the right; the leftmost place takes what is left of them."""
    left, count, pieces = list(digits), 0, []
    first = next((at for at, (kind, _) in enumerate(tokens) if kind == "digit"), -1)
    for at in range(len(tokens) - 1, -1, -1):
        kind, text = tokens[at]
        if kind != "digit":
            pieces.append(text)
            continue
        while True:
            if not left and text == "#":
                break
            if grouped and count and count % 3 == 0:
                pieces.append("," if left or text == "0" else " ")
            pieces.append(left.pop() if left else {"0": "0", "?": " "}[text])
            count += 1
            if at != first or not left:
                break
    if first < 0:
        pieces.extend(reversed(digits))
    return "".join(reversed(pieces))


def _fraction(tokens: list[tuple[str, str]], digits: str) -> str:
    pieces, left = [], list(digits)
    needed = len(digits.rstrip("0"))
    at = 0
    for kind, text in tokens:
        if kind != "digit":
            pieces.append(text)
            continue
        digit = left[at]
        at += 1
        if at > needed and text != "0":
            digit = "" if text == "#" else " "
        pieces.append(digit)
    return "".join(pieces)


def _scientific(tokens: list[tuple[str, str]], number: Decimal) -> str | None:
    """One digit before the point; other mantissas are not read."""
    code = "".join(text for _, text in tokens)
    match = re.fullmatch(r"0(?:\.(0*))?E\+(0+)", code, re.IGNORECASE)
    if match is None:
        return None
    places, width = len(match[1] or ""), len(match[2])
    exponent = number.adjusted() if number else 0
    mantissa = _rounded(number.scaleb(-exponent), places)
    if mantissa >= 10:
        exponent, mantissa = exponent + 1, _rounded(mantissa / 10, places)
    return f"{mantissa:f}E{'-' if exponent < 0 else '+'}{abs(exponent):0{width}d}"


def _rounded(number: Decimal, places: int) -> Decimal:
    return number.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
