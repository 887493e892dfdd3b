"""
Completeness: verifies before money moves that the ledger is not behind Stripe (docs/decisions/008).

Every attempt is written down before its request leaves. A payment at Stripe that carries this
installation's marks and no attempt here therefore says one thing only: this file is older than the
world. The mirror notices such a payment wherever it comes from; here the news are read first.
"""

from __future__ import annotations

import threading
from enum import StrEnum

from lib.clock import Clock, epoch
from lib.domain.actors import Actor, Permission
from lib.errors import (
    DatabaseDamaged,
    DecisionsRest,
    GatewayError,
    LedgerBehind,
    Misconfigured,
    StaleState,
)
from lib.services.continuity.payment_reader import PaymentReader
from lib.services.mirror.hold_search import HoldSearch
from lib.services.mirror.incremental import EVENT_LOG_SECONDS, IncrementalSync
from lib.services.mirror.result import SyncResult
from lib.store.anchor import AuditHead
from lib.store.meta import BEHIND, DECISIONS_REST, INSTALLATION
from lib.store.unit_of_work import UnitOfWork
from lib.stripe_gateway.gateway import StripeGateway

# So long one verification holds for all charges: a burst of charges pays for one reading of the news.
VERIFIED_SECONDS = 60
# Stripe may list a payment later than its time says, and our clock may differ from its.
_MARGIN_SECONDS = 86_400
_LIST_EVERY_SECONDS = 3_600
# Of the list of all payments, by Stripe's clock.
_PAYMENTS = "payments_listed"


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
        holds: HoldSearch,
        *,
        clock: Clock,
    ) -> None:
        self._uow = uow
        self._gateway = gateway
        self._incremental = incremental
        self._holds = holds
        self._clock = clock
        self._payments = PaymentReader(uow, gateway, clock=clock)
        self._lock = threading.Lock()
        self._verified_at: int | None = None
        self._again_at: int | None = None
        """When everything that is not final was read again, last where events could not tell."""
        self._events_tell = True
        self._seen: AuditHead | None = None
        """Where the log ended when it was compared last: a file that lacks it was put in the place of that one."""

    def damage(self) -> str | None:
        """That the database file itself is broken, in words; None while nobody found anything."""
        try:
            self._uow.must_be_sound()
        except DatabaseDamaged as error:
            return str(error)
        return None

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
        by.must_be_asked()
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
        except (DatabaseDamaged, LedgerBehind):
            return LedgerState.BEHIND
        except GatewayError:
            return LedgerState.UNREACHABLE
        return LedgerState.COMPLETE

    def verify(self) -> None:
        """
        Read the news, unless that was done a moment ago; one request when there is none.

        Raises:
            DatabaseDamaged, LedgerBehind: nothing may be charged.
            GatewayError: Stripe does not answer; nothing is known, and acts wait.
        """
        self._must_not_be_behind()
        with self._lock:
            now = epoch(self._clock())
            # Each time: it costs no request, and a file can be put back under a process that runs.
            self._compare_with_anchor(now)
            # A verification from the future was made under a clock that was wrong.
            if self._verified_at is not None and 0 <= now - self._verified_at < VERIFIED_SECONDS:
                return
            self._read_news(now)
            self._must_not_be_behind()
            self._verified_at = now

    def must_be_this_file(self) -> None:
        """
        For what leaves without Stripe: nothing says that the file is an older one. Stripe is not asked.

        Raises:
            DatabaseDamaged, LedgerBehind
        """
        self._uow.must_be_sound()
        with self._lock:
            # Also where it is behind by what Stripe has: one rebuild is to cover both.
            self._compare_with_anchor(epoch(self._clock()))
        self._must_not_be_behind()

    def read_news(self) -> None:
        """
        What happened at Stripe until now, whatever was read a moment ago. That may show that the ledger is
        behind, which is for others to say.

        Raises:
            GatewayError: Stripe does not answer.
        """
        with self._lock:
            self._read_news(epoch(self._clock()))

    def read_customer(self, customer: str) -> None:
        """
        Mirror what Stripe lists of a customer's payments: the newest hundred, all since everything was read, and
        all of any age where nothing ever was. A payment made elsewhere, or before this file began, counts as well,
        also where it got the reference afterwards, of which Stripe has no event.

        Raises:
            LedgerBehind, GatewayError: as `verify`.
        """
        with self._uow.read() as stores:
            complete_at = stores.sync.cursor("backfill")
        # Later than now it was written under a clock that was wrong.
        since = (
            None if complete_at is None else min(complete_at, self._stripe_now()) - _MARGIN_SECONDS
        )
        self._payments.mirror(customer=customer, at_least_from=since)
        if since is not None:
            self._payments.read_again(customer=customer, created_before=since)
        self._must_not_be_behind()

    def verify_for_run(self) -> None:
        """
        As `verify`, and once an hour every payment of the last day by list, whoever made it (the first time of any
        age where nothing was ever read): what Stripe lists late is older than the news that are read next. A key
        protects for a day from what is not listed yet; a single charge reads its customer's payments each time.

        Raises:
            DatabaseDamaged, LedgerBehind, GatewayError: as `verify`.
        """
        self.verify()
        with self._uow.read() as stores:
            listed_at, file = stores.sync.cursor(_PAYMENTS), stores.audit.head()
            all_read_at = stores.sync.cursor("backfill")
        self._payments.read_labels()
        if not self._events_tell:
            self._payments.read_again()
        stripe_now = self._stripe_now()
        if listed_at is not None and 0 <= stripe_now - listed_at < _LIST_EVERY_SECONDS:
            return
        known = listed_at or all_read_at
        if listed_at is None and all_read_at is not None:
            # Once: since everything was read, or as far as events reach.
            known = max(all_read_at, stripe_now - EVENT_LOG_SECONDS)
        # Where nothing was ever read, all of them: there may be last year's, of a file that is gone.
        since = None if known is None else min(known, stripe_now) - _MARGIN_SECONDS
        self._payments.mirror(created_from=since)
        with self._uow.write() as stores:
            if stores.audit.holds(file):
                stores.sync.set_cursor(_PAYMENTS, stripe_now)
        self._must_not_be_behind()

    def _stripe_now(self) -> int:
        """By Stripe's last answer; by this machine's clock where there was none."""
        return self._gateway.answered_at or epoch(self._clock())

    def _must_not_be_behind(self) -> None:
        self._uow.must_be_sound()
        if self.behind_since() is not None:
            raise LedgerBehind

    def _compare_with_anchor(self, now: int) -> None:
        """A log that ends before what was written beside it is an older copy's, whatever Stripe says."""
        anchored, seen = self._uow.anchor.head(), self._seen
        with self._uow.read() as stores:
            is_older = not stores.audit.holds(anchored)
            is_another = not stores.audit.holds(seen)
            self._seen = stores.audit.head()
        if not (is_older or is_another):
            return
        self._verified_at = None
        with self._uow.write() as stores:
            stores.meta.set(BEHIND, str(now))
            stores.meta.set(DECISIONS_REST, str(now))
            stores.audit.record(
                at=now,
                actor="system",
                action="ledger.behind",
                subject=str(anchored if is_older else seen),
                detail={
                    "reason": "anchor" if is_older else "replaced",
                    "head": str(stores.audit.head()),
                    "is_cut": stores.audit.lacks_entries_of_attempts(),
                },
            )
            self._seen = stores.audit.head()
        if anchored is not None and is_older:
            self._uow.anchor.supersede(anchored, self._seen)
        raise LedgerBehind

    def _oldest_unapplied(self) -> int | None:
        """When the first payment event happened that is not in the mirror, nor was read by list since."""
        with self._uow.read() as stores:
            listed_at = stores.sync.cursor("payment_intents") or 0
            return stores.deliveries.oldest_payment_waiting(since=listed_at)

    def _read_news(self, now: int) -> None:
        result = SyncResult()
        with self._uow.read() as stores:
            read_until = stores.sync.cursor("events")
        try:
            self._incremental.events(result, lambda _: None, with_more=False)
            can_tell = read_until is None or now - EVENT_LOG_SECONDS < read_until <= now
            unapplied = self._oldest_unapplied()
            if unapplied is not None:
                can_tell, read_until = False, min(unapplied, read_until or unapplied)
        except Misconfigured as error:
            if error.http_status != 403:
                raise
            can_tell = False
        self._events_tell = can_tell
        if not can_tell:
            # Events cannot say what happened: older than Stripe keeps them, not for this key, or in the
            # hands of a process that died, or of one that was refused and tries again later.
            self._incremental.listed("payment_intents", result, lambda _: None, since=read_until)
            self._holds.read()
            if self._again_at is None or not 0 <= now - self._again_at < _LIST_EVERY_SECONDS:
                self._payments.read_again()
                self._again_at = now
