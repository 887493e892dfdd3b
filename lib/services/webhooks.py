"""The webhook inbox: verify, store, answer; the worker then asks Stripe and mirrors the answer."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from lib.clock import Clock, epoch
from lib.domain.charges import Evidence
from lib.domain.mirror import Event
from lib.errors import Missing, OnfileError
from lib.services.refreshing import Refresher
from lib.store.deliveries import Delivery
from lib.store.unit_of_work import UnitOfWork
from lib.stripe_gateway import webhooks

# A failed delivery is tried again after these, then left for a person: Stripe itself gives up
# after three days, and by then the regular sync has seen the object anyway.
_RETRY_SECONDS = (30, 120, 600, 3600, 6 * 3600, 24 * 3600)

HANDLED_PREFIXES = (
    "checkout.session.",
    "setup_intent.",
    "payment_method.",
    "payment_intent.",
    "customer.created",
    "customer.updated",
    "customer.deleted",
)


class NotConfigured(OnfileError):
    """No webhook secret is configured, so nothing can be verified."""

    code = "webhook_not_configured"


class WebhookService:
    def __init__(
        self, uow: UnitOfWork, refresher: Refresher, *, clock: Clock, secrets: tuple[str, ...],
        livemode: bool,
    ) -> None:  # fmt: skip
        self._uow = uow
        self._refresher = refresher
        self._clock = clock
        self._secrets = secrets
        self._livemode = livemode

    @property
    def is_configured(self) -> bool:
        return bool(self._secrets)

    def receive(self, payload: bytes, signature: str | None) -> bool:
        """
        Store a delivery; False when this event is known already. Nothing is processed here.

        Raises:
            NotConfigured, InvalidSignature
        """
        if not self._secrets:
            raise NotConfigured
        now = epoch(self._clock())
        verified = webhooks.verify(payload, signature, self._secrets, now=now)
        event = verified.event
        wanted = event.livemode == self._livemode and event.type.startswith(HANDLED_PREFIXES)
        with self._uow.write() as stores:
            return stores.deliveries.add(
                event, received_at=now, signature_age=verified.signature_age,
                state="received" if wanted else "ignored",
            )  # fmt: skip

    def take_listed(self, events: Sequence[Event]) -> int:
        """Put events that Stripe listed into the same inbox; returns how many were new."""
        now = epoch(self._clock())
        with self._uow.write() as stores:
            return sum(
                stores.deliveries.add(event, received_at=now, signature_age=0, state="received")
                for event in events
                if event.livemode == self._livemode and event.type.startswith(HANDLED_PREFIXES)
            )

    def process_due(self) -> int:
        """Work through the inbox; a delivery that fails is kept with its reason and never blocks others."""
        with self._uow.read() as stores:
            due = stores.deliveries.due(now=epoch(self._clock()))
        for delivery in due:
            self._process(delivery)
        return len(due)

    def _process(self, delivery: Delivery) -> None:
        try:
            self._mirror(delivery)
        except (
            OnfileError, KeyError, TypeError, ValueError, OverflowError, sqlite3.IntegrityError,
        ) as error:  # fmt: skip
            # One malformed or refused object must not stop the others; the reason is kept.
            self._postpone(delivery, error)
        else:
            with self._uow.write() as stores:
                stores.deliveries.finish(
                    delivery.event_id, state="processed", at=epoch(self._clock())
                )

    def _postpone(self, delivery: Delivery, error: Exception) -> None:
        now = epoch(self._clock())
        last = delivery.tries >= len(_RETRY_SECONDS)
        reason = f"{type(error).__name__}: {error}"
        with self._uow.write() as stores:
            stores.deliveries.fail(
                delivery.event_id,
                error=reason,
                next_try_at=None if last else now + _RETRY_SECONDS[delivery.tries],
            )

    def _mirror(self, delivery: Delivery) -> None:
        """Ask Stripe for the object as it is now: the event may be old, and order is not kept."""
        object_id = delivery.object_id or ""
        kind = delivery.type
        try:
            if kind.startswith("checkout.session."):
                self._refresher.session(object_id)
            elif kind.startswith("setup_intent."):
                self._refresher.setup_intent(object_id)
            elif kind == "payment_method.detached":
                self._refresher.forget_payment_method(object_id)
            elif kind.startswith("payment_method."):
                self._refresher.payment_method(object_id)
            elif kind.startswith("payment_intent."):
                self._refresher.payment_intent(object_id, evidence=Evidence.EVENT)
            elif kind.startswith("customer."):
                self._refresher.customer(object_id)
        except Missing:
            # It vanished between the event and our question: that is an answer, too.
            if kind.startswith("payment_method."):
                self._refresher.forget_payment_method(object_id)
            elif kind.startswith("customer."):
                self._refresher.forget_customer(object_id)
