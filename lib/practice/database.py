"""`practice.db`: schema, connections, transactions."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SCHEMA_VERSION = 4
BUSY_TIMEOUT_SECONDS = 15.0

SCHEMA = """
CREATE TABLE IF NOT EXISTS settings (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

-- `seq` grows by one for each object, so that objects of the same second keep an order.
-- The columns beside `payload` repeat what the list filters need.
-- `due_at` is when something happens to the object by itself.
-- `hidden` holds what Stripe knows and never shows, such as how a test card behaves.
CREATE TABLE IF NOT EXISTS objects (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    created INTEGER NOT NULL,
    customer TEXT,
    payment_method TEXT,
    payment_intent TEXT,
    setup_intent TEXT,
    charge TEXT,
    status TEXT,
    type TEXT,
    email TEXT,
    due_at INTEGER,
    is_deleted INTEGER NOT NULL DEFAULT 0,
    payload TEXT NOT NULL,
    hidden TEXT NOT NULL DEFAULT '{}'
) STRICT;
CREATE INDEX IF NOT EXISTS objects_newest ON objects (kind, created, seq);
CREATE INDEX IF NOT EXISTS objects_customer ON objects (customer, kind, created, seq);
CREATE INDEX IF NOT EXISTS objects_payment_method ON objects (payment_method, kind)
    WHERE payment_method IS NOT NULL;
CREATE INDEX IF NOT EXISTS objects_payment_intent ON objects (payment_intent, kind)
    WHERE payment_intent IS NOT NULL;
CREATE INDEX IF NOT EXISTS objects_setup_intent ON objects (setup_intent, kind)
    WHERE setup_intent IS NOT NULL;
CREATE INDEX IF NOT EXISTS objects_charge ON objects (charge, kind) WHERE charge IS NOT NULL;
CREATE INDEX IF NOT EXISTS objects_email ON objects (email, kind) WHERE email IS NOT NULL;
CREATE INDEX IF NOT EXISTS objects_due ON objects (due_at) WHERE due_at IS NOT NULL;

CREATE TABLE IF NOT EXISTS events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    created INTEGER NOT NULL,
    type TEXT NOT NULL,
    payload TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS events_newest ON events (created, seq);
CREATE INDEX IF NOT EXISTS events_type ON events (type, created, seq);

-- One row an event, written in the event's own transaction with state `pending`.
-- Times are whole seconds of the injected clock.
CREATE TABLE IF NOT EXISTS deliveries (
    event_id TEXT PRIMARY KEY REFERENCES events (id),
    state TEXT NOT NULL DEFAULT 'pending'
        CHECK (state IN ('pending', 'sending', 'delivered', 'abandoned')),
    attempts INTEGER NOT NULL DEFAULT 0,
    next_try_at INTEGER NOT NULL,
    claimed_by TEXT,
    claimed_at INTEGER,
    last_status INTEGER,
    last_error TEXT,
    delivered_at INTEGER
) STRICT;
CREATE INDEX IF NOT EXISTS deliveries_due ON deliveries (next_try_at)
    WHERE state IN ('pending', 'sending');

-- `status` is null while the request runs; `owner` tells its runner from one that took over.
CREATE TABLE IF NOT EXISTS idempotency_keys (
    key TEXT PRIMARY KEY,
    fingerprint TEXT NOT NULL,
    owner TEXT NOT NULL,
    created INTEGER NOT NULL,
    status INTEGER,
    body TEXT
) STRICT;

-- Version 1 kept its faults in a table of another shape.
DROP TABLE IF EXISTS faults;
-- `skips` is how many requests that match still pass unharmed.
CREATE TABLE IF NOT EXISTS waiting_faults (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    is_exact INTEGER NOT NULL CHECK (is_exact IN (0, 1)),
    kind TEXT NOT NULL,
    skips INTEGER NOT NULL,
    times INTEGER NOT NULL,
    detail TEXT
) STRICT;

-- While there is a row here, what happens leaves no event.
CREATE TABLE IF NOT EXISTS lost_events (
    token TEXT PRIMARY KEY
) STRICT;

-- Objects and events that exist and that lists and searches do not show yet.
CREATE TABLE IF NOT EXISTS shown_late (
    id TEXT PRIMARY KEY,
    shown_at INTEGER NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS denied_permissions (
    api_key TEXT NOT NULL,
    permission TEXT NOT NULL,
    PRIMARY KEY (api_key, permission)
) STRICT;

-- What moved the balance, in the charge's currency and signed, until `books` has settled it.
CREATE TABLE IF NOT EXISTS balance_entries (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    source TEXT NOT NULL,
    charge TEXT NOT NULL,
    amount INTEGER NOT NULL,
    at INTEGER NOT NULL,
    is_booked INTEGER NOT NULL DEFAULT 0 CHECK (is_booked IN (0, 1))
) STRICT;
CREATE INDEX IF NOT EXISTS balance_entries_waiting ON balance_entries (at) WHERE is_booked = 0;

-- One row a balance transaction, for sums and filters.
CREATE TABLE IF NOT EXISTS balance_ledger (
    id TEXT PRIMARY KEY,
    currency TEXT NOT NULL,
    source TEXT NOT NULL,
    net INTEGER NOT NULL,
    available_on INTEGER NOT NULL,
    payout TEXT
) STRICT;
CREATE INDEX IF NOT EXISTS balance_ledger_unpaid ON balance_ledger (available_on)
    WHERE payout IS NULL;
CREATE INDEX IF NOT EXISTS balance_ledger_payout ON balance_ledger (payout);
CREATE INDEX IF NOT EXISTS balance_ledger_source ON balance_ledger (source);

CREATE TABLE IF NOT EXISTS money_moved (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL CHECK (kind IN ('charge', 'refund', 'dispute')),
    amount INTEGER NOT NULL CHECK (amount > 0),
    currency TEXT NOT NULL,
    charge TEXT NOT NULL,
    payment_intent TEXT,
    customer TEXT,
    payment_method TEXT,
    metadata TEXT NOT NULL,
    idempotency_key TEXT,
    moved_at INTEGER NOT NULL
) STRICT;
CREATE TRIGGER IF NOT EXISTS money_moved_never_changes BEFORE UPDATE ON money_moved
    BEGIN SELECT RAISE(ABORT, 'money_moved is append-only'); END;
CREATE TRIGGER IF NOT EXISTS money_moved_never_shrinks BEFORE DELETE ON money_moved
    BEGIN SELECT RAISE(ABORT, 'money_moved is append-only'); END;
"""


class Database:
    """One connection a thread, opened at first use; several processes may share the file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._local = threading.local()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._create()

    def connection(self) -> sqlite3.Connection:
        # A forked child must not use its parent's connection.
        if getattr(self._local, "pid", None) != os.getpid():
            self._local.connection = self._open()
            self._local.pid = os.getpid()
        connection: sqlite3.Connection = self._local.connection
        return connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction that holds the write lock from its first statement."""
        with self._transaction("BEGIN IMMEDIATE") as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """One consistent snapshot."""
        with self._transaction("BEGIN") as connection:
            yield connection

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[sqlite3.Connection]:
        connection = self.connection()
        connection.execute(begin)
        try:
            yield connection
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")

    def close(self) -> None:
        """Closes this thread's connection."""
        if getattr(self._local, "pid", None) == os.getpid():
            self._local.connection.close()
            self._local.pid = None

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path,
            timeout=BUSY_TIMEOUT_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")
        return connection

    def _create(self) -> None:
        connection = self._open()
        try:
            if connection.execute("PRAGMA user_version").fetchone()[0] == SCHEMA_VERSION:
                return
            _switch_to_wal(connection)
            connection.executescript(
                f"BEGIN IMMEDIATE;{SCHEMA}PRAGMA user_version = {SCHEMA_VERSION};COMMIT;"
            )
        finally:
            connection.close()


def _switch_to_wal(connection: sqlite3.Connection) -> None:
    # The busy timeout does not cover this statement when two processes start together.
    deadline = time.monotonic() + BUSY_TIMEOUT_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
