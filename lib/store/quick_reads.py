"""One connection for the small reads of many threads: opening one a read takes 2 ms, as SQLite reads the schema each time."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from sqlite_utils import Database

from lib.store.connection import connect
from lib.store.unit_of_work import Stores, stores_over

T = TypeVar("T")


class QuickReads:
    """Thread-safe. Each read sees what is committed when it begins; nothing can be written."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._open: tuple[Database, Stores] | None = None

    def read(self, ask: Callable[[Stores], T]) -> T:
        """
        Returns what `ask` returned; it must take all it wants of its rows and wait for nothing.

        Raises:
            sqlite3.Error: the database could not be read.
        """
        with self._lock:
            if self._open is None:
                database = connect(self._path, any_thread=True)
                database.execute("PRAGMA query_only = ON")
                self._open = database, stores_over(database)
            try:
                return ask(self._open[1])
            except sqlite3.Error:
                self._open[0].close()
                self._open = None
                raise
