"""
The fast way into the inbox: one thread with one open connection, one transaction for all who wait.

Opening a connection costs more than storing a delivery, and dozens of threads that want SQLite's
write lock at once sleep past each other for seconds. So the thread stores whatever came while it
was writing in its next transaction, and each is answered only after the commit.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from sqlite_utils import Database

from lib.domain.mirror import Event
from lib.store.connection import connect, write_transaction
from lib.store.deliveries import DeliveryStore


@dataclass(frozen=True, slots=True)
class Arrival:
    event: Event
    received_at: int
    signature_age: int
    note: str | None
    """Why it is ignored; None when it has to be processed."""
    is_new: Future[bool] = field(default_factory=Future, compare=False)
    """Told after the commit; or why it was not stored."""


class Intake:
    """Thread-safe."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._waiting: list[Arrival] = []
        self._lock = threading.Lock()
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="onfile-intake")
        self._database: Database | None = None

    def store(self, arrival: Arrival) -> Future[bool]:
        """
        Done after the commit: False when the event was known already; sqlite3.Error when the file
        is locked or full and nothing of it was stored.
        """
        # Whoever goes away before the answer cannot take the delivery back.
        arrival.is_new.set_running_or_notify_cancel()
        with self._lock:
            self._waiting.append(arrival)
            is_first = len(self._waiting) == 1
        if is_first:
            try:
                self._writer.submit(self._write_waiting)
            except RuntimeError:
                # No thread to be had, or the process ends. Left waiting, they would keep all who
                # come later waiting, too.
                _give_up(self._take())
        return arrival.is_new

    def _take(self) -> list[Arrival]:
        with self._lock:
            taken, self._waiting = self._waiting, []
        return taken

    def _write_waiting(self) -> None:
        taken = self._take()
        try:
            self._write(taken)
        finally:
            _give_up(taken)

    def _write(self, taken: Sequence[Arrival]) -> None:
        try:
            results = self._transaction(taken)
        except sqlite3.OperationalError as error:
            for arrival in taken:
                arrival.is_new.set_exception(error)
        except (sqlite3.Error, TypeError, ValueError, OverflowError) as error:
            if len(taken) == 1:
                taken[0].is_new.set_exception(error)
                return
            # One of them cannot be stored at all: the others must not suffer for it.
            for arrival in taken:
                self._write([arrival])
        else:
            for arrival, is_new in zip(taken, results, strict=True):
                arrival.is_new.set_result(is_new)

    def _transaction(self, taken: Sequence[Arrival]) -> list[bool]:
        if self._database is None:
            self._database = connect(self._path, any_thread=True)
        store = DeliveryStore(self._database)
        try:
            with write_transaction(self._database):
                return [
                    store.add(
                        arrival.event,
                        received_at=arrival.received_at,
                        signature_age=arrival.signature_age,
                        state="ignored" if arrival.note else "received",
                        note=arrival.note,
                        by_webhook=True,
                    )
                    for arrival in taken
                ]
        except sqlite3.Error:
            # A connection that failed once is not trusted again.
            broken, self._database = self._database, None
            broken.close()
            raise


def _give_up(taken: Sequence[Arrival]) -> None:
    """Whoever was not told yet was not stored."""
    for arrival in taken:
        if not arrival.is_new.done():
            arrival.is_new.set_exception(sqlite3.OperationalError("the writer was stopped"))
