"""What came of a run, said beside its state: finished says nothing of money."""

from __future__ import annotations

import pytest

from lib.domain.runs import RunState, outcome_of


@pytest.mark.parametrize(
    ("counts", "outcome"),
    [
        ({"succeeded": 3, "cancelled": 1}, "all_paid"),
        ({"succeeded": 34, "declined": 27}, "with_failures"),
        ({"succeeded": 1, "needs_customer": 1}, "with_failures"),
        ({"succeeded": 1, "blocked": 1, "processing": 1}, "with_failures"),
        ({"succeeded": 32, "processing": 2}, "with_open"),
        ({"succeeded": 1, "unknown": 1}, "with_open"),
        ({"cancelled": 4}, "nothing_charged"),
    ],
)
def test_of_a_finished_run(counts: dict[str, int], outcome: str) -> None:
    assert outcome_of(RunState.FINISHED, counts) == outcome
    assert outcome_of(RunState.STOPPED, counts) is None
