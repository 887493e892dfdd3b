"""
Rebuild: takes over from Stripe what this installation did there and this database does not know.

What carries our marks is read into the mirror first; from there each payment, refund and page of a link
becomes a row of the ledger. What cannot be told stands as an incident, and blocks its customer and
reference only. A job like any reading: asked for on a page, watched there, and gone on with after a kill.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress

from lib.clock import Clock, epoch
from lib.domain.actors import SYSTEM, Actor, Permission
from lib.domain.incidents import CONFLICT, UNEXPECTED_REFUND, UNEXPECTED_SESSION
from lib.domain.rebuild import NOT_RESTORED
from lib.errors import Blocked, DatabaseDamaged, InvalidInput, LedgerBehind, StaleState
from lib.services.continuity.completeness import Completeness
from lib.services.continuity.installations import choose
from lib.services.continuity.rebuild_reader import MarkedReading
from lib.services.continuity.rebuild_result import Rebuilt
from lib.services.continuity.takeover import TAKES, Take
from lib.services.mirror.result import Progress, SyncResult
from lib.services.mirror.sync import SyncService
from lib.store.jobs import Job
from lib.store.meta import BEHIND, INSTALLATION, OUTBOX_DOUBTED, OUTBOX_HELD
from lib.store.stores import Stores
from lib.store.sync_state import OpenBackfill
from lib.store.unit_of_work import UnitOfWork
from lib.stripe_gateway.gateway import StripeGateway

logger = logging.getLogger(__name__)

REBUILD = "rebuild"
# What could not be taken over, by kind of incident, and what its subject is.
_CONFLICTS = {
    CONFLICT: "payment_intent",
    UNEXPECTED_REFUND: "refund",
    UNEXPECTED_SESSION: "session",
}
# After one that failed the worker waits before it tries again by itself.
_AGAIN_SECONDS = 60


class RebuildService:
    def __init__(
        self,
        uow: UnitOfWork,
        gateway: StripeGateway,
        sync: SyncService,
        completeness: Completeness,
        *,
        clock: Clock,
        livemode: bool,
    ) -> None:
        self._uow = uow
        self._gateway = gateway
        self._sync = sync
        self._completeness = completeness
        self._jobs = sync.jobs
        self._reading = MarkedReading(uow, gateway, clock=clock)
        self._clock = clock
        self._livemode = livemode

    # Asking for one

    def latest(self) -> Job | None:
        return self._jobs.latest(REBUILD)

    def request(self, *, by: Actor, installation: str | None = None) -> bool:
        """
        Ask the worker; False when one is waiting or running already.

        Raises:
            InvalidInput, Blocked: as `rebuild`, as far as the mirror knows.
        """
        by.must(Permission.SYNC)
        by.must_be_asked()
        with self._uow.read() as stores:
            choose(stores, installation, now=epoch(self._clock()))
        return self._jobs.request(REBUILD, by=by, params={"installation": installation})

    def _request_due(self) -> None:
        """Only what is behind."""
        with self._uow.read() as stores:
            behind_since = stores.meta.value(BEHIND)
            ours = stores.meta.value(INSTALLATION)
            latest = stores.jobs.latest(REBUILD)
        if behind_since is None:
            return
        now = epoch(self._clock())
        if latest is not None and latest.state == "cancelled":
            return  # A person stopped it, and goes on with it.
        ended = latest.finished_at if latest is not None else None
        if ended is None or int(behind_since) >= ended or not 0 <= now - ended < _AGAIN_SECONDS:
            # By name: another one's marks are never taken for ours without a person who says so.
            self._jobs.request(REBUILD, by=SYSTEM, params={"installation": ours})

    # Doing it

    def rebuild_due(self, *, should_stop: Callable[[], bool] = lambda: False) -> bool:
        """
        For the worker: what somebody asked for, what is behind, or what a process left that died.
        False when there was none.
        """
        self._request_due()
        job = self._jobs.take(REBUILD)
        if job is None:
            return False
        try:
            self._jobs.run(
                job,
                lambda progress: self._work(job, None, progress).as_json(),
                should_stop=should_stop,
            )
        except (InvalidInput, Blocked) as question:
            # A person has to say whose marks are ours; the page Sync health shows the question with the job.
            logger.info("the rebuild waits for a person: %s", question)
        return True

    def rebuild(
        self, *, by: Actor, installation: str | None = None, progress: Progress = lambda _: None
    ) -> Rebuilt:
        """
        Read everything with marks, take it over, and let the ledger count as complete again.

        Safe to repeat, and to be killed anywhere: what is known already is left as it is, and the next
        one goes on where this one stopped.

        Args:
            installation: whose marks are ours, for a database that began anew.

        Raises:
            InvalidInput: no such installation, or there is one to choose.
            Blocked: the ledger holds charges of its own and cannot take another's id.
            StaleState: one runs already, or a person stopped it on the page.
            GatewayError, SyncIncomplete: Stripe could not be read to the end; run it again.
        """
        by.must(Permission.SYNC)
        # One that waits, or whose process died, is done along with ours.
        self._jobs.request(REBUILD, by=by, params={"installation": installation})
        job = self._jobs.take(REBUILD)
        if job is None:
            raise StaleState(
                "A rebuild is running already. Its progress is on the page Sync health."
            )
        results: list[Rebuilt] = []

        def work(report: Progress) -> dict[str, object]:
            results.append(self._work(job, installation, report))
            return results[0].as_json()

        self._jobs.run(job, work, watch=progress)
        if not results:
            raise StaleState(
                "A person stopped it on the page Sync health. What was read and taken over is kept."
            )
        return results[0]

    def _work(self, job: Job, installation: str | None, progress: Progress) -> Rebuilt:
        # An older file is found out now and not by the next charge, which would want a second rebuild.
        with suppress(DatabaseDamaged, LedgerBehind):
            self._completeness.must_be_this_file()
        result = Rebuilt()
        result.adopted |= job.progress.get("adopted", {})
        read = SyncResult()

        def report(state: dict[str, object]) -> None:
            progress({**state, "adopted": result.adopted, "reads": result.reads})

        try:
            reading = self._reading.begin()
            wanted = installation or job.params.get("installation")
            ours = self._take_installation(reading, wanted, read, report, by=job.requested_by)
            plan = self._reading.plan(reading, ours)
            result.reads = plan.sentences()
            report({"doing": "plan"})
            self._reading.read(reading, plan, read, report)
        finally:
            self._sync.count_reads()
        result.not_restored = [
            *(one.as_json() for one in NOT_RESTORED),
            *({"code": "not_readable", "message": problem} for problem in read.problems),
        ]
        report({"doing": "taking_over"})
        while not self._finish(reading, ours, result, by=job.requested_by):
            self._take_over(job, ours, result, report)
        return result

    def _take_over(self, job: Job, ours: str, result: Rebuilt, report: Progress) -> None:
        """Payments first, as refunds and recovery links are of them; each transaction goes on in time."""
        with self._uow.read() as stores:
            whose = stores.marks.whose(ours)
        for take in TAKES:
            for one in whose:
                since: int | None = 0
                while since is not None:
                    since = self._take_some(take, one, since, job, result)
                    report({"doing": "taking_over"})

    def _take_some(
        self, take: Take, whose: str | None, since: int, job: Job, result: Rebuilt
    ) -> int | None:
        """One transaction. Returns from when on there may be more; None where there is nothing."""
        at, written = epoch(self._clock()), dict(result.adopted)
        with self._uow.write(in_bulk=True) as stores:
            until = take(stores, whose, since, written, at=at, livemode=self._livemode)
            # With what was written, so that whoever goes on counts from here.
            state = {"doing": "taking_over", "adopted": written, "reads": result.reads}
            stores.jobs.progress(job, progress=state)
        result.adopted = written
        return until

    def _take_installation(
        self,
        reading: OpenBackfill,
        wanted: str | None,
        read: SyncResult,
        progress: Progress,
        *,
        by: str,
    ) -> str:
        """Whose marks are taken over from now on; the rest of the past is not read before that is known."""
        with self._uow.read() as stores:
            is_empty = not stores.charges.any()
        if is_empty:
            self._reading.recent(reading, read, progress)
            if not self._reading.find_installations(reading):
                self._reading.all_by_list(reading)
                self._reading.recent(reading, read, progress)
        now = epoch(self._clock())
        with self._uow.write() as stores:
            ours = stores.meta.value(INSTALLATION) or ""
            # By Stripe's clock, as the newest mark is: ours may be hours ahead.
            chosen = choose(stores, wanted, now=self._gateway.answered_at or now)
            if chosen != ours:
                stores.meta.set(INSTALLATION, chosen)
                stores.audit.record(
                    at=now,
                    actor=by,
                    action="ledger.take_installation",
                    subject=chosen,
                    detail={"was": ours},
                )
        return chosen

    def _finish(self, reading: OpenBackfill, ours: str, result: Rebuilt, *, by: str) -> bool:
        """False while there is something to take over, also what was met since."""
        now = epoch(self._clock())
        with self._uow.write() as stores:
            if _is_left(stores, ours):
                return False
            result.conflicts = [
                {**one.details, name: one.subject}
                for kind, name in _CONFLICTS.items()
                for one in stores.incidents.open(kind=kind)
            ]
            was_behind = stores.meta.value(BEHIND)
            stores.meta.clear(BEHIND)
            # An empty file was not behind, and knows of no message that went out before it.
            stores.meta.set(OUTBOX_HELD, str(now))
            stores.meta.set(OUTBOX_DOUBTED, str(now))
            self._reading.end(stores, reading)
            stores.audit.record(
                at=now,
                actor=by,
                action="ledger.rebuild",
                subject=ours,
                detail={
                    "behind_since": was_behind,
                    "adopted": result.adopted,
                    "conflicts": len(result.conflicts),
                },
            )
        return True


def _is_left(stores: Stores, ours: str) -> bool:
    marks = stores.marks
    return any(
        find(whose, limit=1)
        for whose in marks.whose(ours)
        for find in (marks.unknown, marks.unknown_refunds, marks.unknown_sessions)
    )
