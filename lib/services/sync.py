"""
Polls Stripe into the mirror: all of it, or what changed since last time.

Runs in the worker or the command line, one transaction a page, and can be stopped anywhere: the
cursor moves only when a whole type is done, and every write is an upsert.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from lib.clock import Clock, epoch, epoch_ms
from lib.domain.actors import SYSTEM, Actor, Permission
from lib.domain.charges import Evidence
from lib.errors import InvalidInput, Missing
from lib.ids import new_id
from lib.services.mirroring import record_bundles, record_payment_intents
from lib.services.webhooks import WebhookService
from lib.store.jobs import Job
from lib.store.unit_of_work import UnitOfWork
from lib.stripe_gateway.gateway import Page, StripeGateway

TYPES = ("checkout_sessions", "customers", "payment_methods", "payment_intents", "events")
JOB = "sync"
# A Session lives at most 24 hours, so anything that could still change since the last sync was
# created at most this long before it. The hour covers clocks that differ and a slow sync.
_LOOK_BACK_SECONDS = 25 * 3600
# Stripe lists events of the last 30 days only. A day of margin, then everything is read again.
_EVENT_LOG_SECONDS = 29 * 86_400
_MARGIN_SECONDS = 60
_EVENT_TYPES = (
    "checkout.session.completed",
    "checkout.session.expired",
    "setup_intent.succeeded",
    "setup_intent.setup_failed",
    "payment_method.attached",
    "payment_method.detached",
    "payment_method.updated",
    "payment_method.automatically_updated",
    "payment_intent.succeeded",
    "payment_intent.payment_failed",
    "payment_intent.processing",
    "payment_intent.requires_action",
    "payment_intent.canceled",
    "customer.created",
    "customer.updated",
    "customer.deleted",
)

T = TypeVar("T")
Progress = Callable[[dict[str, object]], None]


@dataclass(slots=True)
class SyncResult:
    """Objects written, by type."""

    checkout_sessions: int = 0
    setup_intents: int = 0
    payment_methods: int = 0
    customers: int = 0
    payment_intents: int = 0
    events: int = 0
    requests: int = 0
    seconds: float = 0.0

    def as_json(self) -> dict[str, object]:
        return asdict(self)


class SyncService:
    def __init__(
        self, uow: UnitOfWork, gateway: StripeGateway, webhooks: WebhookService, *, clock: Clock
    ) -> None:
        self._uow = uow
        self._gateway = gateway
        self._webhooks = webhooks
        self._clock = clock

    def request(self, *, by: Actor, full: bool = False) -> bool:
        """Ask the worker for a sync; False when one is waiting or running already."""
        by.must(Permission.SYNC)
        with self._uow.write() as stores:
            return stores.jobs.add(
                new_id("job"), kind=JOB, params={"full": full}, by=by.username,
                at=epoch(self._clock()),
            )  # fmt: skip

    def request_scheduled(self) -> bool:
        """The worker's own request; the first of all reads everything."""
        return self.request(by=SYSTEM)

    def latest(self) -> Job | None:
        with self._uow.read() as stores:
            return stores.jobs.latest(JOB)

    def last_done_at(self) -> int | None:
        with self._uow.read() as stores:
            done = stores.jobs.last_done(JOB)
        return done.finished_at if done else None

    def run_waiting(self, *, should_stop: Callable[[], bool] = lambda: False) -> Job | None:
        """
        Take a waiting sync and do it; returns the finished job, None when none waits.

        When `should_stop` says so the job is left as it is: it counts as running until its
        heartbeat is stale, and the next worker takes it over.
        """
        with self._uow.write() as stores:
            job = stores.jobs.claim(now=epoch(self._clock()), kind=JOB)
        if job is None:
            return None

        def report(progress: dict[str, object]) -> None:
            with self._uow.write() as stores:
                stores.jobs.progress(job.id, progress=progress, at=epoch(self._clock()))
            if should_stop():
                raise _Stopped

        try:
            result = self.run(full=bool(job.params.get("full")), progress=report)
        except _Stopped:
            return None
        except Exception as error:
            # Whatever stopped it, the job must not look as if it were running still.
            with self._uow.write() as stores:
                stores.jobs.fail(job.id, error=str(error), at=epoch(self._clock()))
            raise
        with self._uow.write() as stores:
            stores.jobs.finish(job.id, result=result.as_json(), at=epoch(self._clock()))
            return stores.jobs.find(job.id)

    def run_now(
        self, *, by: Actor, full: bool = False, only: Iterable[str] = (),
        progress: Progress = lambda _: None,
    ) -> SyncResult:  # fmt: skip
        """Sync in this process, for the command line; leaves the same record as the worker."""
        by.must(Permission.SYNC)
        result = self.run(full=full, only=only, progress=progress)
        now = epoch(self._clock())
        job_id = new_id("job")
        with self._uow.write() as stores:
            if stores.jobs.add(job_id, kind=JOB, params={"full": full}, by=by.username, at=now):
                stores.jobs.claim(now=now, job_id=job_id)
                stores.jobs.finish(job_id, result=result.as_json(), at=now)
        return result

    def run(
        self, *, full: bool = False, only: Iterable[str] = (), progress: Progress = lambda _: None
    ) -> SyncResult:
        """
        Raises:
            InvalidInput: an unknown type.
            GatewayError: Stripe could not be asked to the end; what was read is kept.
        """
        wanted = tuple(only) or TYPES
        unknown = [name for name in wanted if name not in TYPES]
        if unknown:
            raise InvalidInput(f"{unknown[0]} is not one of: {', '.join(TYPES)}.", field="only")
        started = self._clock()
        run = _Run(
            self, full=full, wanted=frozenset(wanted), now=epoch(started), result=SyncResult(),
            progress=progress,
        )  # fmt: skip
        before = self._gateway.requests
        for name in TYPES:
            if name in wanted:
                getattr(run, name)()
        run.result.requests = self._gateway.requests - before
        run.result.seconds = round((self._clock() - started).total_seconds(), 3)
        return run.result


class _Stopped(Exception):
    """The process ends in the middle of a sync."""


class _Run:
    """One sync from start to end."""

    def __init__(
        self, service: SyncService, *, full: bool, wanted: frozenset[str], now: int,
        result: SyncResult, progress: Progress,
    ) -> None:  # fmt: skip
        self._uow = service._uow
        self._gateway = service._gateway
        self._webhooks = service._webhooks
        self._clock = service._clock
        self._full = full
        self._wanted = wanted
        self._now = now
        self.result = result
        self._progress = progress
        self._new_customers: list[str] = []

    def checkout_sessions(self) -> None:
        since = self._since("checkout_sessions", _LOOK_BACK_SECONDS)

        def save(stores: Any, items: list[Any], asked_at_ms: int) -> int:  # noqa: ANN401
            bundles = [b for b in items if b.session.mode == "setup"]
            self.result.setup_intents += sum(1 for b in bundles if b.setup_intent)
            self.result.payment_methods += sum(1 for b in bundles if b.payment_method)
            return record_bundles(stores, bundles, synced_at_ms=asked_at_ms)

        self._pages(
            "checkout_sessions",
            lambda after: self._gateway.list_sessions(created_from=since, after=after),
            save,
        )

    def customers(self) -> None:
        since = self._since("customers", _MARGIN_SECONDS)

        def save(stores: Any, items: list[Any], asked_at_ms: int) -> int:  # noqa: ANN401
            self._new_customers += [c.id for c in items]
            return int(stores.mirror.save_customers(items, synced_at_ms=asked_at_ms))

        self._pages(
            "customers",
            lambda after: self._gateway.list_customers(created_from=since, after=after),
            save,
        )

    def payment_methods(self) -> None:
        """Stripe lists methods per customer only; what changes later arrives as events."""
        incremental = self._since("payment_methods", 0) is not None
        everyone = not incremental or "customers" not in self._wanted
        for customer_id in self._all_customers() if everyone else self._new_customers:
            self._methods_of(customer_id)
        self._finish("payment_methods")

    def payment_intents(self) -> None:
        since = self._since("payment_intents", _LOOK_BACK_SECONDS)
        self._pages(
            "payment_intents",
            lambda after: self._gateway.list_payment_intents(created_from=since, after=after),
            lambda stores, items, asked_at_ms: record_payment_intents(
                stores, items, synced_at_ms=asked_at_ms, evidence=Evidence.PAYMENT_INTENT.value
            ),
        )

    def events(self) -> None:
        """What changed since last time; after a full read there is nothing older to learn."""
        since = self._since("events", _MARGIN_SECONDS)
        if since is None and self._wanted == frozenset(TYPES):
            self._finish("events")
            return
        was_asleep = self._was_asleep()
        after: str | None = None
        while True:
            page = self._gateway.list_events(types=_EVENT_TYPES, created_from=since, after=after)
            self.result.events += self._webhooks.take_listed(page.items)
            self._report("events")
            if not page.has_more or page.last_id is None:
                break
            after = page.last_id
        while self._webhooks.process_due():
            self._report("events")
        if not was_asleep:
            # Otherwise events are missing for ever: the next whole sync must still see that.
            self._finish("events")

    def _methods_of(self, customer_id: str) -> None:
        after: str | None = None
        present: list[str] = []
        asked_at_ms = self._now_ms()
        while True:
            try:
                page = self._gateway.list_payment_methods(customer_id, after=after)
            except Missing:
                # Deleted at Stripe, perhaps longer ago than its events reach.
                with self._uow.write() as stores:
                    stores.mirror.mark_customer_deleted(customer_id, synced_at_ms=asked_at_ms)
                return
            present += [method.id for method in page.items]
            with self._uow.write() as stores:
                self.result.payment_methods += stores.mirror.save_payment_methods(
                    page.items, synced_at_ms=asked_at_ms
                )
                if not page.has_more:
                    stores.mirror.mark_missing_methods_detached(
                        customer_id, present, synced_at_ms=asked_at_ms
                    )
            if not page.has_more or page.last_id is None:
                break
            after = page.last_id
        self._report("payment_methods")

    def _all_customers(self) -> Iterable[str]:
        after = ""
        while True:
            with self._uow.read() as stores:
                batch = stores.mirror.living_customers(after=after, limit=500)
            if not batch:
                return
            yield from batch
            after = batch[-1]

    def _pages(
        self, name: str, fetch: Callable[[str | None], Page[T]],
        save: Callable[[Any, list[T], int], int],
    ) -> None:  # fmt: skip
        after: str | None = None
        while True:
            asked_at_ms = self._now_ms()
            page = fetch(after)
            with self._uow.write() as stores:
                written = save(stores, page.items, asked_at_ms)
            setattr(self.result, name, getattr(self.result, name) + written)
            self._report(name)
            if not page.has_more or page.last_id is None:
                break
            after = page.last_id
        self._finish(name)

    def _since(self, name: str, look_back: int) -> int | None:
        """Where to start reading; None for all of it."""
        with self._uow.read() as stores:
            cursor = stores.sync.cursor(name)
        if self._full or cursor is None or self._was_asleep():
            return None
        return cursor - look_back

    def _was_asleep(self) -> bool:
        """Longer than Stripe keeps events."""
        with self._uow.read() as stores:
            events = stores.sync.cursor("events")
        return events is not None and self._now - events > _EVENT_LOG_SECONDS

    def _finish(self, name: str) -> None:
        with self._uow.write() as stores:
            stores.sync.set_cursor(name, self._now)

    def _report(self, doing: str) -> None:
        self._progress({"doing": doing, **self.result.as_json()})

    def _now_ms(self) -> int:
        return epoch_ms(self._clock())
