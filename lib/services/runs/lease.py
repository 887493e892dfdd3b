"""The right to execute a run: one process at a time, by a lease with heartbeat and fence."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from lib.clock import Clock, epoch
from lib.domain.runs import BEAT_SECONDS
from lib.store.unit_of_work import UnitOfWork

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Lease:
    run_id: str
    fence: int
    should_stop: Callable[[], bool] = lambda: False
    """Whether the process ends, whatever the run does."""
    over: threading.Event = field(default_factory=threading.Event)
    """Set when the run was paused or cancelled, or somebody else has it."""

    def is_over(self) -> bool:
        """Send nothing more."""
        return self.over.is_set() or self.should_stop()


@contextmanager
def kept_alive(uow: UnitOfWork, lease: Lease, *, clock: Clock) -> Iterator[None]:
    """Beats in a thread of its own, so that a slow answer of Stripe's never looks like a death."""
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(BEAT_SECONDS):
            try:
                with uow.write(in_bulk=True) as stores:
                    alive = stores.runs.beat(lease.run_id, fence=lease.fence, now=epoch(clock()))
            except sqlite3.Error:
                # A locked database or a full disk. If it lasts, another process takes the run, and
                # the fence keeps this one from sending.
                logger.warning("run %s: the heartbeat failed", lease.run_id, exc_info=True)
                continue
            if not alive:
                lease.over.set()
                return

    beating = threading.Thread(target=beat, name="onfile-run-heartbeat", daemon=True)
    beating.start()
    try:
        yield
    finally:
        ended.set()
        beating.join()
        try:
            with uow.write(in_bulk=True) as stores:
                stores.runs.give_back(lease.run_id, fence=lease.fence)
        except sqlite3.Error:
            logger.warning("run %s: the lease runs out by itself", lease.run_id, exc_info=True)
