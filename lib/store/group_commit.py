"""
Many threads' small transactions, committed together by one thread.

Each piece of work is a savepoint of its own, so that one that fails takes nothing else with it, and
each is done only after the commit that holds it. Whatever comes while one transaction is being
written goes into the next: dozens of threads that want SQLite's write lock at once would sleep past
each other for seconds, and each would wait for the disk by itself.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from sqlite_utils import Database

from lib.store.connection_pool import ConnectionPool

T = TypeVar("T")


class _Piece:
    def __init__(self, work: Callable[[Database], Any]) -> None:
        self.future: Future[Any] = Future()
        # Whoever goes away before the answer cannot take the work back.
        self.future.set_running_or_notify_cancel()
        self._work = work
        self._result: object = None
        self._error: Exception | None = None

    def write(self, database: Database) -> None:
        database.execute("SAVEPOINT piece")
        try:
            self._result = self._work(database)
        except Exception as error:
            self._error = error
            if not database.conn.in_transaction:
                # SQLite gave up the whole transaction (disk full, say): nobody's piece is kept.
                raise
            database.execute("ROLLBACK TO piece")
        database.execute("RELEASE piece")

    def answer(self, problem: Exception | None) -> None:
        """After the commit; `problem` says that there was none, whatever the piece came to."""
        error = problem or self._error
        if error is not None:
            self.future.set_exception(error)
        else:
            self.future.set_result(self._result)


class GroupCommit:
    """
    Thread-safe.

    `ended` is told by the thread that writes, after each transaction and before anybody's piece is done,
    whether it was committed.
    """

    def __init__(
        self, pool: ConnectionPool, *, ended: Callable[[bool], None] = lambda _: None
    ) -> None:
        self._pool = pool
        self._ended = ended
        self._begin()

    def submit(self, work: Callable[[Database], T]) -> Future[T]:
        """
        Done after the commit, with what `work` returned or raised. `work` must wait for nothing.

        The future's exception is a sqlite3.Error when it could not be committed. Whatever it is,
        nothing of this work was written then.

        Raises:
            RuntimeError: from inside a unit of work, for which the writer would have to wait.
        """
        self._pool.must_be_free()
        if self._process != os.getpid():
            # The writer and all that waited for it stayed in the parent.
            self._begin()
        piece = _Piece(work)
        with self._lock:
            self._waiting.append(piece)
            is_first = len(self._waiting) == 1
        if is_first:
            try:
                self._writer.submit(self._write_waiting)
            except RuntimeError:
                # No thread to be had, or the process ends. Left waiting, they would keep all who
                # come later waiting, too.
                for one in self._take():
                    one.answer(_stopped())
        return piece.future

    def _begin(self) -> None:
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._waiting: list[_Piece] = []
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="onfile-writer")

    def _take(self) -> list[_Piece]:
        with self._lock:
            pieces, self._waiting = self._waiting, []
        return pieces

    def _write_waiting(self) -> None:
        pieces = self._take()
        problem: Exception | None = _stopped()
        try:
            with self._pool.writing() as database:
                for piece in pieces:
                    piece.write(database)
            problem = None
        except Exception as error:
            problem = error
            raise
        finally:
            self._ended(problem is None)
            for piece in pieces:
                piece.answer(problem)


def _stopped() -> sqlite3.OperationalError:
    return sqlite3.OperationalError("the writer was stopped")
