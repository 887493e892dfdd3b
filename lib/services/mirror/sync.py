"""
Keeps the mirror complete: everything once (backfill), what changed (sync), and the verification of both.

Runs in the worker or the command line, and can be stopped anywhere.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping

from lib.clock import Clock, epoch
from lib.domain.actors import SYSTEM, Actor, Permission
from lib.domain.mirror import TYPES as LISTED_TYPES
from lib.domain.read_allowance import (
    PERIOD_SECONDS,
    ReadBudget,
    budget,
    resume_after,
    sync_interval,
)
from lib.domain.verification import VerificationResult, VerificationRound
from lib.errors import InvalidInput, StaleState
from lib.services.mirror.backfill import Backfill
from lib.services.mirror.incremental import EVENT_LOG_SECONDS, IncrementalSync
from lib.services.mirror.jobs import JobRunner
from lib.services.mirror.refetch import Refetcher
from lib.services.mirror.result import Progress, SyncIncomplete, SyncResult
from lib.services.mirror.search_index import SearchIndexService
from lib.services.mirror.verify import Verification
from lib.services.mirror.webhooks import WebhookService
from lib.store.jobs import Job
from lib.store.unit_of_work import UnitOfWork
from lib.stripe_gateway.gateway import StripeGateway

TYPES = (*LISTED_TYPES, "events")
SYNC, BACKFILL, VERIFY = "sync", "backfill", "verify"
_PROVE_EVERY_SECONDS = 24 * 3600


def _silent(_: dict[str, object]) -> None:
    return None


class SyncService:
    def __init__(
        self,
        uow: UnitOfWork,
        gateway: StripeGateway,
        refetcher: Refetcher,
        webhooks: WebhookService,
        search: SearchIndexService,
        *,
        clock: Clock,
    ) -> None:
        self._uow = uow
        self._gateway = gateway
        self._webhooks = webhooks
        self._search = search
        self._clock = clock
        self.jobs = JobRunner(uow, clock=clock)
        self._backfill = Backfill(uow, gateway, clock=clock)
        self.incremental = IncrementalSync(uow, gateway, refetcher, webhooks, clock=clock)
        self.verification = Verification(uow, gateway, self.incremental, clock=clock)
        self._counting = threading.Lock()
        self._counted_reads = 0

    # Asking for work

    def request(self, *, by: Actor, full: bool = False) -> bool:
        """
        Ask the worker for a sync, or for a backfill where one is asked for or needed.

        False when one is waiting or running already.
        """
        by.must(Permission.SYNC)
        return self.jobs.request(BACKFILL if full or self.needs_backfill() else SYNC, by=by)

    def request_verification(self, *, by: Actor, full: bool = False) -> bool:
        """
        Ask the worker to verify the mirror, by samples or in full; False when one is on its way.

        Raises:
            StaleState: not everything was read yet, so there is nothing to compare.
        """
        by.must(Permission.SYNC)
        self._must_be_complete()
        return self.jobs.request(VERIFY, by=by, params={"full": full})

    def request_scheduled(self) -> None:
        """What is due by the clock, for the worker."""
        now = epoch(self._clock())
        reads = self.reads()
        if self.needs_backfill():
            self._go_on_with_backfill(now, reads)
            if not self._has_events_since():
                return
        every = sync_interval(reads, has_webhooks=self._webhooks.is_configured)
        if _is_due(self.jobs.latest(SYNC), now, every):
            self.jobs.request(SYNC, by=SYSTEM)
        if (
            self._is_read()
            and not reads.is_nearly_used
            and _is_due(self.jobs.latest(VERIFY), now, _PROVE_EVERY_SECONDS)
        ):
            self.jobs.request(VERIFY, by=SYSTEM)

    def beat(self) -> None:
        """The worker's sign of life, which health checks and Sync health read."""
        self.jobs.beat()

    def _go_on_with_backfill(self, now: int, reads: ReadBudget) -> None:
        latest = self.jobs.latest(BACKFILL)
        if latest is not None and latest.state == "cancelled":
            return
        with self._uow.read() as stores:
            failures = stores.jobs.failures_in_a_row(BACKFILL)
        if _is_due(latest, now, resume_after(failures, reads)):
            self.jobs.request(BACKFILL, by=SYSTEM)

    def _is_read(self) -> bool:
        """Everything, or everything that the key may read: the rest must not keep the verification waiting."""
        if not self.needs_backfill():
            return True
        with self._uow.read() as stores:
            unfinished = stores.sync.open_backfill(LISTED_TYPES)
            if unfinished is None or not unfinished.refused:
                return False
            return stores.sync.unread_types(unfinished) <= unfinished.refused

    def cancel(self, kind: str, *, by: Actor) -> bool:
        """What was read is kept, and the next one goes on there; False when nothing runs."""
        by.must(Permission.SYNC)
        return self.jobs.cancel(kind, by=by)

    def latest(self, kind: str = SYNC) -> Job | None:
        return self.jobs.latest(kind)

    def latest_of_each(self) -> dict[str, Job]:
        """By kind, where there ever was one."""
        return self.jobs.latest_of((SYNC, BACKFILL, VERIFY))

    def last_done_at(self) -> int | None:
        """When all that changed was read last."""
        with self._uow.read() as stores:
            if stores.sync.cursor("backfill") is None:
                return None
            return stores.sync.cursor("events")

    def needs_backfill(self) -> bool:
        """Never done to the end, or asleep for so long that Stripe's events do not reach back."""
        with self._uow.read() as stores:
            done = stores.sync.cursor("backfill")
            unfinished = stores.sync.open_backfill(LISTED_TYPES)
        now = epoch(self._clock())
        return done is None or done > now or not self._has_events_since() or unfinished is not None

    def _has_events_since(self) -> bool:
        with self._uow.read() as stores:
            events = stores.sync.cursor("events")
        now = epoch(self._clock())
        # A cursor in the future was written by a clock that was wrong: nobody knows what was missed.
        return events is not None and now - EVENT_LOG_SECONDS < events <= now

    # Doing it

    def run_waiting(
        self, kind: str = SYNC, *, should_stop: Callable[[], bool] = lambda: False
    ) -> Job | None:
        """Take a waiting job of this kind and do it; returns it as it ended, None when none waits."""
        job = self.jobs.take(kind)
        if job is None:
            return None

        def work(progress: Progress) -> dict[str, object]:
            if kind == VERIFY:
                return self._verify(full=bool(job.params.get("full")), progress=progress)
            if only := job.params.get("only"):
                # Begun on the command line, by a process that died.
                return self.run(full=kind == BACKFILL, only=only, progress=progress).as_json()
            return self._timed(
                self._read_everything if kind == BACKFILL else self.incremental.run, progress
            ).as_json()

        return self.jobs.run(job, work, should_stop=should_stop)

    def run_now(
        self,
        *,
        by: Actor,
        full: bool = False,
        only: Iterable[str] = (),
        progress: Progress = _silent,
    ) -> SyncResult:
        """
        Sync in this process, for the command line; leaves the same record as the worker.

        Raises:
            InvalidInput: an unknown type.
            StaleState: it runs already, or a person stopped it on the page.
            SyncIncomplete: a part could not be read because the key lacks a permission.
            GatewayError: Stripe could not be asked to the end; what was read is kept.
        """
        by.must(Permission.SYNC)
        wanted = _known(tuple(only))
        kind = BACKFILL if full or (not wanted and self.needs_backfill()) else SYNC
        job = (
            self._take(kind, by, {"only": wanted})
            if wanted
            else self.jobs.take(kind, request_by=by)
        )
        if job is None and (kind == BACKFILL or wanted):
            raise _under_way(kind)
        result: list[SyncResult] = []

        def work(report: Progress) -> dict[str, object]:
            result.append(self.run(full=full, only=wanted, progress=report))
            return result[0].as_json()

        if job is None:
            work(progress)
        else:
            self.jobs.run(job, work, watch=progress)
        self._search.index_all()
        if not result:
            raise StaleState("A person stopped it on the page Sync health. What was read is kept.")
        return result[0]

    def _take(self, kind: str, by: Actor, params: Mapping[str, object]) -> Job | None:
        """One of our own making; None while another of this kind is open."""
        if not self.jobs.request(kind, by=by, params=params):
            return None
        return self.jobs.take(kind)

    def run(
        self, *, full: bool = False, only: Iterable[str] = (), progress: Progress = _silent
    ) -> SyncResult:
        """Without the record of a job; raises like `run_now`."""
        wanted = _known(tuple(only)) or TYPES
        if full or (not only and self.needs_backfill()):
            listed = tuple(name for name in LISTED_TYPES if name in wanted)

            def read_wanted(result: SyncResult, report: Progress) -> None:
                if listed:
                    self._read_everything(result, report, listed)
                if only and "events" in wanted:
                    self.incremental.events(result, report)

            return self._timed(read_wanted, progress)
        if not only:
            return self._timed(self.incremental.run, progress)
        return self._timed(lambda result, p: self._read_some(wanted, result, p), progress)

    def _timed(
        self, work: Callable[[SyncResult, Progress], None], progress: Progress
    ) -> SyncResult:
        started, before = self._clock(), self._gateway.requests
        result = SyncResult()
        try:
            work(result, progress)
        finally:
            self.count_reads()
        result.requests = self._gateway.requests - before
        result.seconds = round((self._clock() - started).total_seconds(), 3)
        if result.problems:
            raise SyncIncomplete(result)
        return result

    def _read_everything(
        self, result: SyncResult, progress: Progress, types: tuple[str, ...] = LISTED_TYPES
    ) -> None:
        asleep = set(types) == set(LISTED_TYPES) and not self._has_events_since()
        self._backfill.run(types, result, progress, anew=asleep)

    def _read_some(self, wanted: tuple[str, ...], result: SyncResult, progress: Progress) -> None:
        for type_ in wanted:
            with result.noting_permission(type_):
                if type_ == "events":
                    self.incremental.events(result, progress)
                elif type_ == "checkout_sessions":
                    self.incremental.sessions(result, progress)
                elif type_ == "payment_methods":
                    # Stripe lists them per customer, without times.
                    self._backfill.run((type_,), result, progress)
                else:
                    self.incremental.listed(type_, result, progress)

    # Verification

    def verify_now(
        self, *, by: Actor, full: bool = False, progress: Progress = _silent
    ) -> list[VerificationResult]:
        """
        Compare the mirror with Stripe in this process: samples of each type, or everything.

        What differs is repaired. Leaves the record of a job, like `run_now`, and raises like it.

        Raises:
            StaleState: not everything was read yet; or a comparison runs already, or was stopped.
        """
        by.must(Permission.SYNC)
        self._must_be_complete()
        # One that waits, or whose process died, is done along with ours.
        job = self._take(VERIFY, by, {"full": full}) or self.jobs.take(VERIFY)
        if job is None:
            raise _under_way(VERIFY)
        wants_all = full or bool(job.params.get("full"))
        ended = self.jobs.run(
            job, lambda report: self._verify(full=wants_all, progress=report), watch=progress
        )
        if ended is None or ended.state != "done":
            raise StaleState(
                "A person stopped it on the page Sync health. What was compared is kept."
            )
        return self.verifications()

    def rounds(self) -> dict[str, VerificationRound]:
        """How far the samples of each type have come in turn."""
        with self._uow.read() as stores:
            return stores.sync.rounds()

    def _must_be_complete(self) -> None:
        if self.needs_backfill():
            raise StaleState(
                "Not everything at Stripe was read yet, so there is nothing to compare. "
                "Read everything first."
            )

    def verifications(self) -> list[VerificationResult]:
        """The last comparison of each type."""
        with self._uow.read() as stores:
            return stores.sync.latest_verifications()

    def _verify(self, *, full: bool, progress: Progress) -> dict[str, object]:
        def work(result: SyncResult, report: Progress) -> None:
            self.verification.run(result, report, full=full)

        result = self._timed(work, progress)
        verifications = self.verifications()
        return result.as_json() | {
            "windows": sum(verification.windows for verification in verifications),
            "found": sum(verification.mismatches for verification in verifications),
        }

    # Reads

    def reads(self) -> ReadBudget:
        now = epoch(self._clock())
        with self._uow.read() as stores:
            return budget(
                used=stores.sync.reads_since(now - PERIOD_SECONDS),
                payments=stores.sync.payments_since(now - PERIOD_SECONDS),
            )

    def count_reads(self) -> None:
        """Write down the reads of this process since the last time."""
        # The worker's threads all come here.
        with self._counting:
            reads = self._gateway.reads
            if reads > self._counted_reads:
                with self._uow.write(in_bulk=True) as stores:
                    stores.sync.add_reads(reads - self._counted_reads, at=epoch(self._clock()))
                self._counted_reads = reads


def _known(types: tuple[str, ...]) -> tuple[str, ...]:
    unknown = [name for name in types if name not in TYPES]
    if unknown:
        raise InvalidInput(f"{unknown[0]} is not one of: {', '.join(TYPES)}.", field="only")
    return types


def _under_way(kind: str) -> StaleState:
    what = {BACKFILL: "A full reading", SYNC: "A sync", VERIFY: "A comparison"}[kind]
    return StaleState(f"{what} is running already. Its progress is on the page Sync health.")


def _is_due(latest: Job | None, now: int, every: int) -> bool:
    # A job from the future was written by a clock that was wrong.
    return latest is None or now - latest.created_at >= every or latest.created_at > now
