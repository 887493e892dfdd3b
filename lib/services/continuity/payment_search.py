"""
Reads payments by Stripe's Search on our marks, several windows of `created` at once.

Its answers come in no order that Stripe promises and may be an hour behind. So a window is read to its end or
not at all, one that holds too much is cut by time, and what was read goes back-dated into the mirror only.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from lib.clock import Clock, epoch, epoch_ms
from lib.domain.list_windows import Window, parts
from lib.domain.mirror import PaymentIntent
from lib.errors import Misconfigured, Refused
from lib.services.mirror.result import Progress, SyncResult
from lib.services.mirror.unreadable import note_unreadable
from lib.store.stores import Stores
from lib.store.unit_of_work import UnitOfWork
from lib.stripe_gateway.gateway import StripeGateway
from lib.stripe_gateway.lists import SearchPage
from lib.stripe_gateway.parallel_reader import READERS
from lib.stripe_gateway.searches import marked

# Ten pages: what a kill costs, and a moment for one reader.
WINDOW_PAYMENTS = 1000
# Of the hour that Search may be behind: its answers replace nothing that was asked for later. A whole
# hour would look like a clock that ran ahead (lib/store/upserts.py).
_SEARCH_BEHIND_MS = 55 * 60 * 1000


class Unsearchable(Exception):
    """Stripe refuses to search: this account has no Search, or it does not read our query."""


@dataclass(frozen=True, slots=True)
class _Found:
    """Pages of a window; none where there is too much for one, and `total` says how much."""

    window: Window
    pages: tuple[SearchPage[PaymentIntent], ...]
    total: int
    asked_at_ms: int


class MarkedSearch:
    def __init__(self, uow: UnitOfWork, gateway: StripeGateway, *, clock: Clock) -> None:
        self._uow = uow
        self._gateway = gateway
        self._clock = clock

    def sample(self, query: str) -> SearchPage[PaymentIntent]:
        """One payment, into the mirror, and how many there are."""
        asked_at_ms = epoch_ms(self._clock())
        page = self._ask(query, limit=1, with_total=True)
        with self._uow.write(in_bulk=True) as stores:
            self._save(stores, page, asked_at_ms)
        return page

    def _ask(
        self, query: str, *, page: str | None = None, limit: int = 100, with_total: bool = False
    ) -> SearchPage[PaymentIntent]:
        try:
            return self._gateway.search_payment_intents(
                query, page=page, limit=limit, with_total=with_total
            )
        except (Refused, Misconfigured) as error:
            if isinstance(error, Misconfigured) and error.http_status != 403:
                raise
            raise Unsearchable from error

    def read(
        self,
        backfill_id: str,
        installation: str | None,
        before: int,
        result: SyncResult,
        progress: Progress,
    ) -> None:
        """
        Every payment under these marks (None: without an installation) that was made `before`.

        Raises:
            Unsearchable, GatewayError: what was read is kept.
        """
        type_ = f"marks_of_{installation or 'nobody'}"
        waiting = self._windows(backfill_id, type_, before)
        stopping = threading.Event()
        with ThreadPoolExecutor(READERS, thread_name_prefix="onfile-reader") as readers:

            def begin(windows: Sequence[Window]) -> set[Future[_Found]]:
                return {
                    readers.submit(self._read_window, window, installation, stopping)
                    for window in windows
                    if not window.is_done
                }

            try:
                futures = begin(waiting)
                while futures:
                    done, futures = wait(futures, return_when=FIRST_COMPLETED)
                    for future in done:
                        futures |= begin(self._write(backfill_id, type_, future.result(), result))
                    progress(result.progress("marks"))
            finally:
                stopping.set()
                readers.shutdown(wait=False, cancel_futures=True)

    def _windows(self, backfill_id: str, type_: str, before: int) -> list[Window]:
        with self._uow.write() as stores:
            windows = stores.sync.windows(backfill_id, type_)
            if not windows:
                windows = [Window(0, before)]
                stores.sync.add_window(backfill_id, type_, windows[0])
        return windows

    def _read_window(
        self, window: Window, installation: str | None, stopping: threading.Event
    ) -> _Found:
        query = marked(
            installation, created_from=window.created_from, created_before=window.created_before
        )
        asked_at_ms = epoch_ms(self._clock())
        pages = [self._ask(query, with_total=True)]
        total = pages[0].total or 0
        if total > WINDOW_PAYMENTS and window.created_before - window.created_from > 1:
            return _Found(window, (), total, asked_at_ms)
        while (following := pages[-1].next_page) is not None and not stopping.is_set():
            pages.append(self._ask(query, page=following))
        return _Found(window, tuple(pages), total, asked_at_ms)

    def _write(
        self, backfill_id: str, type_: str, hits: _Found, result: SyncResult
    ) -> list[Window]:
        """The pages and that the window is done; or the smaller ones in its place, which it returns."""
        smaller: list[Window] = []
        if not hits.pages:
            count = -(-hits.total * 4 // (3 * WINDOW_PAYMENTS))
            smaller = parts(hits.window, max(count, 2), epoch(self._clock()))
        with self._uow.write(in_bulk=True) as stores:
            for page in hits.pages:
                result.payment_intents += self._save(stores, page, hits.asked_at_ms)
                result.unreadable += note_unreadable(
                    stores, page.unreadable, at=hits.asked_at_ms // 1000
                )
            for window in smaller:
                stores.sync.add_window(backfill_id, type_, window)
            stores.sync.advance_window(
                hits.window.id,
                after_id=None,
                after_created=None,
                objects=sum(len(page.items) for page in hits.pages),
                is_done=True,
            )
        return smaller

    def _save(self, stores: Stores, page: SearchPage[PaymentIntent], asked_at_ms: int) -> int:
        """Into the mirror only: what an index says that lags decides nothing."""
        return stores.payments.save_payment_intents(
            page.items, synced_at_ms=asked_at_ms - _SEARCH_BEHIND_MS
        )
