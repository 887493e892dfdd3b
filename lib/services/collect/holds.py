"""
The do-not-charge switch: set by one person, lifted by another, and written to the customer at Stripe.

The row counts from its commit on; the request comes after it, and the worker repeats what failed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from lib.clock import Clock, epoch, epoch_ms
from lib.domain.actors import Actor, Permission
from lib.domain.holds import METADATA_KEY, Hold, clean_reason, written
from lib.errors import GatewayError, Missing, NotPermitted, StaleState
from lib.ids import new_id
from lib.services.collect.customers import CustomerService
from lib.services.staff.dual_approval import why_not_two
from lib.store.holds import HoldWrite
from lib.store.unit_of_work import UnitOfWork
from lib.stripe_gateway.gateway import StripeGateway

logger = logging.getLogger(__name__)

_RETRY_SECONDS = (10, 30, 120, 600, 3600)
_AT_ONCE = 20


class HoldService:
    def __init__(
        self, uow: UnitOfWork, gateway: StripeGateway, customers: CustomerService, *, clock: Clock
    ) -> None:
        self._uow = uow
        self._gateway = gateway
        self._customers = customers
        self._clock = clock

    def of(self, customer_id: str) -> list[Hold]:
        """All that ever was, newest first."""
        with self._uow.read() as stores:
            return stores.holds.of([customer_id])

    def covering(self, customer_id: str) -> Hold | None:
        """Why nothing is charged: a hold of this customer, or of one with the same address."""
        with self._uow.read() as stores:
            return stores.holds.covering([customer_id]).get(customer_id)

    def newest(self, *, limit: int = 1000) -> list[Hold]:
        """Those that are on."""
        with self._uow.read() as stores:
            return stores.holds.newest(limit=limit)

    def waiting(self, customer_id: str) -> HoldWrite | None:
        """What Stripe has yet to be told; None when it says what is true here."""
        with self._uow.read() as stores:
            return stores.holds.waiting(customer_id)

    def set(self, customer_id: str, *, reason: str, by: Actor) -> Hold:
        """
        From the commit on nothing is charged to this customer, whatever was planned.

        Raises:
            NotPermitted: neither an operator nor an approver.
            InvalidInput: no reason.
            NotFound: Stripe has no such customer.
            StaleState: it is set already.
        """
        by.must(Permission.HOLD)
        why = clean_reason(reason)
        customer = self._customers.get(customer_id)
        now = epoch(self._clock())
        hold = Hold(new_id("hld"), customer.id, why, by.username, now)
        with self._uow.write() as stores:
            earlier = stores.holds.open_of(customer.id)
            if earlier:
                raise StaleState(
                    f"Charges of this customer are stopped already: “{earlier[0].reason}”."
                )
            stores.holds.add(hold)
            stores.holds.want_write(customer.id, at=now)
            stores.audit.record(
                at=now,
                actor=by.username,
                action="customer.hold",
                subject=customer.id,
                detail={"hold": hold.id, "reason": why},
            )
        self._write(customer.id)
        return hold

    def lift(self, customer_id: str, *, reason: str, by: Actor) -> list[Hold]:
        """
        The customer may be charged again; what was stopped meanwhile stays stopped. Returns what was lifted.

        Raises:
            NotPermitted: neither an operator nor an approver, or whoever set it.
            InvalidInput: no reason.
            StaleState: it is not set.
        """
        by.must(Permission.HOLD)
        why = clean_reason(reason)
        now = epoch(self._clock())
        with self._uow.write() as stores:
            holds = stores.holds.open_of(customer_id)
            if not holds:
                raise StaleState("Nobody stopped the charges of this customer, or not any more.")
            if by.is_system or any(one.set_by == by.username for one in holds):
                raise NotPermitted(
                    "You stopped the charges of this customer, so somebody else has to lift that."
                )
            refusal = why_not_two(stores, by, {one.set_by for one in holds}, now=now)
            if refusal is not None:
                raise refusal
            for hold in holds:
                stores.holds.lift(hold.id, by=by.username, reason=why, at=now)
                stores.audit.record(
                    at=now,
                    actor=by.username,
                    action="customer.release",
                    subject=customer_id,
                    detail={"hold": hold.id, "set_by": hold.set_by, "reason": why},
                )
            stores.holds.want_write(customer_id, at=now)
        self._write(customer_id)
        return holds

    def write_due(self, *, should_stop: Callable[[], bool] = lambda: False) -> int:
        """
        For the worker: tell Stripe what it has yet to be told; returns how many it was told of. Stripe's own word is
        read first: in an older copy of the database a lift may wait while somebody has stopped the charges since.
        """
        with self._uow.read() as stores:
            due = stores.holds.due(now=epoch(self._clock()), limit=_AT_ONCE)
        return sum(self._write(customer, looks_first=True) for customer in due if not should_stop())

    def _write(self, customer_id: str, *, looks_first: bool = False) -> bool:
        """False where it has to be tried again; the row says why."""
        # Before the write is claimed: what is read may ask for one itself.
        unread = self._unread(customer_id) if looks_first else None
        now = epoch(self._clock())
        with self._uow.write() as stores:
            write = stores.holds.claim_write(customer_id, now=now)
        if write is None:
            return False
        if unread is not None:
            self._postpone(write, unread)
            return False
        # Another key each time: the same twice does no harm, and a saved error would stay for a day.
        key = f"onfile:{new_id('hold')}"
        try:
            shown = self._shown(customer_id)
            if shown is None:
                return False
            self._gateway.update_customer(
                customer_id, {"metadata": {METADATA_KEY: written(shown)}}, idempotency_key=key
            )
        except Missing:
            # Deleted at Stripe: there is nobody to charge, and nothing to write on.
            pass
        except GatewayError as error:
            self._postpone(write, error)
            return False
        with self._uow.write() as stores:
            if stores.holds.end_write(write):
                stores.holds.confirm_lifts(customer_id, at_ms=epoch_ms(self._clock()))
        return True

    def _unread(self, customer_id: str) -> GatewayError | None:
        """Why Stripe's word about the customer could not be read; None when it was."""
        try:
            self._customers.refresh(customer_id)
        except Missing:
            return None
        except GatewayError as error:
            return error
        return None

    def _shown(self, customer_id: str) -> Hold | None:
        """What Stripe is told of: the one that is open, else the one that was lifted last."""
        with self._uow.read() as stores:
            holds = stores.holds.of([customer_id])
        lifted = sorted(holds, key=lambda one: one.lifted_at or 0, reverse=True)
        return next((one for one in holds if one.is_open), next(iter(lifted), None))

    def _postpone(self, write: HoldWrite, error: GatewayError) -> None:
        logger.warning("Stripe could not be told of %s: %s", write.customer, error)
        wait = _RETRY_SECONDS[min(write.tries, len(_RETRY_SECONDS)) - 1]
        with self._uow.write() as stores:
            stores.holds.fail_write(
                write, error=str(error), next_try_at=epoch(self._clock()) + wait
            )
