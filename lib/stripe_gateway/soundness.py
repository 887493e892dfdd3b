"""Checks that an object holds what its class says, so that one odd answer reaches no table."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import is_dataclass
from typing import Any, TypeVar, get_args, get_type_hints

T = TypeVar("T")
MALFORMED = (AttributeError, KeyError, TypeError, ValueError)
"""What reading an answer raises that lacks what it must have."""
# Far beyond any sum and any moment that Stripe names; a row's place in the mirror is a moment << 20.
_LARGEST = 1 << 42
_HALF = re.compile("[\ud800-\udfff]")
_PLAIN = frozenset({str, int, bool, type(None)})
_known: dict[type[Any], tuple[tuple[str, frozenset[type]], ...]] = {}


def sound(value: T) -> T:
    """
    Raises:
        ValueError: a field holds another type than its class says, or a number that no table takes.
    """
    for name, kinds in _fields(type(value)):
        held = getattr(value, name)
        kind = type(held)
        if kind not in kinds:
            raise ValueError(f"{name} is {kind.__name__}")
        if kind is int and not -_LARGEST < held < _LARGEST:
            raise ValueError(f"{name} is out of range")
        if kind is str and has_half(held):
            raise ValueError(f"{name} holds half a letter")
        if kind not in _PLAIN:
            sound(held)
    return value


def has_half(text: str) -> bool:
    """Whether it holds a lone surrogate, which no table and no address takes."""
    return not text.isascii() and _HALF.search(text) is not None


def expanded(convert: Callable[[Mapping[str, Any]], T], data: object) -> T | None:
    """
    What was expanded within another object; None where it was not, or cannot be read: it must not
    take the other with it, and its own list tells of it.
    """
    if not isinstance(data, dict):
        return None
    try:
        return sound(convert(data))
    except MALFORMED:
        return None


def _fields(kind: type[Any]) -> tuple[tuple[str, frozenset[type]], ...]:
    """Of a class of the mirror; nothing of any other."""
    if kind not in _known:
        is_ours = is_dataclass(kind) and kind.__module__.startswith("lib.domain.")
        hints = get_type_hints(kind) if is_ours else {}
        _known[kind] = tuple((n, frozenset(get_args(hint) or (hint,))) for n, hint in hints.items())
    return _known[kind]
