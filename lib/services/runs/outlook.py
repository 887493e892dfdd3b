"""The outlook of a run before it starts: what is unusual about it, and what to expect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lib.clock import Clock, epoch
from lib.domain.variance import Variance, Yield, expected_yield, variance
from lib.services.runs.approve import find_run
from lib.store.unit_of_work import UnitOfWork

_RUNS = 3
_HISTORY_SECONDS = 90 * 86_400
_MOST_NAMES = 20


@dataclass(frozen=True, slots=True)
class Outlook:
    variance: Variance | None
    """None when no run was executed before."""
    last_run: str | None
    """Its name."""
    expected: Yield | None
    """None when there is too little history."""
    charges: int
    """How many earlier charges there are to judge by."""
    planned: Mapping[str, int]
    """Minor units by currency that would be charged."""
    names: Mapping[str, str]
    """Of the customers that are named: all changes, and the first twenty new and missing ones."""


class RunOutlooks:
    def __init__(self, uow: UnitOfWork, *, clock: Clock) -> None:
        self._uow = uow
        self._clock = clock

    def outlook(self, run_id: str) -> Outlook:
        """
        Raises:
            NotFound: no such run.
        """
        with self._uow.read() as stores:
            find_run(stores, run_id)
            history = stores.history
            before = history.runs_before(run_id, limit=_RUNS)
            found_variance = variance(
                history.payers(run_id), [history.payers(earlier) for earlier in before]
            )
            planned = history.planned(run_id)
            tallies = history.tallies(since=epoch(self._clock()) - _HISTORY_SECONDS)
            last = stores.runs.find(before[0]) if before else None
            names = history.names(_named(found_variance)) if found_variance else {}
        sums: dict[str, int] = {}
        for (_, currency), (_, amount) in planned.items():
            sums[currency] = sums.get(currency, 0) + amount
        return Outlook(
            variance=found_variance,
            last_run=last.name if last else None,
            expected=expected_yield(planned, tallies),
            charges=sum(tally.of for tally in tallies.values()),
            planned=sums,
            names=names,
        )


def _named(variance: Variance) -> set[str]:
    return {
        *variance.new[:_MOST_NAMES],
        *variance.missing[:_MOST_NAMES],
        *(change.customer for change in variance.changes),
    }
