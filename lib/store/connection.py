"""Opens SQLite the way Onfile needs it, and holds the write lock for a transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from lib.clock import Clock, epoch_ms, utcnow

# Long enough for the slowest single transaction of ours on a busy disk; after that a clear error
# beats a page that hangs.
BUSY_TIMEOUT_SECONDS = 10.0
CACHE_KB = 2_000
# All that a connection that lives long ever says: preparing one anew takes as long as its work.
_KEPT_STATEMENTS = 512
# What a checkpoint leaves of the write-ahead log, once a bulk load has let it grow.
_LOG_BYTES = 16 * 1024 * 1024


class _Database(Database):
    def query(
        self, sql: str, params: Sequence[Any] | dict[str, Any] | None = None
    ) -> Generator[dict[str, Any], None, None]:
        """
        Rows as dictionaries, read as they are asked for.

        The library lays a savepoint around each query, which undoes a statement that returns no
        rows: two of three statements of a charge were that. Whoever asks for rows here reads.
        """
        cursor = self.execute(sql, params)
        names = [column[0] for column in cursor.description]
        return (dict(zip(names, row, strict=True)) for row in cursor)


def connect(
    path: Path,
    *,
    any_thread: bool = False,
    factory: type[sqlite3.Connection] = sqlite3.Connection,
    clock: Clock = utcnow,
) -> Database:
    """
    Open a connection for the calling thread; the caller closes it.

    With `any_thread` the caller sees to it that only one thread uses it at a time. SQL has the clock's
    moment as `now_ms()`.

    `synchronous=FULL`: losing the last commit on a power cut could lose the row that says a
    charge was sent, and it costs 0.1 ms a write.
    """
    connection = sqlite3.connect(
        path,
        timeout=BUSY_TIMEOUT_SECONDS,
        isolation_level=None,
        check_same_thread=not any_thread,
        cached_statements=_KEPT_STATEMENTS,
        factory=factory,
    )
    # Looking for plugins of the library reads the description of every package that is installed.
    database = _Database(connection, execute_plugins=False)
    connection.create_function("now_ms", 0, lambda: epoch_ms(clock()))
    database.execute("PRAGMA foreign_keys = ON")
    database.execute("PRAGMA synchronous = FULL")
    database.execute(f"PRAGMA journal_size_limit = {_LOG_BYTES}")
    return database


@contextmanager
def write_transaction(database: Database) -> Iterator[None]:
    """Hold SQLite's write lock from the first statement to the commit."""
    # Not `database.atomic()`: that begins deferred, and a read followed by a write then fails at
    # once with "database is locked" when another writer came between.
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
        database.execute("COMMIT")
    except BaseException:
        if database.conn.in_transaction:
            database.execute("ROLLBACK")
        raise
