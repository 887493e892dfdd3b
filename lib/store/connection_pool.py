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
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from sqlite_utils import Database

from lib.clock import Clock, utcnow
from lib.store.connection import CACHE_KB, connect, write_transaction
from lib.store.trouble import DamageNote, is_damage

# Of those that read, and of those that write.
_MOST_IDLE = 8
# Cursors of one unit, before those that are gone are forgotten.
_REMEMBERED = 1_000
# In place of the connection once a unit is over: whoever still asks gets sqlite3.ProgrammingError.
_CLOSED = sqlite3.connect(":memory:", check_same_thread=False)
_CLOSED.close()


class _Connection(sqlite3.Connection):
    """Remembers its cursors: one that was read only half keeps the snapshot after a ROLLBACK."""

    cache_kb = 0
    """As it was set last."""
    _look_at = _REMEMBERED

    @functools.cached_property
    def _cursors(self) -> list[weakref.ref[sqlite3.Cursor]]:
        return []

    def execute(self, sql: str, parameters: object = (), /) -> sqlite3.Cursor:
        cursor = super().execute(sql, parameters)  # type: ignore[arg-type]  # the library knows
        # Not a WeakSet, which took a third as long as the statement.
        self._cursors.append(weakref.ref(cursor))
        if len(self._cursors) >= self._look_at:
            self._cursors[:] = [known for known in self._cursors if known() is not None]
            self._look_at = 2 * len(self._cursors) + _REMEMBERED
        return cursor

    def set_cache(self, kb: int) -> None:
        if kb != self.cache_kb:
            super().execute(f"PRAGMA cache_size = -{kb}")
            self.cache_kb = kb

    def end(self) -> None:
        """Nothing of the unit is left: no cursor, no snapshot, no change."""
        for known in self._cursors:
            cursor = known()
            if cursor is not None:
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

    def __init__(self, path: Path, *, clock: Clock = utcnow) -> None:
        self.path = path
        self.clock = clock
        self.damage = DamageNote(path)
        self._readers: deque[_Kept] = deque()
        self._writers: deque[_Kept] = deque()
        self._process = os.getpid()
        self._busy: set[int] = set()
        # When nobody has the pool any more, at the latest when the process ends. The last
        # connection to close writes the write-ahead log back.
        for idle in (self._readers, self._writers):
            weakref.finalize(self, _close, idle, self._process)

    @contextmanager
    def reading(self) -> Iterator[Database]:
        """One consistent snapshot of what is committed; nothing can be written."""
        with self._lent(self._readers) as database:
            database.execute("BEGIN")
            yield database

    @contextmanager
    def writing(self, *, cache_kb: int = CACHE_KB) -> Iterator[Database]:
        """BEGIN IMMEDIATE; commits at the end, rolls back on any exception."""
        with self._lent(self._writers) as database:
            cast(_Connection, database.conn).set_cache(cache_kb)
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
        _close(self._readers, self._process)
        _close(self._writers, self._process)

    @contextmanager
    def _lent(self, idle: deque[_Kept]) -> Iterator[Database]:
        self.must_be_free()
        thread = threading.get_ident()
        kept = self._take(idle)
        database = copy.copy(kept.database)
        self._busy.add(thread)
        failed = False
        try:
            yield database
        except sqlite3.Error as error:
            failed = True
            if is_damage(error):
                self.damage.write(str(error))
            raise
        finally:
            self._busy.discard(thread)
            database.conn = _CLOSED
            self._give_back(idle, kept, failed=failed)

    def _take(self, idle: deque[_Kept]) -> _Kept:
        if self._process != os.getpid():
            for inherited in (self._readers, self._writers):
                _inherited.extend(inherited)
                inherited.clear()
            self._process = os.getpid()
        file = _identity(self.path)
        while (kept := _popped(idle)) is not None:
            if kept.file == file:
                return kept
            # Another file lies there now; this one would read and write the one that was replaced.
            kept.connection.close()
        if any(kept.file != file for kept in (*self._readers, *self._writers)):
            # Before the new file has a log: the last to close removes what has the old one's name.
            self.close()
        database = connect(self.path, any_thread=True, factory=_Connection, clock=self.clock)
        connection = cast(_Connection, database.conn)
        connection.set_cache(CACHE_KB)
        if idle is self._readers:
            # Once: each change of it has SQLite prepare every statement of the connection anew.
            database.execute("PRAGMA query_only = ON")
        return _Kept(database, connection, file)

    def _give_back(self, idle: deque[_Kept], kept: _Kept, *, failed: bool) -> None:
        try:
            kept.connection.end()
        except sqlite3.Error:
            failed = True
        # One that failed once is not trusted again.
        if failed or len(idle) >= _MOST_IDLE:
            kept.connection.close()
        else:
            idle.append(kept)


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
