"""
Executes an approved run: claims rows, sends them side by side, and stops when it must.

Holds no state of its own: killed at any line, the next executor settles what was sent and goes on.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

from lib.clock import Clock, epoch
from lib.domain.breaker import (
    LAST_ANSWERS,
    MOST_IN_FLIGHT,
    NOT_WRITTEN,
    Breaker,
    RowResult,
    RunStop,
    Throttle,
)
from lib.domain.resolutions import LookResult
from lib.domain.runs import RowState, Run, RunRow, RunState
from lib.errors import DatabaseDamaged, DecisionsRest, GatewayError, LedgerBehind, StaleState
from lib.ids import new_id
from lib.services.charges.resolve import ChargeResolver
from lib.services.continuity.completeness import Completeness
from lib.services.runs.approve import digest_now
from lib.services.runs.lease import Lease, kept_alive
from lib.services.runs.row_queue import RowQueue
from lib.services.runs.send_row import RowSender
from lib.services.staff import dual_approval
from lib.store.stores import Stores
from lib.store.unit_of_work import UnitOfWork

logger = logging.getLogger(__name__)

# Looks at what is still unknown once everything was sent, before the run ends without an answer.
LOOK_AFTER_SECONDS = (0.0, 1.0, 3.0, 6.0)
_WAIT_SECONDS = 0.2


@dataclass(slots=True)
class _Progress:
    """Of one executor; everything that lasts is in the database."""

    breaker: Breaker = field(default_factory=Breaker)
    throttle: Throttle = field(default_factory=Throttle)
    pending: dict[Future[RowResult | None], RunRow] = field(default_factory=dict)
    stop: RunStop | None = None


class RunExecutor:
    def __init__(
        self,
        uow: UnitOfWork,
        rows: RowSender,
        resolver: ChargeResolver,
        completeness: Completeness,
        *,
        clock: Clock,
        in_flight: int = MOST_IN_FLIGHT,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._uow = uow
        self.rows = rows
        self._resolver = resolver
        self._completeness = completeness
        self._clock = clock
        self.in_flight = in_flight
        self.pause = pause
        self._owner = new_id("exec")
        self._sending: set[str] = set()

    def waiting(self) -> list[str]:
        """Runs that should be executed and that no living process has."""
        with self._uow.read() as stores:
            return stores.runs.waiting(now=epoch(self._clock()))

    def execute(self, run_id: str, *, should_stop: Callable[[], bool] = lambda: False) -> bool:
        """
        Execute until the run rests: finished, paused, stopped or cancelled.

        With `should_stop` it ends after what is in flight; the run stays `running` and the next
        process goes on. False when another process has it, or it does not run.

        What nobody expected stops this run, with a reason; attempts without an outcome are
        settled as ever.

        Raises:
            sqlite3.Error: not even that could be written; the run waits for the next executor.
        """
        try:
            self._completeness.verify_for_run()
            self._completeness.must_not_rest()
        except (DatabaseDamaged, LedgerBehind, DecisionsRest) as refusal:
            self._stop_untaken(run_id, RunStop(refusal.code, str(refusal)))
            return False
        except GatewayError as error:
            # Nothing is known, so nothing is sent; the worker asks again in a moment.
            logger.warning("run %s waits: %s", run_id, error)
            return False
        try:
            taken = self.take(run_id, should_stop)
        except sqlite3.OperationalError:
            raise  # nothing was begun, and a lock passes
        except Exception as error:
            error_id = new_id("err")
            logger.exception("run %s cannot be taken up (%s)", run_id, error_id)
            self._stop_untaken(run_id, _surprise("This run", error_id, error))
            return False
        if taken is None:
            return False
        run, lease = taken
        with kept_alive(self._uow, lease, clock=self._clock):
            try:
                self._until_it_rests(run, lease)
            except Exception as error:
                error_id = new_id("err")
                logger.exception("run %s failed (%s)", run_id, error_id)
                self._end(run, lease, _surprise("This run", error_id, error))
        return True

    def _until_it_rests(self, run: Run, lease: Lease) -> None:
        rests = False
        while not rests:
            # An executor before this one may have sent what it could not write down: its
            # customers must not be charged again meanwhile.
            stop = self._settle(run, (0.0,), lease)
            stop = stop or self._send(run, lease)
            stop = stop or self._settle(run, LOOK_AFTER_SECONDS, lease)
            # A reason to stop outlives whoever found it.
            rests = (stop is None and lease.is_over()) or self._end(run, lease, stop)

    def take(
        self, run_id: str, should_stop: Callable[[], bool] = lambda: False
    ) -> tuple[Run, Lease] | None:
        with self._uow.write() as stores:
            fence = stores.runs.take_lease(run_id, owner=self._owner, now=epoch(self._clock()))
            run = stores.runs.find(run_id)
            if fence is None or run is None:
                return None
            problem = _why_not_approved(stores, run, now=epoch(self._clock()))
            if problem is not None:
                self._move(stores, run, RunState.STOPPED, problem)
                return None
            return run, Lease(run_id, fence, should_stop)

    def _stop_untaken(self, run_id: str, stop: RunStop) -> None:
        """Unless another executor has it, to which nothing happened."""
        with self._uow.write() as stores:
            fence = stores.runs.take_lease(run_id, owner=self._owner, now=epoch(self._clock()))
            run = stores.runs.find(run_id)
            if fence is not None and run is not None:
                self._move(stores, run, RunState.STOPPED, stop)

    def _send(self, run: Run, lease: Lease) -> RunStop | None:
        """Send rows until none is left, somebody pauses, or the breaker says stop."""
        with self._uow.write() as stores:
            # What was proven never to have been executed is to be sent again.
            stores.run_rows.plan_again(run.id)
            answers = stores.run_rows.answers(run.id, limit=LAST_ANSWERS)
        progress = _Progress(throttle=Throttle(most=self.in_flight))
        stop = progress.breaker.note_all(answers)
        if stop is not None:
            return stop  # whoever was answered the last of them died before it could say so
        queue = RowQueue(self._uow, run, clock=self._clock)
        self._sending.add(run.id)
        try:
            with ThreadPoolExecutor(self.in_flight, thread_name_prefix="onfile-charge") as pool:
                while True:
                    while (
                        len(progress.pending) < min(progress.throttle.allowed, self._share())
                        and progress.stop is None
                        and not lease.is_over()
                    ):
                        row = queue.take()
                        if row is None:
                            break
                        sent = pool.submit(self.rows.send, run, row, lease)
                        progress.pending[sent] = row
                    if not progress.pending:
                        return progress.stop or queue.stop
                    self._collect(progress, queue)
        finally:
            self._sending.discard(run.id)

    def _share(self) -> int:
        """
        Of what this process may have in flight: more runs send no faster under Stripe's limit, and an
        attempt that waits for its turn for too long is taken for one whose reply was lost.
        """
        return max(1, self.in_flight // max(1, len(self._sending)))

    def _collect(self, progress: _Progress, queue: RowQueue) -> None:
        done, _ = wait(progress.pending, timeout=_WAIT_SECONDS, return_when=FIRST_COMPLETED)
        for future in done:
            row = progress.pending.pop(future)
            try:
                answer = future.result()
            except Exception as error:
                error_id = new_id("err")
                logger.exception("row %s of %s failed (%s)", row.number, row.run_id, error_id)
                surprise = _surprise(f"Row {row.number}", error_id, error)
                progress.stop = progress.stop or surprise
                continue
            queue.done(row, answer)
            if answer is not None:
                progress.throttle.note(answer)
                progress.stop = progress.stop or progress.breaker.note(answer)

    def _settle(self, run: Run, pauses: Sequence[float], lease: Lease) -> RunStop | None:
        """
        Look at what was sent and is not known, once after each pause, while anything is unknown.

        What Stripe has no answer for stays unknown, and the run may end without it.
        """
        looks: list[LookResult] = []
        for seconds in pauses:
            with self._uow.read() as stores:
                unknown = stores.run_rows.in_flight(run.id)
            if not unknown or lease.is_over():
                return None
            self.pause(seconds)
            looks = [
                self._resolver.resolve_abandoned(charge)
                for charge in unknown
                if not lease.is_over()
            ]
        if LookResult.NOT_ASKED not in looks:
            return None
        return RunStop(
            "stripe_not_reached",
            "Stripe cannot be asked what became of charges that were in flight. Resume when it can be reached.",
        )

    def _end(self, run: Run, lease: Lease, stop: RunStop | None) -> bool:
        """False when rows came back to be sent: what became of them was found out just now."""
        with self._uow.write() as stores:
            if not stores.runs.beat(run.id, fence=lease.fence, now=epoch(self._clock())):
                return True  # somebody paused or cancelled it, or took it over
            if stop is not None:
                after = RunState.PAUSED if stop.code == "canary" else RunState.STOPPED
                self._move(stores, run, after, stop)
                return True
            stores.run_rows.plan_again(run.id)
            if stores.run_rows.count(run.id, RowState.PLANNED):
                return False
            self._move(stores, run, RunState.FINISHED, None)
            return True

    def _move(self, stores: Stores, run: Run, after: RunState, stop: RunStop | None) -> None:
        now = epoch(self._clock())
        moved = stores.runs.move(
            run.id,
            before=RunState.RUNNING,
            after=after,
            at=now,
            stop_code=stop.code if stop else None,
            stop_message=stop.message if stop else None,
        )
        if not moved:
            raise StaleState("This run changed a moment ago.")
        stores.audit.record(
            at=now,
            actor="system",
            action=f"run.{after.value}",
            subject=run.id,
            detail={"reason": stop.code if stop else None},
        )


def _surprise(what: str, error_id: str, error: Exception) -> RunStop:
    if isinstance(error, sqlite3.OperationalError):
        return NOT_WRITTEN
    return RunStop(
        "unexpected",
        f"{what} met an error that nobody expected ({error_id}). Whatever was sent is being found out; nothing more is charged until somebody resumes.",
    )


def _why_not_approved(stores: Stores, run: Run, *, now: int) -> RunStop | None:
    """The second look at what the approval bound, the rows as they are now, and at who gave it."""
    if digest_now(stores, run) != run.digest:
        return RunStop(
            "approval_does_not_fit",
            "The rows are not those that were approved. Nothing more is charged. An engineer has to look.",
        )
    return dual_approval.standing(stores, run, now=now).stop
