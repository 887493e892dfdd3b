"""The row of a run that is sent next: in the order of the file, one charge a customer at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping

from lib.clock import Clock, epoch
from lib.domain.breaker import RowResult, RunStop
from lib.domain.charges import Outcome
from lib.domain.limits import Limits, day_limit
from lib.domain.runs import RowState, Run, RunRow
from lib.money import format_money
from lib.store.limits import AskedFor
from lib.store.stores import Stores
from lib.store.unit_of_work import UnitOfWork

_PAGE = 500
_DAY = 86_400
_COUNT_HOLDS_SECONDS = 5


class RowQueue:
    """For one executor and one thread. Reads pages of rows, so that any run fits into memory."""

    def __init__(self, uow: UnitOfWork, run: Run, *, clock: Clock) -> None:
        self._uow = uow
        self._run = run
        self._clock = clock
        self.stop: RunStop | None = None
        """Why no row comes although some are left; what is in flight may still change that."""
        self._busy: dict[str, int] = {}
        """Customers that are being charged, and the day on which that began."""
        self._held: dict[str, deque[RunRow]] = {}
        """Rows whose customer is being charged for another one."""
        self._ready: deque[RunRow] = deque()
        self._unread = self._read()
        with uow.read() as stores:
            self._sent = stores.run_rows.count(run.id, RowState.SENT)
            self._limits = stores.limits.all()
        self._count_today()

    def take(self) -> RunRow | None:
        """The next row that may be sent now; None when there is none, for now or at all."""
        row = self._ready.popleft() if self._ready else self._next()
        if row is None:
            return None
        self.stop = self._why_not(row)
        if self.stop is not None:
            self._ready.appendleft(row)
            return None
        customer, code = row.customer or "", row.currency or ""
        self._busy[customer] = self._day_ends
        self._sent += 1
        self._today[code] = self._today.get(code, 0) + (row.amount or 0)
        return row

    def done(self, row: RunRow, answer: RowResult | None) -> None:
        """A row has this result, None when it was not sent; one that Stripe did not take comes again."""
        customer = row.customer or ""
        is_of_today = self._busy.pop(customer, None) == self._day_ends
        outcome = answer.outcome if answer is not None else None
        if outcome in (None, Outcome.NOT_EXECUTED):
            self._sent -= 1
        not_charged = outcome in (
            None,
            Outcome.NOT_EXECUTED,
            Outcome.DECLINED,
            Outcome.NEEDS_CUSTOMER,
        )
        if is_of_today and not_charged:
            self._today[row.currency or ""] -= row.amount or 0
        if outcome is Outcome.NOT_EXECUTED:
            self._held.setdefault(customer, deque()).appendleft(row)
        waiting = self._held.get(customer)
        if waiting:
            self._ready.append(waiting.popleft())
        if not waiting:
            self._held.pop(customer, None)

    def _next(self) -> RunRow | None:
        for row in self._unread:
            if row.customer not in self._busy and row.customer not in self._held:
                return row
            self._held.setdefault(row.customer or "", deque()).append(row)
        return None

    def _read(self) -> Iterator[RunRow]:
        after = 0
        while True:
            with self._uow.read() as stores:
                page = stores.run_rows.of(
                    self._run.id, states=(RowState.PLANNED,), after=after, limit=_PAGE
                )
            if not page:
                return
            yield from page
            after = page[-1].number

    def _why_not(self, row: RunRow) -> RunStop | None:
        run = self._run
        if run.canary and not run.passed_canary and self._sent >= run.canary:
            return RunStop(
                "canary",
                f"The first {run.canary} rows were sent, as was asked for. Look at their outcomes, then resume.",
            )
        if epoch(self._clock()) >= self._day_ends:
            self._count_today()
        over = over_day_limit(run, row, self._limits, self._today)
        if over is not None and not self._busy:
            # Counted along since it was read, so only nearly right: others charge as well.
            self._count_today()
            over = over_day_limit(run, row, self._limits, self._today)
        return over

    def _count_today(self) -> None:
        now = epoch(self._clock())
        with self._uow.read() as stores:
            self._day_ends = stores.limits.today_began(now) + _DAY
            self._today = charged_today(stores, now)


def over_day_limit(
    run: Run, row: RunRow, limits: Mapping[str, Limits], charged_today: Mapping[str, int]
) -> RunStop | None:
    """Whether `row` would pass the limit of a day; two approvers may."""
    code = row.currency or ""
    limit = day_limit(run, code, limits)
    if limit is None or row.waits_for_card:
        return None
    if charged_today.get(code, 0) + (row.amount or 0) <= limit:
        return None
    return RunStop(
        "day_limit",
        f"With the next row more than {format_money(limit, code)} would be charged today. Resume tomorrow, or submit the rest again for a second approval.",
    )


class ChargedToday:
    """
    The sum of today, asked before each row: counting it each time would make a run of n rows read n² of
    them. For the executor's one writer; others' charges count with the row after them.
    """

    def __init__(self) -> None:
        self._sum: dict[str, int] = {}
        self._last: AskedFor | None = None
        """The newest try that is in the sum."""
        self._counted_at = 0
        self._day_began = 0

    def at_most(self, stores: Stores, now: int) -> dict[str, int]:
        """Minor units by currency: what was counted last, and all that was asked for since, refused or not."""
        is_recent = 0 <= now - self._counted_at < _COUNT_HOLDS_SECONDS
        if not is_recent or stores.limits.today_began(now) != self._day_began:
            return self.exactly(stores, now)
        tries = stores.limits.tries_from(self._last.place) if self._last is not None else []
        if not tries or tries[0] != self._last:
            return self.exactly(stores, now)  # it was rolled back: others may have its place
        for one in tries[1:]:
            self._sum[one.currency] = self._sum.get(one.currency, 0) + one.amount
        self._last = tries[-1]
        return dict(self._sum)

    def exactly(self, stores: Stores, now: int) -> dict[str, int]:
        self._day_began, self._counted_at = stores.limits.today_began(now), now
        self._last = stores.limits.newest_try()
        self._sum = charged_today(stores, now)
        return dict(self._sum)


def charged_today(stores: Stores, now: int) -> dict[str, int]:
    """Minor units by currency since the installation's midnight."""
    return dict(stores.limits.charged_since(stores.limits.today_began(now)))
