"""The background thread: claims due work from the database, calls one service method, waits."""

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
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._stopping.clear()
        self._thread = threading.Thread(target=self.run, name="onfile-worker", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends after the piece of work at hand."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(timeout=35)

    def run(self) -> None:
        while not self._stopping.is_set():
            self.run_once()
            self._stopping.wait(IDLE_SECONDS)

    def run_once(self) -> None:
        """Everything due now. One failing piece is logged and never stops the others."""
        services = self._services
        for name, work in (
            ("heartbeat", self._beat),
            ("webhooks", services.webhooks.process_due),
            ("settling", services.settling.settle_due),
            ("schedule", self._schedule_sync),
            ("sync", services.sync.run_waiting),
        ):
            self._guarded(name, work)

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
