"""
States of the domain as SQL, so that no query has a list of its own.

A single state stands in a query as its word; tests/store/test_state_words.py holds each against the domain.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Sequence
from enum import StrEnum

from lib.domain.approvals import NOT_OPENED_STATES


def one_of(states: Collection[StrEnum]) -> str:
    """
    `('declined', 'needs_customer')`, to stand after IN.

    In the order of their enum: SQLite uses a partial index only for the very words of its WHERE.
    """
    return _in_order(frozenset(states))


def listed(words: Sequence[str]) -> str:
    """The same of words that have no enum, Stripe's say, in the order that they have."""
    return f"({', '.join(repr(word) for word in words)})"


@functools.cache
def _in_order(states: frozenset[StrEnum]) -> str:
    if not states:
        return "()"
    kind = type(next(iter(states)))
    return f"({', '.join(repr(state.value) for state in kind if state in states)})"


STOPPED_ROW = """severity = 'amber' AND EXISTS (
    SELECT 1 FROM json_each(findings) f WHERE f.value ->> 'severity' = 'stopped')"""
"""Of `run_rows`, as long as they are planned."""
CHARGEABLE_ROW = f"""state = 'planned' AND NOT ({STOPPED_ROW} AND (
    SELECT r.state FROM runs r WHERE r.id = run_rows.run_id) IN {one_of(NOT_OPENED_STATES)})"""
"""Of `run_rows`: planned, and not stopped in a run that no approver has opened."""
