"""
Number styles: which sums a written amount can mean, and which sign a file uses for decimals.

`1.234,50` can mean one sum, `1.234` two. What can mean two is never decided by its row: a file has one
style, proposed by what can mean one thing only, and a person confirms it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from lib.domain.identity import visible

_MOST_DIGITS = 15
# Each by name, as NFKC would also make 12 of 1².
_NARROW = str.maketrans(
    {
        **{chr(0xFF10 + digit): str(digit) for digit in range(10)},
        "\N{FULLWIDTH COMMA}": ",",
        "\N{FULLWIDTH FULL STOP}": ".",
        "\N{FULLWIDTH APOSTROPHE}": "'",
        "\N{RIGHT SINGLE QUOTATION MARK}": "'",
        "\N{MODIFIER LETTER APOSTROPHE}": "'",
        "\N{NO-BREAK SPACE}": " ",
        "\N{NARROW NO-BREAK SPACE}": " ",
        "\N{THIN SPACE}": " ",
        "\N{FIGURE SPACE}": " ",
        "\N{IDEOGRAPHIC SPACE}": " ",
        "\N{MINUS SIGN}": "-",
        "\N{FULLWIDTH HYPHEN-MINUS}": "-",
        "\N{FULLWIDTH YEN SIGN}": "¥",
        "\N{FULLWIDTH POUND SIGN}": "£",
        "\N{FULLWIDTH WON SIGN}": "₩",
        "\N{FULLWIDTH DOLLAR SIGN}": "$",
    }
)


class DecimalSign(StrEnum):
    DOT = "dot"
    COMMA = "comma"

    @property
    def other(self) -> DecimalSign:
        return DecimalSign.COMMA if self is DecimalSign.DOT else DecimalSign.DOT


# Groups of three by one and the same sign; behind a comma also the Indian two. A group never begins
# the number with a zero: 0,500 is a half.
_GRAMMARS = {
    DecimalSign.DOT: re.compile(
        r"(?P<whole>[1-9][0-9]{0,2}(?P<group>[,' ])[0-9]{3}(?:(?P=group)[0-9]{3})*"
        r"|[1-9][0-9]?(?:,[0-9]{2})+,[0-9]{3}|[0-9]+)(?:\.(?P<fraction>[0-9]+))?",
        re.ASCII,
    ),
    DecimalSign.COMMA: re.compile(
        r"(?P<whole>[1-9][0-9]{0,2}(?P<group>[.' ])[0-9]{3}(?:(?P=group)[0-9]{3})*"
        r"|[0-9]+)(?:,(?P<fraction>[0-9]+))?",
        re.ASCII,
    ),
}
_GROUPS = str.maketrans("", "", ",.' ")
# 10,- and 10.--: a dash in the place of the decimals.
_DASHED = re.compile(r"(?<=[0-9])([.,])(?:--?|––?|—)(?=\s|\Z)", re.ASCII)


def narrow(text: str) -> str:
    """
    Full-width digits and signs as narrow ones, every space and apostrophe as the usual one, and no
    letters that are not shown.
    """
    seen = visible(text)
    if not seen.isascii():
        seen = seen.translate(_NARROW).strip()
    return seen if seen[-1:].isdecimal() else _DASHED.sub(r"\g<1>00", seen)


def value(text: str, sign: DecimalSign) -> Decimal | None:
    """What the text means in this style; None when it is not written in it."""
    return _value(narrow(text), sign)


def _value(narrowed: str, sign: DecimalSign) -> Decimal | None:
    match = _GRAMMARS[sign].fullmatch(narrowed)
    if match is None:
        return None
    whole = match["whole"].translate(_GROUPS)
    fraction = match["fraction"]
    if len(whole) + len(fraction or "") > _MOST_DIGITS:
        return None
    return Decimal(f"{whole}.{fraction}" if fraction else whole)


def readings(text: str) -> dict[DecimalSign, Decimal]:
    """What the text means in each style in which it is an amount."""
    narrowed = narrow(text)
    numbers = {sign: _value(narrowed, sign) for sign in DecimalSign}
    return {sign: number for sign, number in numbers.items() if number is not None}


class Writing(StrEnum):
    """What a written amount says about the style of its file."""

    NEUTRAL = "neutral"
    """The same in both, such as 1234 or 1'234."""
    DOT = "dot"
    COMMA = "comma"
    TWO_SUMS = "two_sums"
    NONE = "none"
    """No amount in either."""


def writing(text: str) -> Writing:
    return writing_of(readings(text))


def writing_of(numbers: Mapping[DecimalSign, Decimal]) -> Writing:
    """Of what a text means in each style, as `readings` returns it."""
    if not numbers:
        return Writing.NONE
    if len(numbers) == 1:
        return Writing(next(iter(numbers)).value)
    dot, comma = numbers[DecimalSign.DOT], numbers[DecimalSign.COMMA]
    # 1.000 and 1,000 are one or a thousand; only what has no sign to mistake is neutral.
    return Writing.NEUTRAL if dot == comma else Writing.TWO_SUMS


@dataclass(frozen=True, slots=True)
class FileStyle:
    """What the written amounts of one file say together. Rows as the spreadsheet counts."""

    dot: tuple[int, ...] = ()
    comma: tuple[int, ...] = ()
    two_sums: tuple[int, ...] = ()
    example: str = ""
    """The first amount that a person has to confirm."""
    doubtful: str = ""
    """The first that can mean two sums."""

    @property
    def proposal(self) -> DecimalSign | None:
        """What the most rows that can mean one thing say; None when nothing, or as many, do."""
        if len(self.dot) == len(self.comma):
            return None
        return DecimalSign.DOT if len(self.dot) > len(self.comma) else DecimalSign.COMMA

    @property
    def is_mixed(self) -> bool:
        return bool(self.dot and self.comma)

    @property
    def needs_confirmation(self) -> bool:
        """Whether a row cannot be read before a person says which sign it is."""
        return bool(self.two_sums) or (bool(self.comma) and self.proposal is not DecimalSign.DOT)

    def odd(self, sign: DecimalSign) -> tuple[int, ...]:
        """Rows that are not written in this style."""
        return self.comma if sign is DecimalSign.DOT else self.dot


def style_of(amounts: Iterable[tuple[int, str]]) -> FileStyle:
    """
    Args:
        amounts: the row's number and what is written in it; cells that hold a number of the
            spreadsheet's own have no style and are left out.
    """
    rows: dict[Writing, list[int]] = {each: [] for each in Writing}
    examples: dict[Writing, str] = {}
    for number, text in amounts:
        kind = writing(text)
        rows[kind].append(number)
        examples.setdefault(kind, text.strip())
    return FileStyle(
        tuple(rows[Writing.DOT]),
        tuple(rows[Writing.COMMA]),
        tuple(rows[Writing.TWO_SUMS]),
        examples.get(Writing.COMMA) or examples.get(Writing.TWO_SUMS) or "",
        examples.get(Writing.TWO_SUMS, ""),
    )


def is_negative(text: str) -> bool:
    """Whether a written amount is less than nothing: -5, 5-, (5), 5 CR."""
    narrow = text.strip()
    return bool(_NEGATIVE.match(narrow))


_NEGATIVE = re.compile(
    r"(?:[^\d()-]*[-\N{MINUS SIGN}\N{EN DASH}]\s*[^\d-]*\d.*|.*\d\s*[-\N{MINUS SIGN}]\s*[^\d-]*"
    r"|[^\d()]*\(.*\d.*\)[^\d()]*|.*\d\s*(?:CR|H)\.?)\Z",
    re.IGNORECASE | re.DOTALL,
)
