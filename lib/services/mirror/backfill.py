"""
Reads everything at Stripe into the mirror, in windows, so that it is fast and can be resumed.

Each page is one transaction of rows and position: killed anywhere, only the pages in flight are
read again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from lib.clock import Clock, epoch, epoch_ms
from lib.domain.list_windows import Window, remaining
from lib.domain.mirror import TYPES, PaymentMethod
from lib.errors import InvalidInput, Missing, Refused
from lib.ids import new_id
from lib.services.mirror.apply import record_listed
from lib.services.mirror.result import Progress, SyncResult
from lib.services.mirror.search_index import ROWS, index_in
from lib.services.mirror.speed import Speed
from lib.services.mirror.unreadable import note_unreadable
from lib.store.sync_state import OpenBackfill
from lib.store.unit_of_work import Bulk, UnitOfWork
from lib.stripe_gateway.gateway import StripeGateway
from lib.stripe_gateway.lists import ListPage, Unreadable, whole_list
from lib.stripe_gateway.parallel_reader import READERS, ParallelReader, WindowCut, WindowPage

# Customers whose methods are written together.
_CUSTOMERS_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class _MethodsOf:
    customer: str
    methods: list[PaymentMethod] | None
    """None: Stripe has no such customer any more, or the list could not be read."""
    asked_at_ms: int
    is_gone: bool = False
    unreadable: tuple[Unreadable, ...] = ()


class Backfill:
    def __init__(self, uow: UnitOfWork, gateway: StripeGateway, *, clock: Clock) -> None:
        self._uow = uow
        self._gateway = gateway
        self._clock = clock
        self._types: frozenset[str] = frozenset()

    def run(
        self, types: Sequence[str], result: SyncResult, progress: Progress, *, anew: bool = False
    ) -> None:
        """
        Begin a backfill of these types, or go on with one of exactly these that was begun: in one of
        more types they may have been read long ago.

        With `anew` what an unfinished one has read is not trusted: nobody knows what changed since.

        A type that the key may not read is noted in `result.problems` and the others go on; the
        backfill then stays open.

        Raises:
            GatewayError: Stripe could not be asked to the end. What was read is kept.
        """
        types = [name for name in TYPES if name in types]
        backfill = self._open(types, anew=anew)
        self._close(backfill, self.read(backfill.id, types, result, progress))

    def read(
        self, backfill_id: str, types: Sequence[str], result: SyncResult, progress: Progress
    ) -> set[str]:
        """
        Each window of these types that is not done, of a backfill that whoever calls opens and ends; a
        type without windows is read whole. Returns the types that the key may not read.
        """
        self._types = frozenset(types)
        refused: set[str] = set()
        with self._uow.bulk() as bulk:
            for type_ in types:
                problems = len(result.problems)
                with result.noting_permission(type_):
                    self._read(bulk, backfill_id, type_, result, progress)
                if len(result.problems) > problems:
                    refused.add(type_)
        return refused

    def _open(self, types: Sequence[str], *, anew: bool) -> OpenBackfill:
        now = epoch(self._clock())
        stripe_time = self._gateway.ask_time() if anew else None
        with self._uow.write() as stores:
            unfinished = stores.sync.open_backfill(types)
            if unfinished is not None and unfinished.started_at <= now and not anew:
                return unfinished
            if anew:
                # From now on events tell what changes behind the reader, and syncs look at new
                # sessions. Begun and known in one transaction, or nobody would read what was missed.
                for name in ("events", "checkout_sessions"):
                    stores.sync.set_cursor(name, now)
                    stores.sync.set_news_since(name, stripe_time or 0)
            if unfinished is not None:
                stores.sync.end_backfill(unfinished.id, at=now)
            backfill = OpenBackfill(new_id("bf"), tuple(types), now, frozenset())
            stores.sync.begin_backfill(backfill.id, types=backfill.types, at=now)
            if set(types) == set(TYPES):
                stores.sync.end_other_backfills(backfill.id, at=now)
        return backfill

    def _close(self, backfill: OpenBackfill, refused: Collection[str]) -> None:
        """Over once every window of every type is done."""
        with self._uow.write() as stores:
            stores.sync.set_refused(backfill.id, refused)
            if stores.sync.unread_types(backfill):
                return
            stores.sync.end_backfill(backfill.id, at=epoch(self._clock()))
            for type_ in backfill.types:
                stores.sync.set_cursor(type_, backfill.started_at)
            if set(backfill.types) == set(TYPES):
                stores.sync.set_cursor("backfill", backfill.started_at)

    def _read(
        self, bulk: Bulk, backfill_id: str, type_: str, result: SyncResult, progress: Progress
    ) -> None:
        windows = self._windows(backfill_id, type_)
        if type_ == "payment_methods":
            self._methods(windows[0], result, progress)
        elif not all(window.is_done for window in windows):
            self._listed(bulk, backfill_id, type_, windows, result, progress)

    def _windows(self, backfill_id: str, type_: str) -> list[Window]:
        # Up to now by whichever clock is ahead, ours or Stripe's.
        until = max(epoch(self._clock()), self._gateway.answered_at or 0)
        with self._uow.write() as stores:
            windows = stores.sync.windows(backfill_id, type_)
            if not windows:
                windows = [Window(0, until + 1)]
                stores.sync.add_window(backfill_id, type_, windows[0])
        return windows

    def _listed(
        self,
        bulk: Bulk,
        backfill_id: str,
        type_: str,
        windows: list[Window],
        result: SyncResult,
        progress: Progress,
    ) -> None:
        def fetch(created_from: int, created_before: int, after: str | None) -> ListPage[Any]:
            return self._gateway.list_page(
                type_,
                created_from=created_from or None,
                created_before=created_before,
                after=after,
            )

        unindexed = 0

        def index() -> bool:
            """What waits for Stripe's answers may as well make searchable what came with the last."""
            nonlocal unindexed
            if unindexed < ROWS:
                return False
            done = index_in(bulk)
            if not done:
                unindexed = 0
            return done > 0

        reader = ParallelReader(fetch, windows, clock=self._clock)
        speed = Speed()
        messages = reader.messages(meanwhile=index)
        try:
            for message in messages:
                if isinstance(message, WindowCut):
                    self._write_cut(bulk, backfill_id, type_, message)
                else:
                    self.write_page(bulk, type_, message, result)
                    unindexed += len(message.items)
                    left = remaining(list(reader.windows))
                    progress(result.progress(type_, **speed.after(len(message.items), left)))
        finally:
            # Ends the readers now, not when the generator is collected.
            messages.close()

    def _write_cut(self, bulk: Bulk, backfill_id: str, type_: str, message: WindowCut) -> None:
        with bulk.write() as stores:
            stores.sync.shorten_window(message.window.id, created_from=message.created_from)
            stores.sync.add_window(backfill_id, type_, message.older, message.older_from)

    def write_page(self, bulk: Bulk, type_: str, message: WindowPage, result: SyncResult) -> None:
        with bulk.write() as stores:
            written = record_listed(
                stores,
                type_,
                message.items,
                synced_at_ms=message.asked_at_ms,
                counted=self._types,
            )
            result.unreadable += note_unreadable(
                stores, message.unreadable, at=message.asked_at_ms // 1000
            )
            stores.sync.advance_window(
                message.window.id,
                after_id=message.after_id,
                after_created=message.after_created,
                objects=len(message.items),
                is_done=message.is_done,
            )
        result.add(written)

    def _methods(self, window: Window, result: SyncResult, progress: Progress) -> None:
        """Stripe lists methods per customer only: batches of customers in the order of their ids."""
        speed = Speed()
        with ThreadPoolExecutor(READERS, thread_name_prefix="onfile-reader") as readers:
            for batch, left in self._customers(window.after_id or ""):
                answers = list(readers.map(self._methods_of, batch))
                with self._uow.write(in_bulk=True) as stores:
                    for one in answers:
                        result.unreadable += note_unreadable(
                            stores, one.unreadable, at=one.asked_at_ms // 1000
                        )
                        if one.is_gone:
                            stores.mirror.mark_customer_deleted(
                                one.customer, synced_at_ms=one.asked_at_ms
                            )
                        if one.methods is None:
                            continue
                        ids = [method.id for method in one.methods]
                        stores.mirror.save_payment_methods(
                            one.methods, synced_at_ms=one.asked_at_ms
                        )
                        stores.mirror.mark_missing_methods_detached(
                            one.customer,
                            [*ids, *(left_out.id for left_out in one.unreadable)],
                            synced_at_ms=one.asked_at_ms,
                        )
                        result.payment_methods += len(ids)
                        if "setup_intents" in self._types and ids:
                            # They came along with those.
                            known = stores.mirror.methods_with_setup_intent(ids)
                            result.payment_methods -= len(known)
                    stores.sync.advance_window(
                        window.id,
                        after_id=batch[-1],
                        after_created=None,
                        objects=len(batch),
                        is_done=False,
                    )
                progress(result.progress("payment_methods", **speed.after(len(batch), left)))
        with self._uow.write() as stores:
            stores.sync.advance_window(
                window.id, after_id=None, after_created=None, objects=0, is_done=True
            )

    def _customers(self, after: str) -> Iterator[tuple[list[str], int]]:
        """Batches of ids, each with how many customers come after it."""
        with self._uow.read() as stores:
            left = stores.mirror.count_living_customers(after=after)
        # The first is asked for alone: a key that may not read methods is refused once.
        most = 1
        while True:
            with self._uow.read() as stores:
                batch = stores.mirror.living_customers(after=after, limit=most)
            if not batch:
                return
            left = max(left - len(batch), 0)
            yield batch, left
            after, most = batch[-1], _CUSTOMERS_AT_ONCE

    def _methods_of(self, customer: str) -> _MethodsOf:
        asked_at_ms = epoch_ms(self._clock())
        try:
            page = methods_of(self._gateway, customer)
        except Missing:
            return _MethodsOf(customer, None, asked_at_ms, is_gone=True)
        except (InvalidInput, Refused) as error:
            # Of this customer alone: the others' lists can be read.
            odd = Unreadable(customer, "customer", str(error))
            return _MethodsOf(customer, None, asked_at_ms, unreadable=(odd,))
        return _MethodsOf(customer, page.items, asked_at_ms, unreadable=page.unreadable)


def methods_of(gateway: StripeGateway, customer: str) -> ListPage[PaymentMethod]:
    """
    All methods that Stripe names for a customer.

    Raises:
        Missing: deleted at Stripe.
    """
    return whole_list(lambda after: gateway.list_payment_methods(customer, after=after))
