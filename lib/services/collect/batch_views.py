"""Batches of links as pages and commands show them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lib.clock import Clock, epoch
from lib.domain.link_batches import BatchCounts, LinkBatch, LinkRow, LinkRowState
from lib.domain.links import LinkStatus, SetupLink
from lib.errors import NotFound
from lib.store.stores import Stores
from lib.store.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class BatchView:
    batch: LinkBatch
    counts: BatchCounts


@dataclass(frozen=True, slots=True)
class LinkRowView:
    row: LinkRow
    link: SetupLink | None
    url: str | None
    """Of an open link."""


class BatchViews:
    def __init__(self, uow: UnitOfWork, *, clock: Clock, public_url: str) -> None:
        self._uow = uow
        self._clock = clock
        self._public_url = public_url

    def find(self, batch_id: str) -> LinkBatch:
        with self._uow.read() as stores:
            return batch_of(stores, batch_id)

    def view(self, batch_id: str) -> BatchView:
        with self._uow.read() as stores:
            return BatchView(batch_of(stores, batch_id), stores.link_batches.counts(batch_id))

    def newest(self, *, limit: int = 20) -> list[BatchView]:
        with self._uow.read() as stores:
            return [
                BatchView(batch, stores.link_batches.counts(batch.id))
                for batch in stores.link_batches.newest(limit=limit)
            ]

    def rows(
        self, batch_id: str, *, states: Sequence[LinkRowState] = (), after: int = 0, limit: int = -1
    ) -> list[LinkRowView]:
        """In the order of the file, from the row after `after` on."""
        with self._uow.read() as stores:
            rows = stores.link_batches.rows(batch_id, states=states, after=after, limit=limit)
            links = stores.links.some([row.link_id for row in rows if row.link_id])
        views = []
        for row in rows:
            link = links.get(row.link_id or "")
            views.append(LinkRowView(row, link, self.url(link) if link else None))
        return views

    def url(self, link: SetupLink) -> str | None:
        """What its customer opens; None once it has ended."""
        is_open = link.status(epoch(self._clock())) is LinkStatus.OPEN
        return f"{self._public_url}/l/{link.token}" if is_open else None


def batch_of(stores: Stores, batch_id: str) -> LinkBatch:
    """
    Raises:
        NotFound: no such batch.
    """
    batch = stores.link_batches.find(batch_id)
    if batch is None:
        raise NotFound("There is no such batch of links.")
    return batch
