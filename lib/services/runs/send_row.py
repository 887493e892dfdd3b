"""One row of a run through the three phases of a charge (docs/decisions/004)."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from lib.clock import Clock, epoch
from lib.domain import payment_methods
from lib.domain.actors import Actor
from lib.domain.breaker import NOT_WRITTEN, RowResult, RunStop
from lib.domain.charges import IN_FLIGHT_SECONDS, Attempt, ChargeState, Outcome
from lib.domain.mirror import PaymentMethod
from lib.domain.runs import Finding, RowState, Run, RunRow, Severity
from lib.errors import Blocked, DecisionsRest, GatewayError, LedgerBehind, Refused, RuleViolation
from lib.services.charges.cancel_intents import IntentCanceller
from lib.services.charges.claim import RunClaim, claim_attempt
from lib.services.charges.orders import ChargeOrder
from lib.services.charges.review import attempts_of
from lib.services.charges.send import ChargeSender
from lib.services.runs.lease import Lease
from lib.services.runs.opened import opened
from lib.services.runs.row_queue import ChargedToday, over_day_limit
from lib.services.runs.waits import hand_over, order_of
from lib.services.staff import dual_approval
from lib.store.stores import Stores
from lib.store.unit_of_work import UnitOfWork

logger = logging.getLogger(__name__)

_OVER = "not executed by this process"
# Between looks whether a customer's other charge has ended.
_BUSY_SECONDS = 0.2


class _TriedBefore(Exception):
    def __init__(self, earlier_attempts: Mapping[str, Sequence[Attempt]]) -> None:
        super().__init__("tried before")
        self.tried = earlier_attempts


class _CustomerBusy(Exception):
    pass


class _MustRest(Exception):
    def __init__(self, stop: RunStop) -> None:
        super().__init__(stop.code)
        self.stop = stop


class RowSender:
    def __init__(
        self,
        uow: UnitOfWork,
        sender: ChargeSender,
        canceller: IntentCanceller,
        *,
        clock: Clock,
        livemode: bool,
    ) -> None:
        self._uow = uow
        self._sender = sender
        self._canceller = canceller
        self._clock = clock
        self._livemode = livemode
        # Of real time: whatever is in flight for longer has ended, and is being settled.
        self._patience = float(IN_FLIGHT_SECONDS)
        self._today = ChargedToday()

    def send(self, run: Run, row: RunRow, lease: Lease) -> RowResult | None:
        """
        Charge one row. None when nothing was sent: our own rules blocked it, or the lease is over.

        Safe to be killed anywhere: before the claim is committed nothing happened, and afterwards
        the attempt says what to find out.
        """
        order = order_of(row)
        try:
            if row.waits_for_card:
                self._hand_over(run, row, lease)
                return None
            try:
                attempt = self._claim(run, row, order, {}, lease)
            except _TriedBefore as before:
                # This is also the last look before the money moves.
                for charge_id, attempts in before.tried.items():
                    self._canceller.cancel_tries(charge_id, attempts)
                attempt = self._claim(run, row, order, before.tried, lease)
        except (LedgerBehind, DecisionsRest) as rests:
            # Of the whole ledger and not of this row, which is sent once that is over.
            return RowResult(Outcome.NOT_EXECUTED, stop=RunStop(rests.code, str(rests)))
        except (RuleViolation, Refused) as error:
            # Asked again, Stripe would refuse again to close the earlier payment.
            refusal = _finding(error)
            self._uow.submit(lambda stores: _block(stores, row, refusal)).result()
            return None
        except GatewayError as error:
            return RowResult(Outcome.NOT_EXECUTED, http_status=error.http_status)
        except _MustRest as rest:
            return RowResult(Outcome.NOT_EXECUTED, stop=rest.stop)
        if attempt is None:
            return None

        def commit(record: Callable[[Stores], None]) -> None:
            def with_row(stores: Stores) -> None:
                record(stores)
                _come_back(stores, row, attempt.charge_id)

            self._uow.submit(with_row).result()

        try:
            result = self._sender.send(attempt, commit=commit)
        except sqlite3.Error:
            logger.exception("the outcome of %s could not be written down", attempt.idempotency_key)
            return RowResult(Outcome.UNKNOWN, stop=NOT_WRITTEN)
        return RowResult(
            outcome=result.outcome,
            http_status=result.http_status,
            code=result.decline.code,
            is_blocked=self._sender.look_at_blocked(attempt, result),
        )

    def _hand_over(self, run: Run, row: RunRow, lease: Lease) -> None:
        """Raises as `_claim`."""
        by = Actor(run.submitted_by or run.created_by, "", frozenset())

        def wait(stores: Stores) -> None:
            if not stores.runs.has_lease(run.id, fence=lease.fence):
                lease.over.set()
                return
            now = epoch(self._clock())
            _must_not_rest(stores, run, now)
            hand_over(stores, run, row, by=by, now=now, livemode=self._livemode)

        self._uow.submit(wait).result()

    def _claim(
        self,
        run: Run,
        row: RunRow,
        order: ChargeOrder,
        earlier_attempts: Mapping[str, Sequence[Attempt]],
        lease: Lease,
    ) -> Attempt | None:
        """
        Phase 1. None when the run is not executed under this lease any more.

        Raises:
            _TriedBefore: `tried` is empty, and there are payments to close first.
            _MustRest: the run must stop: the limit of a day, or its approval.
        """
        by = Actor(run.submitted_by or run.created_by, "", frozenset())
        claim = RunClaim(run.id, row.number, lease.fence, row.charge_id, row.suffix)

        def claiming(stores: Stores) -> Attempt:
            if not earlier_attempts and (before := attempts_of(stores, order)):
                raise _TriedBefore(before)
            now = epoch(self._clock())
            _must_not_rest(stores, run, now)
            # Also with what others charged since this run was taken up.
            limits = stores.limits.all()
            if over_day_limit(run, row, limits, self._today.at_most(stores, now)):
                stop = over_day_limit(run, row, limits, self._today.exactly(stores, now))
                if stop is not None:
                    raise _MustRest(stop)
            return claim_attempt(
                stores,
                opened(stores, run, row, order),
                self._method(stores, row),
                earlier_attempts=earlier_attempts,
                by=by,
                now=now,
                stripe_time=self._sender.stripe_time,
                livemode=self._livemode,
                anchored=self._uow.anchor.head(),
                claim=claim,
            )

        try:
            return self._when_free(row, lease, claiming)
        except sqlite3.IntegrityError as error:
            if _OVER not in str(error):
                raise
            lease.over.set()
            return None

    def _when_free(
        self,
        row: RunRow,
        lease: Lease,
        claiming: Callable[[Stores], Attempt],
    ) -> Attempt | None:
        """
        One charge a customer at a time, whatever sends it: this run, another one, or a person.
        None when the run ended while waiting for that.
        """
        until = time.monotonic() + self._patience

        def alone(stores: Stores) -> Attempt:
            since = epoch(self._clock()) - IN_FLIGHT_SECONDS
            waits = time.monotonic() < until
            if waits and stores.runs.is_being_charged(row.customer or "", since=since):
                if not stores.runs.has_lease(row.run_id, fence=lease.fence):
                    # Perhaps the very executor that took it over is charging this customer.
                    lease.over.set()
                raise _CustomerBusy
            return claiming(stores)

        while True:
            try:
                return self._uow.submit(alone).result()
            except _CustomerBusy:
                lease.over.wait(_BUSY_SECONDS)
                if lease.is_over():
                    return None

    def _method(self, stores: Stores, row: RunRow) -> PaymentMethod:
        """As the mirror has it now; much may have changed since the approval."""
        customer = stores.mirror.customer(row.customer or "")
        method = stores.mirror.payment_method(row.payment_method or "")
        if customer is None or customer.is_deleted:
            raise Blocked("This customer was deleted at Stripe.", code="customer_deleted")
        if method is None or method.customer not in (None, customer.id):
            raise Blocked(
                "The payment method does not belong to this customer any more.",
                code="payment_method_not_usable",
            )
        problem = payment_methods.why_not_usable(method, stores.meta.today(epoch(self._clock())))
        if problem is not None:
            raise Blocked(
                f"{payment_methods.label(method)} cannot be charged: {problem}.",
                code="payment_method_not_usable",
            )
        return method


def _must_not_rest(stores: Stores, run: Run, now: int) -> None:
    """
    Raises:
        _MustRest: its approval does not stand.
    """
    rests = dual_approval.standing(stores, run, now=now).stop
    if rests is not None:
        raise _MustRest(rests)


def _come_back(stores: Stores, row: RunRow, charge_id: str) -> None:
    """What Stripe did not take is sent again."""
    charge = stores.charges.find(charge_id)
    if charge is not None and charge.state is ChargeState.PLANNED:
        stores.run_rows.mark(row.run_id, row.number, before=RowState.SENT, after=RowState.PLANNED)


def _finding(error: RuleViolation | Refused) -> Finding:
    finding = Finding(error.code, Severity.RED, str(error))
    if isinstance(error, Blocked):
        return replace(finding, reason=error.reason, not_before=error.not_before)
    return finding


def _block(stores: Stores, row: RunRow, refusal: Finding) -> None:
    stores.run_rows.mark(
        row.run_id,
        row.number,
        before=RowState.PLANNED,
        after=RowState.BLOCKED,
        findings=(*row.findings, refusal),
    )
