"""
Many threads' small transactions, committed together.

Each piece of work is a savepoint of its own, so that one that fails takes nothing else with it, and
each caller goes on only after the commit that holds its piece. With 32 charges in flight this
costs one wait for the disk where single transactions cost 32, and no time for the write lock.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar, cast

from sqlite_utils import Database

from lib.store.connection import connect, write_transaction
from lib.store.unit_of_work import Stores, stores_over

T = TypeVar("T")


class _Ticket:
    def __init__(self, work: Callable[[Stores], object]) -> None:
        self.work = work
        self.result: object = None
        self.error: BaseException | None = None
        self.is_done = False


class GroupCommit:
    """Thread-safe; close it when the work is over."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._waiting: list[_Ticket] = []
        self._waiting_lock = threading.Lock()
        self._writing = threading.Lock()
        self._open: tuple[Database, Stores] | None = None

    def write(self, work: Callable[[Stores], T]) -> T:
        """
        Returns what `work` returned, after the commit. `work` must not wait for anything.

        Raises:
            sqlite3.Error: it could not be committed; nothing of it was written.
            Exception: whatever `work` raised; nothing of it was written.
        """
        ticket = _Ticket(work)
        with self._waiting_lock:
            self._waiting.append(ticket)
        with self._writing:
            # Somebody who wrote before may have taken it along.
            if not ticket.is_done:
                with self._waiting_lock:
                    taken, self._waiting = self._waiting, []
                self._write(taken)
        if ticket.error is not None:
            raise ticket.error
        return cast(T, ticket.result)

    def close(self) -> None:
        with self._writing:
            if self._open is not None:
                self._open[0].close()
                self._open = None

    def _write(self, taken: list[_Ticket]) -> None:
        try:
            database, stores = self._opened()
            with write_transaction(database):
                for ticket in taken:
                    self._do(database, stores, ticket)
        except BaseException as error:
            # Not committed, whatever each of them did.
            for ticket in taken:
                if ticket.error is None or isinstance(error, sqlite3.Error):
                    ticket.error = error
            if not isinstance(error, Exception):
                raise
        finally:
            for ticket in taken:
                ticket.is_done = True

    def _opened(self) -> tuple[Database, Stores]:
        if self._open is None:
            database = connect(self._path, any_thread=True)
            self._open = database, stores_over(database)
        return self._open

    @staticmethod
    def _do(database: Database, stores: Stores, ticket: _Ticket) -> None:
        database.execute("SAVEPOINT piece")
        try:
            ticket.result = ticket.work(stores)
        except Exception as error:
            ticket.error = error
            if not database.conn.in_transaction:
                # SQLite gave up the whole transaction (disk full, say): nobody's piece is kept.
                raise
            database.execute("ROLLBACK TO piece")
        database.execute("RELEASE piece")
