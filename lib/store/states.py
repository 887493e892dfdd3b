"""States of the domain as SQL, so that no query has a list of its own."""

from __future__ import annotations

import functools
from collections.abc import Collection
from enum import StrEnum


def one_of(states: Collection[StrEnum]) -> str:
    """
    `('declined', 'needs_customer')`, to stand after IN.

    In the order of their enum: SQLite uses a partial index only for the very words of its WHERE.
    """
    return _in_order(frozenset(states))


@functools.cache
def _in_order(states: frozenset[StrEnum]) -> str:
    if not states:
        return "()"
    kind = type(next(iter(states)))
    return f"({', '.join(repr(state.value) for state in kind if state in states)})"
