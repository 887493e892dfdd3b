"""The door to the database: one connection and, for writes, one transaction per unit of work."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from sqlite_utils import Database

from lib.store.anchor import Anchor, AuditHead
from lib.store.audit import AuditStore
from lib.store.backups import BackupStore
from lib.store.certificates import CertificateStore
from lib.store.charges import ChargeStore
from lib.store.comparing import CompareStore
from lib.store.confirmations import ConfirmationStore
from lib.store.connection import CACHE_KB, connect, write_transaction
from lib.store.connection_pool import ConnectionPool
from lib.store.deliveries import DeliveryStore
from lib.store.group_commit import GroupCommit
from lib.store.history import HistoryStore
from lib.store.incidents import IncidentStore
from lib.store.jobs import JobStore
from lib.store.limits import LimitStore
from lib.store.links import LinkStore
from lib.store.manual_outcomes import ManualOutcomeStore
from lib.store.marks import MarkStore
from lib.store.meta import MetaStore
from lib.store.migrations import migrations
from lib.store.mirror import MirrorStore
from lib.store.new_cards import NewCardStore
from lib.store.payments import PaymentStore
from lib.store.preflight import PreflightStore
from lib.store.refunds import RefundStore
from lib.store.requests import RequestStore
from lib.store.run_rows import RunRowStore
from lib.store.runs import RunStore
from lib.store.search import SearchStore
from lib.store.sync_state import SyncStore
from lib.store.twins import TwinStore
from lib.store.users import UserStore

T = TypeVar("T")

_INDEXED_AT_ONCE = 10
_BULK_CACHE_KB = 32_768
# Random ids touch most index pages again and again: writing each back rarely is half the work. The
# write-ahead log grows to 256 MB meanwhile.
_BULK_CHECKPOINT_PAGES = 65_536


@dataclass(frozen=True, slots=True)
class Stores:
    audit: AuditStore
    backups: BackupStore
    certificates: CertificateStore
    charges: ChargeStore
    comparing: CompareStore
    confirmations: ConfirmationStore
    deliveries: DeliveryStore
    history: HistoryStore
    incidents: IncidentStore
    jobs: JobStore
    limits: LimitStore
    links: LinkStore
    marks: MarkStore
    meta: MetaStore
    mirror: MirrorStore
    new_cards: NewCardStore
    payments: PaymentStore
    preflight: PreflightStore
    refunds: RefundStore
    requests: RequestStore
    run_rows: RunRowStore
    runs: RunStore
    search: SearchStore
    sync: SyncStore
    twins: TwinStore
    users: UserStore
    manual_outcomes: ManualOutcomeStore


class UnitOfWork:
    """Thread-safe. A thread has one unit at a time; a second one inside it raises RuntimeError."""

    def __init__(self, path: Path) -> None:
        self.pool = ConnectionPool(path)
        self._commits = GroupCommit(self.pool)
        self.anchor = Anchor(path)

    def missing_steps(self) -> list[str]:
        """Schema steps this code has and the file has not."""
        with self.pool.reading() as database:
            return [step.name for step in migrations.pending(database)]

    @contextmanager
    def read(self) -> Iterator[Stores]:
        """Stores over one consistent snapshot; nothing may be written."""
        with self.pool.reading() as database:
            yield stores_over(database)

    @contextmanager
    def write(self, *, in_bulk: bool = False) -> Iterator[Stores]:
        """
        Stores inside BEGIN IMMEDIATE; commits at the end, rolls back on any exception.

        A few changed rows can be searched for at once. `in_bulk` leaves them to the background, as
        writing the search index takes longer than writing the rows.
        """
        with self.pool.writing(cache_kb=_BULK_CACHE_KB if in_bulk else CACHE_KB) as database:
            stores = stores_over(database)
            yield stores
            if not in_bulk:
                stores.search.index(_INDEXED_AT_ONCE)
        if stores.audit.written is not None:
            self.anchor.write(stores.audit.written)

    def submit(self, work: Callable[[Stores], T]) -> Future[T]:
        """
        One of many small writes at once: committed together, each done after its commit.

        See GroupCommit.submit. What it changes is indexed in the background.
        """
        written: list[AuditHead] = []

        def piece(database: Database) -> T:
            stores = stores_over(database)
            result = work(stores)
            if stores.audit.written is not None:
                written.append(stores.audit.written)
            return result

        def anchor(future: Future[T]) -> None:
            if written and future.exception() is None:
                self.anchor.write(written[-1])

        submitted = self._commits.submit(piece)
        submitted.add_done_callback(anchor)
        return submitted

    @contextmanager
    def bulk(self) -> Iterator[Bulk]:
        """
        For writing what can be read again: a long-lived connection with a large cache, which waits
        for the disk at checkpoints only. Each transaction is still all or nothing, in order.
        """
        with closing(connect(self.pool.path)) as database:
            database.execute("PRAGMA synchronous = NORMAL")
            database.execute(f"PRAGMA cache_size = -{_BULK_CACHE_KB}")
            database.execute(f"PRAGMA wal_autocheckpoint = {_BULK_CHECKPOINT_PAGES}")
            yield Bulk(database)
            database.execute("PRAGMA wal_checkpoint(PASSIVE)")


@dataclass(frozen=True, slots=True)
class Bulk:
    """One connection for many large transactions after each other."""

    _database: Database

    @contextmanager
    def write(self) -> Iterator[Stores]:
        """Like `UnitOfWork.write(in_bulk=True)`, except that a power cut may take the last ones back."""
        with write_transaction(self._database):
            yield stores_over(self._database)


def stores_over(database: Database) -> Stores:
    """For whoever holds the connection and its transaction."""
    return Stores(
        audit=AuditStore(database),
        backups=BackupStore(database),
        certificates=CertificateStore(database),
        charges=ChargeStore(database),
        comparing=CompareStore(database),
        confirmations=ConfirmationStore(database),
        deliveries=DeliveryStore(database),
        history=HistoryStore(database),
        incidents=IncidentStore(database),
        jobs=JobStore(database),
        limits=LimitStore(database),
        links=LinkStore(database),
        marks=MarkStore(database),
        meta=MetaStore(database),
        mirror=MirrorStore(database),
        new_cards=NewCardStore(database),
        payments=PaymentStore(database),
        preflight=PreflightStore(database),
        refunds=RefundStore(database),
        requests=RequestStore(database),
        run_rows=RunRowStore(database),
        runs=RunStore(database),
        search=SearchStore(database),
        sync=SyncStore(database),
        twins=TwinStore(database),
        users=UserStore(database),
        manual_outcomes=ManualOutcomeStore(database),
    )
