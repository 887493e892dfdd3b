"""Months as a page shows them: which were closed, and what of one is not settled yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lib.clock import Clock, epoch
from lib.domain.actors import Actor, Permission
from lib.domain.books import local
from lib.domain.charges import ChargeState
from lib.domain.days import period_of
from lib.domain.month_end import Month
from lib.store.charge_sums import ChargeSum
from lib.store.unit_of_work import UnitOfWork

# Three years: an older closing is on the command line.
_MOST_MONTHS = 36
_OPEN = (
    ChargeState.PLANNED,
    ChargeState.ATTEMPTING,
    ChargeState.PROCESSING,
    ChargeState.UNKNOWN,
)
_FAILED = (ChargeState.DECLINED, ChargeState.NEEDS_CUSTOMER)


@dataclass(frozen=True, slots=True)
class ClosingLine:
    number: int
    closed_by: str
    closed_at: int


@dataclass(frozen=True, slots=True)
class MonthLine:
    month: Month
    is_over: bool
    closings: tuple[ClosingLine, ...]
    """Newest first."""


@dataclass(frozen=True, slots=True)
class MonthState:
    """What is known of a month today, closed or not."""

    sums: Sequence[ChargeSum]
    fees_unknown: int
    """Paid charges whose fee Stripe has not told yet, or the key may not read."""

    @property
    def charges(self) -> int:
        return sum(one.count for one in self.sums)

    def count(self, *states: ChargeState) -> int:
        return sum(one.count for one in self.sums if one.state in states)

    @property
    def paid(self) -> int:
        return self.count(ChargeState.SUCCEEDED)

    @property
    def open(self) -> int:
        return self.count(*_OPEN)

    @property
    def failed(self) -> int:
        return self.count(*_FAILED)


class MonthViews:
    def __init__(self, uow: UnitOfWork, *, clock: Clock, timezone: str) -> None:
        self._uow = uow
        self._clock = clock
        self._timezone = timezone

    def months(self, *, by: Actor) -> list[MonthLine]:
        """Newest first, from the one that is not over yet back to the first charge."""
        by.must(Permission.VIEW)
        with self._uow.read() as stores:
            first = stores.settlement.first_try()
            closings: dict[str, list[ClosingLine]] = {}
            for of, number, closed_by, closed_at in stores.closings.made():
                closings.setdefault(of, []).append(ClosingLine(number, closed_by, closed_at))
        today = local(epoch(self._clock()), self._timezone)
        month = Month(today.year, today.month)
        oldest = local(first, self._timezone) if first is not None else today
        lines: list[MonthLine] = []
        while (month.year, month.number) >= (oldest.year, oldest.month):
            done = tuple(closings.get(str(month), ()))
            lines.append(MonthLine(month, bool(lines), done))
            month = month.before
        return lines[:_MOST_MONTHS]

    def state(self, month: Month, *, by: Actor) -> MonthState:
        by.must(Permission.VIEW)
        moments = period_of(month.first, month.last, self._timezone)
        with self._uow.read() as stores:
            return MonthState(
                stores.charge_sums.of_period(*moments), stores.journal.fees_unknown(*moments)
            )
