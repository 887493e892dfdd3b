"""Sets of states of runs and their rows; the steps from one to another stand in `runs`."""

from __future__ import annotations

from lib.domain.runs import RowState, RunState

RESTING_STATES = frozenset({RunState.APPROVED, RunState.PAUSED, RunState.STOPPED})
"""Approved, and not being executed."""
WAITING_STATES = RESTING_STATES | {RunState.AWAITING_APPROVAL}
"""A person is needed before anything of it is sent."""
UNSENT_STATES = frozenset({RowState.PLANNED, RowState.BLOCKED})
"""Of a row that is neither sent nor left out."""
COUNTED_STATES = frozenset({RowState.PLANNED, RowState.SENT})
"""Of a row that is charged, or is going to be."""
