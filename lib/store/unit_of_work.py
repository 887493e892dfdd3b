"""One connection and, for writes, one transaction per unit of work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlite_utils import Database

from lib.store.audit import AuditStore
from lib.store.connection import connect, write_transaction
from lib.store.users import UserStore


@dataclass(frozen=True, slots=True)
class Stores:
    users: UserStore
    audit: AuditStore


class UnitOfWork:
    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def read(self) -> Iterator[Stores]:
        """Stores over one consistent snapshot; nothing may be written."""
        database = connect(self.path)
        try:
            database.execute("PRAGMA query_only = ON")
            database.execute("BEGIN")
            yield _stores(database)
        finally:
            database.close()

    @contextmanager
    def write(self) -> Iterator[Stores]:
        """Stores inside BEGIN IMMEDIATE; commits at the end, rolls back on any exception."""
        database = connect(self.path)
        try:
            with write_transaction(database):
                yield _stores(database)
        finally:
            database.close()


def _stores(database: Database) -> Stores:
    return Stores(users=UserStore(database), audit=AuditStore(database))
