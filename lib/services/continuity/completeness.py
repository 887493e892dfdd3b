"""
Completeness: verifies before money moves that the ledger is not behind Stripe (docs/decisions/008).

Every attempt is written down before its request leaves. A payment at Stripe that carries this
installation's marks and no attempt here therefore says one thing only: this file is older than the
world. The mirror notices such a payment wherever it comes from; here the news are read first.
"""

from __future__ import annotations

import threading
from enum import StrEnum

from lib.clock import Clock, epoch, epoch_ms
from lib.domain.actors import Actor, Permission
from lib.domain.charges import Evidence
from lib.errors import DecisionsRest, GatewayError, LedgerBehind, Misconfigured, StaleState
from lib.services.mirror.apply import record_payment_intents
from lib.services.mirror.incremental import EVENT_LOG_SECONDS, IncrementalSync
from lib.services.mirror.result import SyncResult
from lib.store.meta import BEHIND, DECISIONS_REST, INSTALLATION
from lib.store.unit_of_work import UnitOfWork
from lib.stripe_gateway.gateway import StripeGateway

# So long one verification holds for all charges: a burst of charges pays for one reading of the news.
VERIFIED_SECONDS = 60
# Stripe may list a payment a little later than its time says, and clocks differ.
_MARGIN_SECONDS = 600


class LedgerState(StrEnum):
    COMPLETE = "complete"
    BEHIND = "behind"
    UNREACHABLE = "unreachable"


class Completeness:
    def __init__(
        self,
        uow: UnitOfWork,
        gateway: StripeGateway,
        incremental: IncrementalSync,
        *,
        clock: Clock,
    ) -> None:
        self._uow = uow
        self._gateway = gateway
        self._incremental = incremental
        self._clock = clock
        self._lock = threading.Lock()
        self._verified_at: int | None = None

    def behind_since(self) -> int | None:
        """Unix seconds; None while nothing speaks against the ledger. Stripe is not asked."""
        with self._uow.read() as stores:
            since = stores.meta.value(BEHIND)
        return int(since) if since is not None else None

    def decisions_rest_since(self) -> int | None:
        """Unix seconds; None while what people decided may be carried out."""
        with self._uow.read() as stores:
            since = stores.meta.value(DECISIONS_REST)
        return int(since) if since is not None else None

    def must_not_rest(self) -> None:
        """
        For what acts by itself: runs, waiting charges.

        Raises:
            DecisionsRest: an approver has not confirmed yet.
        """
        if self.decisions_rest_since() is not None:
            raise DecisionsRest

    def confirm_decisions(self, *, by: Actor) -> None:
        """
        An approver has looked at what waits: it may be carried out again.

        Raises:
            NotPermitted
            LedgerBehind: first Stripe's payments have to be taken over.
            StaleState: nothing rests.
        """
        by.must(Permission.APPROVE)
        self._must_not_be_behind()
        with self._uow.write() as stores:
            since = stores.meta.value(DECISIONS_REST)
            if since is None:
                raise StaleState("Nothing rests: somebody confirmed it a moment ago.")
            stores.meta.clear(DECISIONS_REST)
            stores.audit.record(
                at=epoch(self._clock()),
                actor=by.username,
                action="ledger.confirm_decisions",
                subject=stores.meta.value(INSTALLATION) or "",
                detail={"since": int(since)},
            )

    def state(self) -> LedgerState:
        """Asks Stripe, unless that was done a moment ago."""
        try:
            self.verify()
        except LedgerBehind:
            return LedgerState.BEHIND
        except GatewayError:
            return LedgerState.UNREACHABLE
        return LedgerState.COMPLETE

    def verify(self) -> None:
        """
        Read the news, unless that was done a moment ago; one request when there is none.

        Raises:
            LedgerBehind: nothing may be charged.
            GatewayError: Stripe does not answer; nothing is known, and acts wait.
        """
        self._must_not_be_behind()
        with self._lock:
            now = epoch(self._clock())
            # A verification from the future was made under a clock that was wrong.
            if self._verified_at is not None and 0 <= now - self._verified_at < VERIFIED_SECONDS:
                return
            self._compare_with_anchor(now)
            self._read_news(now)
            self._must_not_be_behind()
            self._verified_at = now

    def read_customer(self, customer: str) -> None:
        """
        Mirror what Stripe lists of a customer's payments, of any age where this database was never
        read in full: a payment made elsewhere, or before this file began, counts as well.

        Raises:
            LedgerBehind, GatewayError: as `verify`.
        """
        with self._uow.read() as stores:
            complete_at = stores.sync.cursor("backfill")
        since = None if complete_at is None else complete_at - _MARGIN_SECONDS
        after: str | None = None
        while True:
            asked_at_ms = epoch_ms(self._clock())
            page = self._gateway.list_payment_intents(
                customer=customer, created_from=since, after=after
            )
            with self._uow.write() as stores:
                record_payment_intents(
                    stores,
                    page.items,
                    synced_at_ms=asked_at_ms,
                    evidence=Evidence.PAYMENT_INTENT.value,
                )
            if not page.has_more:
                break
            after = page.last_id
        self._must_not_be_behind()

    def _must_not_be_behind(self) -> None:
        if self.behind_since() is not None:
            raise LedgerBehind

    def _compare_with_anchor(self, now: int) -> None:
        """A log that ends before what was written beside it is an older copy's, whatever Stripe says."""
        anchored = self._uow.anchor.head()
        with self._uow.read() as stores:
            is_older = anchored is not None and stores.audit.hash_of(anchored.id) != anchored.hash
        if not is_older:
            return
        with self._uow.write() as stores:
            stores.meta.set(BEHIND, str(now))
            stores.meta.set(DECISIONS_REST, str(now))
            stores.audit.record(
                at=now,
                actor="system",
                action="ledger.behind",
                subject=str(anchored),
                detail={"reason": "anchor", "head": str(stores.audit.head())},
            )
            head = stores.audit.head()
        if anchored is not None:
            self._uow.anchor.supersede(anchored, head)
        raise LedgerBehind

    def _read_news(self, now: int) -> None:
        result = SyncResult()
        with self._uow.read() as stores:
            read_until = stores.sync.cursor("events")
        try:
            self._incremental.events(result, lambda _: None, with_more=False)
            can_tell = read_until is None or now - EVENT_LOG_SECONDS < read_until <= now
        except Misconfigured as error:
            if error.http_status != 403:
                raise
            can_tell = False
        if not can_tell:
            # Events cannot say what happened: older than Stripe keeps them, or not for this key.
            self._incremental.listed("payment_intents", result, lambda _: None, since=read_until)
