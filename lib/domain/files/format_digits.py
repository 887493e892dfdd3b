"""Digits in the places of a number format, whose grammar number_formats.py reads."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache, partial

from lib.domain.files.plain_numbers import plain

# Digits side by side, their text as x: “INV-”0000 is x0000.
_USUAL = re.compile(r"(?P<before>x*)#*(?P<zeros>0*)x*")

Token = tuple[str, str]
"""Its kind, and its text."""


Rendering = Callable[[Decimal], str | None]
"""Of a number that is not negative."""


def rendered(tokens: Sequence[Token], number: Decimal) -> str | None:
    """Without a sign; None when the tokens are not understood."""
    return rendering(tuple(tokens))(abs(number))


@lru_cache(maxsize=2_000)
def rendering(tokens: tuple[Token, ...]) -> Rendering:
    """What can be said of the tokens alone is said once, however many numbers they render."""
    kinds = [kind for kind, _ in tokens]
    if "exponent" in kinds:
        return partial(_scientific, tokens)
    if "general" in kinds or ("mark", "@") in tokens:
        return _not_understood if "digit" in kinds else partial(_general, tokens)
    layout = _layout(tokens)
    if layout is None:
        marks = {text for kind, text in tokens if kind == "mark"}
        text = None if marks or "digit" in kinds else "".join(text for _, text in tokens)
        return lambda _: text
    places = Decimal(1).scaleb(-layout.decimals)
    whole, fraction = _digits_before(layout), _digits_behind(layout)

    def digits(number: Decimal) -> str:
        scaled = number.scaleb(layout.scale) if layout.scale else number
        before, _, after = f"{scaled.quantize(places, ROUND_HALF_UP):f}".partition(".")
        return whole(before.lstrip("0")) + layout.point + fraction(after)

    return digits


def _not_understood(_: Decimal) -> None:
    return None


def _general(tokens: tuple[Token, ...], number: Decimal) -> str:
    digits = plain(number)
    return "".join(digits if kind in ("general", "mark") else text for kind, text in tokens)


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where the digits of one format go."""

    whole: list[Token]
    fraction: list[Token]
    grouped: bool
    point: str
    scale: int
    """The number is multiplied by this power of ten."""
    decimals: int


def decimals_always_shown(tokens: Sequence[Token]) -> int | None:
    """How many there are behind a point, each a `0`; None where that depends on the number, or it is scaled."""
    layout = _layout(tuple(tokens))
    if layout is None or layout.scale or any(kind == "exponent" for kind, _ in tokens):
        return None
    places = layout.fraction[: layout.decimals]
    is_fixed = places == [("digit", "0")] * layout.decimals
    return layout.decimals if is_fixed and bool(layout.point) == bool(places) else None


@lru_cache(maxsize=2_000)
def _layout(tokens: tuple[Token, ...]) -> _Layout | None:
    """None without a place for digits, or when it is not understood."""
    points = [at for at, token in enumerate(tokens) if token == ("mark", ".")]
    if len(points) > 1 or all(kind != "digit" for kind, _ in tokens):
        return None
    point = points[0] if points else len(tokens)
    grouped, whole, thousands = _commas(list(tokens[:point]))
    is_split, fraction, more = _commas(list(tokens[point + 1 :]))
    if is_split or (more and not any(kind == "digit" for kind, _ in fraction)):
        return None
    percents = tokens.count(("mark", "%"))
    decimals = sum(kind == "digit" for kind, _ in fraction)
    return _Layout(
        whole,
        fraction,
        grouped,
        "." if points else "",
        2 * percents - 3 * (thousands + more),
        decimals,
    )


def _commas(whole: list[Token]) -> tuple[bool, list[Token], int]:
    """Whether thousands are separated, the tokens without commas, and by how many thousands it is divided."""
    digits = [at for at, (kind, _) in enumerate(whole) if kind == "digit"]
    last = digits[-1] if digits else -1
    inside = any(token == ("mark", ",") for token in whole[:last])
    behind = sum(token == ("mark", ",") for token in whole[last + 1 :])
    return inside, [token for token in whole if token != ("mark", ",")], behind


def _digits_before(layout: _Layout) -> Callable[[str], str]:
    """The usual layout, `#,##0` with text before or behind it, needs no look at each digit."""
    match = _USUAL.fullmatch(
        "".join(text if kind == "digit" else "x" for kind, text in layout.whole)
    )
    zeros = match["zeros"].count("0") if match else 0
    has_digits = any(kind == "digit" for kind, _ in layout.whole)
    if match is None or not has_digits or (layout.grouped and zeros > 1):
        return lambda digits: _whole(layout.whole, digits, layout.grouped)
    literals = [text for kind, text in layout.whole if kind != "digit"]
    at = len(match["before"])
    before, behind = "".join(literals[:at]), "".join(literals[at:])
    if layout.grouped:
        return lambda digits: f"{before}{f'{int(digits):,}' if digits else '0' * zeros}{behind}"
    return lambda digits: f"{before}{digits.zfill(zeros)}{behind}"


def _digits_behind(layout: _Layout) -> Callable[[str], str]:
    tokens, decimals = layout.fraction, layout.decimals
    if tokens[:decimals] != [("digit", "0")] * decimals:
        return lambda digits: _fraction(tokens, digits)
    behind = "".join(text for _, text in tokens[decimals:])
    return lambda digits: digits + behind


def _whole(tokens: list[Token], digits: str, grouped: bool) -> str:
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


def _fraction(tokens: list[Token], digits: str) -> str:
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


def _scientific(tokens: tuple[Token, ...], number: Decimal) -> str | None:
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
