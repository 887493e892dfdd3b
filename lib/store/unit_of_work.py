"""The door to the database: one connection and, for writes, one transaction per unit of work."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from sqlite_utils import Database

from lib.clock import Clock, utcnow
from lib.errors import DatabaseDamaged
from lib.store.anchor import Anchor, AuditHead
from lib.store.audit import AuditGrowth, AuditStore
from lib.store.connection import CACHE_KB, connect, write_transaction
from lib.store.connection_pool import ConnectionPool
from lib.store.group_commit import GroupCommit
from lib.store.migrations import migrations
from lib.store.stores import Stores
from lib.store.trouble import damaged

T = TypeVar("T")

_INDEXED_AT_ONCE = 10
_BULK_CACHE_KB = 32_768
# Random ids touch most index pages again and again: writing each back rarely is half the work. The
# write-ahead log grows to 256 MB meanwhile.
_BULK_CHECKPOINT_PAGES = 65_536


class UnitOfWork:
    """Thread-safe. A thread has one unit at a time; a second one inside it raises RuntimeError."""

    def __init__(self, path: Path, *, clock: Clock = utcnow) -> None:
        self.pool = ConnectionPool(path, clock=clock)
        self._commits = GroupCommit(self.pool, ended=self._ended)
        self._uncommitted: list[AuditGrowth] = []
        self.anchor = Anchor(path)

    def must_be_sound(self) -> None:
        """
        Raises:
            DatabaseDamaged: somebody found the file damaged; nothing that moves money may rely on it.
        """
        why = self.pool.damage.words()
        if why is not None:
            raise DatabaseDamaged(damaged(why))

    def missing_steps(self) -> list[str]:
        """Schema steps this code has and the file has not."""
        with self.pool.reading() as database:
            return [step.name for step in migrations.pending(database)]

    @contextmanager
    def read(self) -> Iterator[Stores]:
        """Stores over one consistent snapshot; nothing may be written."""
        with self.pool.reading() as database:
            yield Stores(database)

    @contextmanager
    def write(self, *, in_bulk: bool = False) -> Iterator[Stores]:
        """
        Stores inside BEGIN IMMEDIATE; commits at the end, rolls back on any exception.

        A few changed rows can be searched for at once. `in_bulk` leaves them to the background, as
        writing the search index takes longer than writing the rows.
        """
        with self.pool.writing(cache_kb=_BULK_CACHE_KB if in_bulk else CACHE_KB) as database:
            stores = Stores(database)
            yield stores
            if not in_bulk:
                stores.search.index(_INDEXED_AT_ONCE)
        if stores.audit.written is not None:
            self._renew_anchor(stores.audit.written.before, stores.audit.written.head)

    def _renew_anchor(self, before: AuditHead, head: AuditHead) -> None:
        """An older copy whose log grows past its anchor must not take the place of what tells that it is older."""

        def holds(known: AuditHead) -> bool:
            if known == before:
                return True  # seen under the lock under which the log grew; most often so
            with self.pool.reading() as database:
                return AuditStore(database).hash_of(known.id) == known.hash

        self.anchor.write(head, holds=holds)

    def submit(self, work: Callable[[Stores], T]) -> Future[T]:
        """
        One of many small writes at once: committed together, each done after its commit.

        See GroupCommit.submit. What it changes is indexed in the background.
        """

        def piece(database: Database) -> T:
            stores = Stores(database)
            result = work(stores)
            if stores.audit.written is not None:
                self._uncommitted.append(stores.audit.written)
            return result

        return self._commits.submit(piece)

    def _ended(self, is_committed: bool) -> None:
        """One anchor for all that was committed together, before whoever waits for it goes on."""
        grown, self._uncommitted = self._uncommitted, []
        if is_committed and grown:
            self._renew_anchor(grown[0].before, grown[-1].head)

    @contextmanager
    def bulk(self) -> Iterator[Bulk]:
        """
        For writing what can be read again: a long-lived connection with a large cache, which waits
        for the disk at checkpoints only. Each transaction is still all or nothing, in order.
        """
        with closing(connect(self.pool.path, clock=self.pool.clock)) as database:
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
            yield Stores(self._database)
