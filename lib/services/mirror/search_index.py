"""Brings what was written in bulk into the search index."""

from __future__ import annotations

from lib.store.unit_of_work import Bulk, UnitOfWork

# Of each kind in one transaction: short enough (some 30 ms) that nobody waits for the write lock.
ROWS = 300


class SearchIndexService:
    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def index_some(self) -> int:
        """Index some of the waiting rows; returns how many, 0 when none waits."""
        if not self._waits():
            return 0
        with self._uow.write(in_bulk=True) as stores:
            return stores.search.index(ROWS)

    def index_all(self) -> int:
        """All that waits, where nobody else does; returns how many rows."""
        done = 0
        if self._waits():
            with self._uow.bulk() as bulk:
                while some := index_in(bulk):
                    done += some
        return done

    def _waits(self) -> bool:
        with self._uow.read() as stores:
            return stores.search.pending(most=1) > 0


def index_in(bulk: Bulk) -> int:
    """Index some of the waiting rows over a connection that is there; returns how many."""
    with bulk.write() as stores:
        return stores.search.index(ROWS)
