"""
Reads what changed at Stripe since last time: three requests at most when nothing did.

Events name what changed, and the webhook inbox fetches it. New sessions have no event, so the list is
looked at, too; and older ones that are open here are looked at again, a page a time in turn, so that a
lost event is noticed without reading a day's sessions every few minutes. Stripe takes twenty types of
events a request: those that can wait are asked for in another, in place of such a page.
"""

from __future__ import annotations

import logging

from lib.clock import Clock, epoch, epoch_ms
from lib.domain.event_types import EVENT_TYPES, MORE_EVENT_TYPES
from lib.domain.mirror import SessionBundle
from lib.errors import InvalidInput, Missing, OnfileError, OutcomeUnknown, UnreadableObject
from lib.services.mirror.apply import is_ours, record_listed
from lib.services.mirror.refetch import Refetcher
from lib.services.mirror.result import Progress, SyncResult
from lib.services.mirror.unreadable import tell
from lib.services.mirror.webhooks import WebhookService
from lib.store.anchor import AuditHead
from lib.store.stores import Stores
from lib.store.unit_of_work import UnitOfWork
from lib.stripe_gateway.gateway import StripeGateway
from lib.stripe_gateway.lists import ListPage, Unreadable

logger = logging.getLogger(__name__)

# Stripe lists events of the last 30 days only. A day of margin, then everything is read again.
EVENT_LOG_SECONDS = 29 * 86_400
# An object may be listed a little later than its time says.
_MARGIN_SECONDS = 120
# How far our clock may be ahead of Stripe's where only our clock says how far was read.
_CLOCKS_DIFFER_SECONDS = 86_400
# A Session lives at most 24 hours, so one that could still change was made at most this long ago.
# The hour covers clocks that differ and a slow sync.
_LOOK_BACK_SECONDS = 25 * 3600
_OVERDUE_AT_ONCE = 10
_EVENTS, _MORE_EVENTS = "events", "more_events"
_MORE_EVERY_SECONDS = 20 * 60
# Both lists move on within hours of each other, unless a backfill began the first anew.
_LISTS_APART_SECONDS = 86_400
# Read instead of events where the key may not read those.
_LISTED_INSTEAD = (
    "customers",
    "setup_intents",
    "payment_intents",
    "charges",
    "refunds",
    "disputes",
)


class IncrementalSync:
    def __init__(
        self,
        uow: UnitOfWork,
        gateway: StripeGateway,
        refetcher: Refetcher,
        webhooks: WebhookService,
        *,
        clock: Clock,
    ) -> None:
        self._uow = uow
        self._gateway = gateway
        self._refetcher = refetcher
        self._webhooks = webhooks
        self._clock = clock

    def run(self, result: SyncResult, progress: Progress, *, whole: bool = False) -> None:
        """
        Events first: what they say about a session is then no news to the look at the list.

        With `whole` nothing is put off until the next time.

        Raises:
            GatewayError: Stripe could not be asked to the end. What was read is kept.
        """
        may_read_events, with_more = False, whole or self._more_is_due()
        with result.noting_permission("events"):
            self.events(result, progress, with_more=with_more)
            may_read_events = True
        if not may_read_events:
            # Before the first backfill is done, what is older is its work.
            begun = self._cursor(_EVENTS)
            for type_ in _LISTED_INSTEAD:
                with result.noting_permission(type_):
                    self.listed(type_, result, progress, since=begun)
        with result.noting_permission("checkout_sessions"):
            self.sessions(result, progress, in_turn=whole or not with_more)

    def events(self, result: SyncResult, progress: Progress, *, with_more: bool = True) -> None:
        now = self._now()
        with self._uow.read() as stores:
            last, file = stores.sync.cursor(_EVENTS), stores.audit.head()
        # Looked up before the first list moves on.
        lists: list[tuple[str, tuple[str, ...], int | None]] = [
            (_EVENTS, EVENT_TYPES, self._read_until(_EVENTS))
        ]
        if with_more or self._cursor(_MORE_EVENTS) is None:
            lists.append((_MORE_EVENTS, MORE_EVENT_TYPES, self._more_read_until()))
        read_at = [self._take_events(types, since, result, progress) for _, types, since in lists]
        # Not what comes meanwhile: where Stripe sends as fast as this works, a charge would wait for ever.
        newest = self._webhooks.newest()
        while self._webhooks.process_due(until=newest):
            progress(result.progress("events"))
        if last is None or now - EVENT_LOG_SECONDS < last <= now:
            for (name, _, _), stripe_time in zip(lists, read_at, strict=True):
                self._was_read(name, now, stripe_time, file)
        # Otherwise events are lost for ever, and only a backfill may say that all is known.

    def _take_events(
        self, types: tuple[str, ...], since: int | None, result: SyncResult, progress: Progress
    ) -> int | None:
        """One list to its end, into the inbox; returns when it began, by Stripe's clock."""
        after: str | None = None
        began: int | None = None
        while True:
            page = self._gateway.list_events(types=types, after=after, created_from=since)
            began = began or self._gateway.answered_at
            result.events += self._webhooks.take_listed(page.items)
            tell(self._uow, result, page.unreadable, at=self._now())
            progress(result.progress("events"))
            if not page.has_more:
                return began
            after = page.last_id

    def _more_is_due(self) -> bool:
        """Not twice in a row, so that the look-back has its turn."""
        events, more = self._cursor(_EVENTS), self._cursor(_MORE_EVENTS)
        if events is None or more is None:
            return True
        return more < events and self._now() - more >= _MORE_EVERY_SECONDS

    def _more_read_until(self) -> int | None:
        """What a backfill has read is not asked for again: it moves only the first list's cursor."""
        events, more = self._read_until(_EVENTS), self._read_until(_MORE_EVENTS)
        if events is None or more is None:
            return events
        return max(more, events - _LISTS_APART_SECONDS)

    def sessions(self, result: SyncResult, progress: Progress, *, in_turn: bool = True) -> None:
        """New ones, and with `in_turn` a page of those that are older and may have changed."""
        now = self._now()
        with self._uow.read() as stores:
            oldest, file = stores.mirror.oldest_open_session(), stores.audit.head()
        since = new_since = self._read_until("checkout_sessions")
        if since is not None and oldest is not None and oldest < since:
            since = max(oldest, min(since, now - _LOOK_BACK_SECONDS))
        page, had_news = self._look_at_sessions(since, None, result)
        began = self._gateway.answered_at
        # What is new is read to its end, also past pages that were known from elsewhere.
        while page.has_more and (had_news or (page.last_created or 0) >= (new_since or 0)):
            page, had_news = self._look_at_sessions(since, page.last_id, result)
            progress(result.progress("checkout_sessions"))
        if in_turn and page.has_more and since is not None:
            self._next_in_turn(since, page.last_created or now, result, progress)
        self._was_read("checkout_sessions", now, began, file)
        self._overdue(now, result)

    def _overdue(self, now: int, result: SyncResult) -> None:
        """One that cannot be read keeps neither new sessions nor other overdue ones waiting."""
        with self._uow.read() as stores:
            overdue = stores.mirror.overdue_sessions(now=now - 3600, limit=_OVERDUE_AT_ONCE)
        failed: OnfileError | None = None
        for session_id in overdue:
            try:
                self._refetcher.session(session_id)
            except Missing:
                self._refetcher.forget_session(session_id)
            except (InvalidInput, UnreadableObject) as error:
                odd = Unreadable(session_id, "checkout_session", str(error))
                tell(self._uow, result, [odd], at=now)
                continue
            except OutcomeUnknown as error:
                failed = failed or error
                continue
            result.checkout_sessions += 1
        if failed is not None:
            raise failed

    def _next_in_turn(self, since: int, below: int, result: SyncResult, progress: Progress) -> None:
        """One page of what is older, going on where the last sync stopped; more while it has news."""
        turn = self._cursor("look_back")
        before = turn if turn is not None and since < turn < below else below
        after: str | None = None
        while True:
            page, had_news = self._look_at_sessions(since, after, result, before=before + 1)
            progress(result.progress("checkout_sessions"))
            # A second with more than a page of sessions is read to its end, or the turn stays there.
            stays = page.last_created is not None and page.last_created >= before
            if not (page.has_more and (had_news or stays)):
                break
            after = page.last_id
        self._set_cursor("look_back", page.last_created if page.has_more else 0)

    def _look_at_sessions(
        self, since: int | None, after: str | None, result: SyncResult, *, before: int | None = None
    ) -> tuple[ListPage[SessionBundle], bool]:
        """One page of the list, saved, and whether it said anything new."""
        asked_at_ms = epoch_ms(self._clock())
        page: ListPage[SessionBundle] = self._gateway.list_page(
            "checkout_sessions", created_from=since, created_before=before, after=after
        )
        ours = {
            bundle.session.id: bundle.session.status
            for bundle in page.items
            if is_ours("checkout_sessions", bundle)
        }
        with self._uow.write() as stores:
            had_news = stores.mirror.session_states(list(ours)) != ours
            written = record_listed(
                stores, "checkout_sessions", page.items, synced_at_ms=asked_at_ms
            )
        result.add(written)
        tell(self._uow, result, page.unreadable, at=self._now())
        return page, had_news

    def listed(
        self, type_: str, result: SyncResult, progress: Progress, *, since: int | None = None
    ) -> None:
        """Everything of a type that was made since its cursor (or `since`), with a look back."""
        now = self._now()
        with self._uow.read() as stores:
            file = stores.audit.head()
        cursor = self._cursor(type_)
        known = since if cursor is None else cursor
        since = None if known is None else known - _LOOK_BACK_SECONDS
        after: str | None = None
        while True:
            asked_at_ms = epoch_ms(self._clock())
            page = self._gateway.list_page(type_, created_from=since, after=after)
            with self._uow.write(in_bulk=True) as stores:
                written = record_listed(stores, type_, page.items, synced_at_ms=asked_at_ms)
            result.add(written)
            tell(self._uow, result, page.unreadable, at=self._now())
            progress(result.progress(type_))
            if not page.has_more:
                break
            after = page.last_id
        with self._uow.write() as stores:
            if _is_same(stores, file, type_):
                stores.sync.set_cursor(type_, now)

    def _cursor(self, name: str) -> int | None:
        """None where nothing was read yet, or the clock was wrong when it was."""
        with self._uow.read() as stores:
            cursor = stores.sync.cursor(name)
        return None if cursor is None or cursor > self._now() else cursor

    def _read_until(self, name: str) -> int | None:
        """From where on a list may hold news; None where it was never read."""
        cursor = self._cursor(name)
        if cursor is None:
            return None
        with self._uow.read() as stores:
            since = stores.sync.news_since(name)
        return cursor - _CLOCKS_DIFFER_SECONDS if since is None else since - _MARGIN_SECONDS

    def _was_read(self, name: str, now: int, stripe_time: int | None, file: AuditHead) -> None:
        """To the end, as it stood at `now` by our clock and at `stripe_time` by Stripe's."""
        with self._uow.write() as stores:
            if _is_same(stores, file, name):
                stores.sync.set_cursor(name, now)
                stores.sync.set_news_since(name, stripe_time or 0)

    def _set_cursor(self, name: str, value: int | None) -> None:
        with self._uow.write() as stores:
            stores.sync.set_cursor(name, value or 0)

    def _now(self) -> int:
        return epoch(self._clock())


def _is_same(stores: Stores, file: AuditHead, name: str) -> bool:
    """
    Whether what was read is in this database. An older copy that was put in its place meanwhile lacks the pages
    before, and a cursor past them would make it pass for complete.
    """
    if stores.audit.holds(file):
        return True
    logger.warning("the database was replaced while %s were read; they are read again", name)
    return False
