"""The background threads: claim due work from the database, call one service method, wait."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

from lib.clock import Clock, epoch
from lib.ids import new_id
from lib.services.settling import SettlingService
from lib.services.sync import SyncService
from lib.services.webhooks import WebhookService
from lib.store.unit_of_work import UnitOfWork

logger = logging.getLogger(__name__)

# Between looks at the inbox and the queue: short enough that a saved card shows up while the
# customer is still on the phone, long enough to cost nothing.
IDLE_SECONDS = 1.0
# With webhooks this only closes gaps; without them it is how news arrives at all.
SYNC_EVERY_SECONDS = 5 * 60
SYNC_EVERY_SECONDS_WITH_WEBHOOKS = 60 * 60


@dataclass(frozen=True)
class WorkerServices:
    uow: UnitOfWork
    clock: Clock
    webhooks: WebhookService
    settling: SettlingService
    sync: SyncService


class Worker:
    """Holds no state of its own: killing it at any line loses nothing."""

    def __init__(self, services: WorkerServices) -> None:
        self._services = services
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """One thread for what is quick and urgent, one for jobs that may take minutes."""
        self._stopping.clear()
        self._threads = [
            threading.Thread(target=self._repeat, args=(work,), name=name, daemon=True)
            for name, work in (("onfile-news", self.do_urgent), ("onfile-jobs", self.do_jobs))
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Ends after the request at hand; a job goes on where it was after the next start."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(timeout=35)

    def run_once(self) -> None:
        """Everything due now. One failing piece is logged and never stops the others."""
        self.do_urgent()
        self.do_jobs()

    def do_urgent(self) -> None:
        self._guarded("heartbeat", self._beat)
        self._guarded("webhooks", self._services.webhooks.process_due)
        self._guarded("settling", self._services.settling.settle_due)
        self._guarded("schedule", self._schedule_sync)

    def do_jobs(self) -> None:
        self._guarded(
            "sync", lambda: self._services.sync.run_waiting(should_stop=self._stopping.is_set)
        )

    def _repeat(self, work: Callable[[], None]) -> None:
        while not self._stopping.is_set():
            work()
            self._stopping.wait(IDLE_SECONDS)

    def _guarded(self, name: str, work: Callable[[], object]) -> None:
        try:
            work()
        except Exception:
            logger.exception("worker: %s failed (%s)", name, new_id("err"))

    def _beat(self) -> None:
        with self._services.uow.write() as stores:
            stores.jobs.beat(at=epoch(self._services.clock()))

    def _schedule_sync(self) -> None:
        services = self._services
        every = (
            SYNC_EVERY_SECONDS_WITH_WEBHOOKS
            if services.webhooks.is_configured
            else SYNC_EVERY_SECONDS
        )
        now = epoch(services.clock())
        latest = services.sync.latest()
        if latest is None or now - latest.created_at >= every:
            services.sync.request_scheduled()
