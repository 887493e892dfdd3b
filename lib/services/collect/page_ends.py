"""Ends pages at Stripe whose links were revoked together: a request each, by the worker, as fast as Stripe allows."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress

from lib.clock import Clock, epoch, epoch_ms
from lib.domain.mirror import SessionBundle
from lib.errors import GatewayError, Missing, Refused
from lib.services.mirror.apply import record_bundles
from lib.store.unit_of_work import UnitOfWork
from lib.stripe_gateway.gateway import StripeGateway

logger = logging.getLogger(__name__)

_AT_ONCE = 50
_PAUSE_SECONDS = 60


def end_page(gateway: StripeGateway, session_id: str) -> SessionBundle:
    """Only an open page can be ended: what it is instead comes back, and counts."""
    try:
        return gateway.expire_session(session_id, idempotency_key=f"onfile:expire:{session_id}")
    except Refused:
        return gateway.retrieve_session(session_id)


class PageEnds:
    def __init__(self, uow: UnitOfWork, gateway: StripeGateway, *, clock: Clock) -> None:
        self._uow = uow
        self._gateway = gateway
        self._clock = clock

    def waiting(self) -> int:
        """How many pages at Stripe are still to be ended."""
        with self._uow.read() as stores:
            return stores.page_ends.waiting()

    def end_due(self, *, should_stop: Callable[[], bool] = lambda: False) -> int:
        """
        Returns how many were ended. What a customer finished before counts as saved.

        Asked again after a death, Stripe ends a page once, or says that it has ended.
        """
        if not self.waiting():
            return 0
        with self._uow.write() as stores:
            stores.page_ends.expire(now=self._now())
        ended = 0
        while not should_stop():
            with self._uow.read() as stores:
                due = stores.page_ends.due(now=self._now(), limit=_AT_ONCE)
            if not due:
                break
            for session_id in due:
                if should_stop():
                    break
                try:
                    self._end(session_id)
                except GatewayError as error:
                    logger.warning("pages at Stripe cannot be ended now: %s", error)
                    with self._uow.write() as stores:
                        stores.page_ends.postpone(until=self._now() + _PAUSE_SECONDS)
                    return ended
                ended += 1
        return ended

    def _end(self, session_id: str) -> None:
        asked_at_ms = epoch_ms(self._clock())
        bundle: SessionBundle | None = None
        with suppress(Missing):
            bundle = end_page(self._gateway, session_id)
        with self._uow.write() as stores:
            if bundle is not None:
                record_bundles(stores, [bundle], synced_at_ms=asked_at_ms)
            stores.page_ends.end(session_id, at=self._now())

    def _now(self) -> int:
        return epoch(self._clock())
