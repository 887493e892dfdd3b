"""
Open connections to the database, each lent to one unit of work at a time.

Opening one costs fifty times what a small unit of work does, because SQLite reads the whole schema
first. One kept for each thread would not help: Streamlit runs every rerun in a thread of its own.
"""

from __future__ import annotations

import copy
import functools
import os
import sqlite3
import threading
import weakref
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from sqlite_utils import Database

from lib.store.connection import CACHE_KB, connect, write_transaction

_MOST_IDLE = 8
# In place of the connection once a unit is over: whoever still asks gets sqlite3.ProgrammingError.
_CLOSED = sqlite3.connect(":memory:", check_same_thread=False)
_CLOSED.close()


class _Connection(sqlite3.Connection):
    """Remembers its cursors: one that was read only half keeps the snapshot after a ROLLBACK."""

    @functools.cached_property
    def _cursors(self) -> weakref.WeakSet[sqlite3.Cursor]:
        return weakref.WeakSet()

    def execute(self, sql: str, parameters: object = (), /) -> sqlite3.Cursor:
        cursor = super().execute(sql, cast(Mapping[str, object], parameters))
        self._cursors.add(cursor)
        return cursor

    def end(self) -> None:
        """Nothing of the unit is left: no cursor, no snapshot, no change."""
        for cursor in list(self._cursors):
            cursor.close()
        self._cursors.clear()
        if self.in_transaction:
            super().execute("ROLLBACK")


@dataclass(frozen=True, slots=True)
class _Kept:
    database: Database
    connection: _Connection
    file: tuple[int, int] | None
    """Device and inode; None when there was no file before it was opened."""


# Of a forked process's parent. SQLite forbids to use them in the child, and even to close them.
_inherited: list[_Kept] = []


class ConnectionPool:
    """Thread-safe. A thread has one unit of work at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._idle: deque[_Kept] = deque()
        self._process = os.getpid()
        self._busy: set[int] = set()
        # When nobody has the pool any more, at the latest when the process ends. The last
        # connection to close writes the write-ahead log back.
        weakref.finalize(self, _close, self._idle, self._process)

    @contextmanager
    def reading(self) -> Iterator[Database]:
        """One consistent snapshot of what is committed; nothing can be written."""
        with self._lent() as database:
            database.execute("PRAGMA query_only = ON")
            database.execute(f"PRAGMA cache_size = -{CACHE_KB}")
            database.execute("BEGIN")
            yield database

    @contextmanager
    def writing(self, *, cache_kb: int = CACHE_KB) -> Iterator[Database]:
        """BEGIN IMMEDIATE; commits at the end, rolls back on any exception."""
        with self._lent() as database:
            database.execute("PRAGMA query_only = OFF")
            database.execute(f"PRAGMA cache_size = -{cache_kb}")
            with write_transaction(database):
                yield database

    def must_be_free(self) -> None:
        """
        Raises:
            RuntimeError: the calling thread is inside a unit of work. Another one would wait for
                the first one's write lock, or see the database at another moment.
        """
        if threading.get_ident() in self._busy:
            raise RuntimeError("a unit of work inside another one of the same thread")

    def close(self) -> None:
        """Close what is not lent; the next unit opens a new connection."""
        _close(self._idle, self._process)

    @contextmanager
    def _lent(self) -> Iterator[Database]:
        self.must_be_free()
        thread = threading.get_ident()
        kept = self._take()
        database = copy.copy(kept.database)
        self._busy.add(thread)
        failed = False
        try:
            yield database
        except sqlite3.Error:
            failed = True
            raise
        finally:
            self._busy.discard(thread)
            database.conn = _CLOSED
            self._give_back(kept, failed=failed)

    def _take(self) -> _Kept:
        if self._process != os.getpid():
            _inherited.extend(self._idle)
            self._idle.clear()
            self._process = os.getpid()
        file = _identity(self.path)
        while (kept := _popped(self._idle)) is not None:
            if kept.file == file:
                return kept
            # Another file lies there now; this one would read and write the one that was replaced.
            kept.connection.close()
        database = connect(self.path, any_thread=True, factory=_Connection)
        return _Kept(database, cast(_Connection, database.conn), file)

    def _give_back(self, kept: _Kept, *, failed: bool) -> None:
        try:
            kept.connection.end()
        except sqlite3.Error:
            failed = True
        # One that failed once is not trusted again.
        if failed or len(self._idle) >= _MOST_IDLE:
            kept.connection.close()
        else:
            self._idle.append(kept)


def _popped(idle: deque[_Kept]) -> _Kept | None:
    try:
        return idle.pop()
    except IndexError:
        return None


def _close(idle: deque[_Kept], process: int) -> None:
    while process == os.getpid() and (kept := _popped(idle)) is not None:
        kept.connection.close()


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino
