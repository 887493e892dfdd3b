"""
The reads of a rebuild: the far past by Search on our marks, the last two days by list, and everything
by list where Stripe refuses to search.

In windows that are kept until the rebuild is over: killed anywhere, only those in flight are read again.
"""

from __future__ import annotations

from lib.clock import Clock, epoch, epoch_ms
from lib.domain.charges import Evidence
from lib.domain.list_windows import Window
from lib.domain.rebuild import LISTED_SECONDS, ReadingPlan
from lib.errors import Missing
from lib.ids import new_id
from lib.services.continuity.payment_search import MarkedSearch, Unsearchable
from lib.services.mirror.apply import record_payment_intents
from lib.services.mirror.backfill import Backfill
from lib.services.mirror.result import Progress, SyncIncomplete, SyncResult
from lib.store.stores import Stores
from lib.store.sync_state import OpenBackfill
from lib.store.unit_of_work import UnitOfWork
from lib.stripe_gateway.gateway import StripeGateway
from lib.stripe_gateway.searches import marked, marked_by_others

_KIND = ("rebuild",)
_LISTED = ("customers", "checkout_sessions", "refunds")
_PAYMENTS = "payment_intents"
_DAY = 86_400
# One that was stopped longer ago begins anew: nobody knows what changed in what was read.
_LASTS_SECONDS = _DAY


class MarkedReading:
    def __init__(self, uow: UnitOfWork, gateway: StripeGateway, *, clock: Clock) -> None:
        self._uow = uow
        self._gateway = gateway
        self._clock = clock
        self._backfill = Backfill(uow, gateway, clock=clock)
        self._search = MarkedSearch(uow, gateway, clock=clock)

    def begin(self) -> OpenBackfill:
        """
        Anew, or where an earlier one was stopped; by Stripe's clock, as this machine's may be days off.

        Raises:
            GatewayError: Stripe does not answer.
        """
        now = self._gateway.ask_time() or epoch(self._clock())
        with self._uow.write() as stores:
            unfinished = stores.sync.open_backfill(_KIND)
            if unfinished is not None:
                if 0 <= now - unfinished.started_at < _LASTS_SECONDS:
                    return unfinished
                stores.sync.end_backfill(unfinished.id, at=now)
            reading = OpenBackfill(new_id("bf"), _KIND, now, frozenset())
            stores.sync.begin_backfill(reading.id, types=_KIND, at=now)
            # Without an end: what is made meanwhile counts.
            recent = Window(_horizon(reading), now + _DAY)
            stores.sync.add_window(reading.id, _PAYMENTS, recent)
        return reading

    def end(self, stores: Stores, reading: OpenBackfill) -> None:
        stores.sync.end_backfill(reading.id, at=epoch(self._clock()))

    def recent(self, reading: OpenBackfill, result: SyncResult, progress: Progress) -> None:
        """
        The payments of the last two days; all that `all_by_list` added.

        Raises:
            SyncIncomplete: the key may not read payments, and nothing can be taken over.
        """
        if self._backfill.read(reading.id, (_PAYMENTS,), result, progress):
            raise SyncIncomplete(result)

    def all_by_list(self, reading: OpenBackfill) -> None:
        """The payments of the far past, too."""
        if not self._is_all_listed(reading):
            with self._uow.write() as stores:
                stores.sync.add_window(reading.id, _PAYMENTS, Window(0, _horizon(reading)))

    def _is_all_listed(self, reading: OpenBackfill) -> bool:
        """Whatever the readers have cut it into, one window reaches back to the beginning."""
        with self._uow.read() as stores:
            windows = stores.sync.windows(reading.id, _PAYMENTS)
        return any(window.created_from == 0 for window in windows)

    def find_installations(self, reading: OpenBackfill) -> bool:
        """
        One payment of each installation in the far past comes into the mirror. False where Stripe
        does not search, or there are more than a query can tell apart.
        """
        with self._uow.read() as stores:
            known = {one.id for one in stores.marks.installations() if one.id is not None}
        try:
            while True:
                query = marked_by_others(known, created_before=_horizon(reading))
                if query is None:
                    return False
                page = self._search.sample(query)
                strangers = {one.installation for one in page.items if one.installation} - known
                if not strangers:
                    break
                known |= strangers
            self._search.sample(marked(None, created_from=0, created_before=_horizon(reading)))
        except Unsearchable:
            return False
        return True

    def plan(self, reading: OpenBackfill, installation: str) -> ReadingPlan:
        """Costs a request or two: how much there is is Stripe's to say, and whether it searches at all."""
        if self._is_all_listed(reading):
            return ReadingPlan(installation, has_search=False, payments=None)
        try:
            totals = [
                self._search.sample(self._query(reading, whose)).total
                for whose in (installation, None)
            ]
        except Unsearchable:
            return ReadingPlan(installation, has_search=False, payments=None)
        known = [total for total in totals if total is not None]
        return ReadingPlan(
            installation,
            has_search=True,
            payments=sum(known) if len(known) == len(totals) else None,
        )

    def read(
        self, reading: OpenBackfill, plan: ReadingPlan, result: SyncResult, progress: Progress
    ) -> None:
        """
        All that the plan names.

        Raises:
            SyncIncomplete: the key may not read payments. What else it may not read is in
                `result.problems`.
            GatewayError: Stripe could not be asked to the end. What was read is kept.
        """
        with self._gateway.rebuilding():
            self._read(reading, plan, result, progress)

    def _read(
        self, reading: OpenBackfill, plan: ReadingPlan, result: SyncResult, progress: Progress
    ) -> None:
        self._backfill.read(reading.id, _LISTED, result, progress)
        self.recent(reading, result, progress)
        try:
            if plan.has_search:
                self._search.read(
                    reading.id, plan.installation, _horizon(reading), result, progress
                )
                self._search.read(reading.id, None, _horizon(reading), result, progress)
                self._find_older_installation(plan.installation)
                self._read_again(result)
                return
        except Unsearchable:
            pass  # It did a moment ago; then everything is listed after all.
        self.all_by_list(reading)
        self.recent(reading, result, progress)

    def _find_older_installation(self, ours: str) -> None:
        """Marks without an id are the oldest installation's: whether another one is older than ours."""
        with self._uow.read() as stores:
            oldest = stores.marks.oldest(ours)
        before = oldest if oldest is not None else epoch(self._clock()) + _DAY
        query = marked_by_others({ours}, created_before=before)
        if query is not None:
            self._search.sample(query)

    def _read_again(self, result: SyncResult) -> None:
        """What Search says is paid, and a try here is not: it decides nothing, the payment itself does."""
        with self._uow.read() as stores:
            outdated = stores.marks.outdated()
        for intent_id in outdated:
            asked_at_ms = epoch_ms(self._clock())
            try:
                intent = self._gateway.retrieve_payment_intent(intent_id)
            except Missing:
                continue
            with self._uow.write(in_bulk=True) as stores:
                result.payment_intents += record_payment_intents(
                    stores,
                    [intent],
                    synced_at_ms=asked_at_ms,
                    evidence=Evidence.PAYMENT_INTENT.value,
                )

    def _query(self, reading: OpenBackfill, installation: str | None) -> str:
        return marked(installation, created_from=0, created_before=_horizon(reading))


def _horizon(reading: OpenBackfill) -> int:
    """What was made before is searched for."""
    return reading.started_at - LISTED_SECONDS
