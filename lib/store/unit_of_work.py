"""One connection and, for writes, one transaction per unit of work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlite_utils import Database

from lib.store.audit import AuditStore
from lib.store.charges import ChargeStore
from lib.store.connection import connect, write_transaction
from lib.store.deliveries import DeliveryStore
from lib.store.jobs import JobStore
from lib.store.links import LinkStore
from lib.store.migrations import migrations
from lib.store.mirror import MirrorStore
from lib.store.requests import RequestStore
from lib.store.users import UserStore


@dataclass(frozen=True, slots=True)
class Stores:
    audit: AuditStore
    charges: ChargeStore
    deliveries: DeliveryStore
    jobs: JobStore
    links: LinkStore
    mirror: MirrorStore
    requests: RequestStore
    users: UserStore


class UnitOfWork:
    def __init__(self, path: Path) -> None:
        self.path = path

    def missing_steps(self) -> list[str]:
        """Schema steps this code has and the file has not."""
        database = connect(self.path)
        try:
            return [step.name for step in migrations.pending(database)]
        finally:
            database.close()

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
    return Stores(
        audit=AuditStore(database),
        charges=ChargeStore(database),
        deliveries=DeliveryStore(database),
        jobs=JobStore(database),
        links=LinkStore(database),
        mirror=MirrorStore(database),
        requests=RequestStore(database),
        users=UserStore(database),
    )
