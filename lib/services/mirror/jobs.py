"""Runs a job that a page, the schedule or the command line asked for: one of a kind at a time."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable, Iterable, Mapping

from lib.clock import Clock, epoch
from lib.domain.actors import Actor
from lib.domain.jobs import JobState
from lib.ids import new_id
from lib.services.mirror.result import Progress
from lib.store.jobs import Job
from lib.store.unit_of_work import Bulk, UnitOfWork

logger = logging.getLogger(__name__)

BEAT_SECONDS = 5.0

Work = Callable[[Progress], Mapping[str, object]]


class JobInterrupted(Exception):
    """The work was told to end: by a person, or because the process ends."""


class JobRunner:
    """
    While a job runs, a thread of its own keeps it alive and looks whether somebody cancelled it, so
    that a slow answer of Stripe's never looks like a dead process.
    """

    def __init__(self, uow: UnitOfWork, *, clock: Clock) -> None:
        self._uow = uow
        self._clock = clock

    def request(self, kind: str, *, by: Actor, params: Mapping[str, object] | None = None) -> bool:
        """False when one of this kind is waiting or running already."""
        with self._uow.write() as stores:
            return stores.jobs.add(
                new_id("job"), kind=kind, params=params or {}, by=by.username, at=self._now()
            )

    def beat(self) -> None:
        """Say that this installation's worker is alive."""
        with self._uow.write() as stores:
            stores.jobs.beat(at=self._now())

    def cancel(self, kind: str, *, by: Actor) -> bool:
        """False when there is nothing to cancel. A running job ends after the page at hand."""
        with self._uow.write() as stores:
            job = stores.jobs.ask_to_cancel(kind, by=by.username, at=self._now())
            if job is not None:
                stores.audit.record(
                    at=self._now(),
                    actor=by.username,
                    action="job.cancel",
                    subject=job.id,
                    detail={"kind": kind},
                )
        return job is not None

    def latest(self, kind: str) -> Job | None:
        with self._uow.read() as stores:
            return stores.jobs.latest(kind)

    def latest_of(self, kinds: Iterable[str]) -> dict[str, Job]:
        """The newest of each of these kinds, where there ever was one."""
        with self._uow.read() as stores:
            jobs = {kind: stores.jobs.latest(kind) for kind in kinds}
        return {kind: job for kind, job in jobs.items() if job is not None}

    def take(self, kind: str, *, request_by: Actor | None = None) -> Job | None:
        """
        A job of this kind that waits, or whose process died; None when there is none.

        With `request_by` one is made where none is open.
        """
        with self._uow.write() as stores:
            if request_by is not None:
                stores.jobs.add(
                    new_id("job"), kind=kind, params={}, by=request_by.username, at=self._now()
                )
            return stores.jobs.claim(now=self._now(), kind=kind)

    def run(
        self,
        job: Job,
        work: Work,
        *,
        watch: Progress = lambda _: None,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> Job | None:
        """
        Do a job that was taken; returns it as it ended.

        None when `should_stop` ended it: the job counts as running until its heartbeat is stale, and
        the next process takes it over. None, too, when one took it over already, as this process
        stood still for so long.

        Raises:
            Exception: what the work raised, after the job was marked as failed.
        """
        cancelled, over = threading.Event(), threading.Event()
        beat = threading.Thread(
            target=self._keep_alive,
            args=(job, cancelled, over),
            daemon=True,
            name="onfile-heartbeat",
        )

        def progress_over(own: Bulk) -> Progress:
            def progress(state: dict[str, object]) -> None:
                watch(state)
                with own.write() as stores:
                    stores.jobs.progress(job, progress=state)
                    alive = stores.jobs.keep_alive(job, at=self._now())
                if cancelled.is_set() or not alive or should_stop():
                    raise JobInterrupted

            return progress

        beat.start()
        try:
            # A report follows every page, so it must cost nothing beside one.
            with self._uow.bulk() as own:
                result = work(progress_over(own))
        except JobInterrupted:
            return self._interrupted(job)
        except KeyboardInterrupt:
            # On the command line; only the page in flight is read again.
            self._end(job, JobState.CANCELLED)
            raise
        except Exception as error:
            # Whatever stopped it, the job must not look as if it were running still.
            self._end(job, JobState.FAILED, error=str(error) or type(error).__name__)
            raise
        finally:
            over.set()
            beat.join()
        return self._end(job, JobState.DONE, result=result)

    def _interrupted(self, job: Job) -> Job | None:
        with self._uow.read() as stores:
            current = stores.jobs.find(job.id)
        if current is None or current.cancel_requested_by is None:
            return None
        return self._end(job, JobState.CANCELLED, result=current.progress)

    def _end(
        self,
        job: Job,
        state: JobState,
        *,
        result: Mapping[str, object] | None = None,
        error: str | None = None,
    ) -> Job | None:
        with self._uow.write() as stores:
            ended = stores.jobs.end(job, state=state, at=self._now(), result=result, error=error)
            return stores.jobs.find(job.id) if ended else None

    def _keep_alive(self, job: Job, cancelled: threading.Event, over: threading.Event) -> None:
        while not over.wait(BEAT_SECONDS):
            try:
                with self._uow.write(in_bulk=True) as stores:
                    alive = stores.jobs.keep_alive(job, at=self._now())
            except sqlite3.Error:
                # A locked database or a full disk: the work itself will say so, or it passes.
                logger.warning("the heartbeat of %s could not be written", job.id, exc_info=True)
                continue
            if not alive:
                cancelled.set()

    def _now(self) -> int:
        return epoch(self._clock())
