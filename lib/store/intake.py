"""
The fast way into the inbox: one connection kept open, one transaction for all who wait.

Opening a connection costs more than storing a delivery, and dozens of threads that want SQLite's
write lock at once sleep past each other for seconds. So whoever gets to write stores everybody's
delivery in the same transaction, and each is answered only after the commit.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Sequence
from dataclasses import dataclass
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


class _Ticket:
    def __init__(self, arrival: Arrival) -> None:
        self.arrival = arrival
        self.is_new: bool | None = None
        self.error: Exception | None = None
        """Both None: whoever took it along was stopped in the middle, so it is not stored."""


class Intake:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._waiting: list[_Ticket] = []
        self._waiting_lock = threading.Lock()
        self._writing = threading.Lock()
        self._database: Database | None = None

    def store(self, arrival: Arrival) -> bool:
        """
        Returns after the commit; False when the event was known already.

        Raises:
            sqlite3.Error: locked or full; nothing of it was stored.
        """
        ticket = _Ticket(arrival)
        with self._waiting_lock:
            self._waiting.append(ticket)
        with self._writing:
            # Somebody who wrote before may have taken it along.
            if ticket.is_new is None and ticket.error is None:
                with self._waiting_lock:
                    taken, self._waiting = self._waiting, []
                self._write(taken)
        if ticket.is_new is None:
            raise ticket.error or sqlite3.OperationalError("the writer was stopped")
        return ticket.is_new

    def _write(self, taken: Sequence[_Ticket]) -> None:
        try:
            results = self._transaction(taken)
        except sqlite3.OperationalError as error:
            for ticket in taken:
                ticket.error = error
        except (sqlite3.Error, TypeError, ValueError, OverflowError) as error:
            if len(taken) == 1:
                taken[0].error = error
                return
            # One of them cannot be stored at all: the others must not suffer for it.
            for ticket in taken:
                self._write([ticket])
        else:
            for ticket, is_new in zip(taken, results, strict=True):
                ticket.is_new = is_new

    def _transaction(self, taken: Sequence[_Ticket]) -> list[bool]:
        if self._database is None:
            self._database = connect(self._path, any_thread=True)
        store = DeliveryStore(self._database)
        try:
            with write_transaction(self._database):
                return [
                    store.add(
                        ticket.arrival.event,
                        received_at=ticket.arrival.received_at,
                        signature_age=ticket.arrival.signature_age,
                        state="ignored" if ticket.arrival.note else "received",
                        note=ticket.arrival.note,
                        by_webhook=True,
                    )
                    for ticket in taken
                ]
        except sqlite3.Error:
            # A connection that failed once is not trusted again.
            broken, self._database = self._database, None
            broken.close()
            raise
