"""The webhook inbox: verify, store, answer; the worker then asks Stripe and mirrors the answer."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future

from lib.clock import Clock, epoch
from lib.domain.actors import Actor, Permission
from lib.domain.mirror import Event, SessionBundle
from lib.errors import Blocked, InvalidInput, Missing, NotFound, OnfileError, UnreadableObject
from lib.services.mirror.event_types import (
    EVENT_FAMILIES,
    LEFT_OUT,
    OTHER_PURPOSE,
    VANISHED,
    family_of,
    why_ignored,
)
from lib.services.mirror.refetch import Refetcher
from lib.services.mirror.unreadable import note_unreadable
from lib.store.deliveries import Delivery
from lib.store.unit_of_work import UnitOfWork
from lib.stripe_gateway import webhooks
from lib.stripe_gateway.lists import Unreadable

logger = logging.getLogger(__name__)

# A failed delivery is tried again after these, then left for a person: Stripe itself gives up
# after three days, and by then the regular sync has seen the object anyway.
_RETRY_SECONDS = (30, 120, 600, 3600, 6 * 3600, 24 * 3600)
# For so long nobody else takes what was claimed. Work on a batch ends well before: one request
# that is repeated to the end takes a minute.
_LEASE_SECONDS = 300
_BATCH_SECONDS = 120


class NotConfigured(OnfileError):
    """No webhook secret is configured, so nothing can be verified."""

    code = "webhook_not_configured"


class WebhookService:
    def __init__(
        self,
        uow: UnitOfWork,
        refetcher: Refetcher,
        *,
        clock: Clock,
        secrets: tuple[str, ...],
        livemode: bool,
    ) -> None:
        self._uow = uow
        self.refetcher = refetcher
        self._clock = clock
        self._secrets = secrets
        self._livemode = livemode

    @property
    def is_configured(self) -> bool:
        return bool(self._secrets)

    def receive(self, payload: bytes, signature: str | None) -> Future[bool]:
        """
        Store a delivery, without waiting for it; nothing is processed here.

        Done when it is safe: False when this event was known already; sqlite3.Error when it could
        not be stored, so that Stripe must send it again.

        Raises:
            NotConfigured, InvalidSignature: at once; nothing will be stored.
        """
        if not self._secrets:
            raise NotConfigured
        now = epoch(self._clock())
        verified = webhooks.verify(payload, signature, self._secrets, now=now)
        note = why_ignored(verified.event, livemode=self._livemode)
        return self._uow.submit(
            lambda stores: stores.deliveries.add(
                verified.event,
                received_at=now,
                signature_age=verified.signature_age,
                state="ignored" if note else "received",
                note=note,
                by_webhook=True,
            )
        )

    def take_listed(self, events: Sequence[Event]) -> int:
        """Put events that Stripe listed into the same inbox; returns how many were new."""
        now = epoch(self._clock())
        with self._uow.write(in_bulk=True) as stores:
            return sum(
                stores.deliveries.add(event, received_at=now, signature_age=0, state="received")
                for event in events
                if why_ignored(event, livemode=self._livemode) is None
            )

    def newest(self) -> int:
        """The place in the inbox of what came last."""
        with self._uow.read() as stores:
            return stores.deliveries.newest()

    def process_due(
        self, *, until: int | None = None, should_stop: Callable[[], bool] = lambda: False
    ) -> int:
        """
        Work through one batch of the inbox, as far as the place `until`; returns how many deliveries were in it.

        A delivery that fails is kept with its reason and never blocks others. Several about one
        object need one request. What `should_stop` leaves undone is due again at once. Under a key of
        another account everything stays in the inbox.
        """
        if not self.refetcher.may_ask():
            return 0
        began = epoch(self._clock())
        with self._uow.write(in_bulk=True) as stores:
            claimed = stores.deliveries.claim(
                now=began, waits=_RETRY_SECONDS, lease=_LEASE_SECONDS, until=until
            )
        waiting = _by_object(claimed)
        try:
            while waiting and not should_stop():
                if epoch(self._clock()) - began > _BATCH_SECONDS:
                    break
                self._process(waiting.pop(0))
        finally:
            left = [delivery for group in waiting for delivery in group]
            if left:
                with self._uow.write(in_bulk=True) as stores:
                    stores.deliveries.release(left, now=epoch(self._clock()))
        return len(claimed)

    def thin(self) -> int:
        """How many of the newest deliveries were thin events."""
        with self._uow.read() as stores:
            return stores.deliveries.thin()

    def replay(self, event_id: str, *, by: Actor) -> None:
        """
        Have a delivery processed again, as if it had just arrived.

        Raises:
            NotFound, NotPermitted
            Blocked: it was never for us, so there is nothing to do again.
        """
        by.must(Permission.SYNC)
        with self._uow.write(in_bulk=True) as stores:
            delivery = stores.deliveries.find(event_id)
            if delivery is None:
                raise NotFound("There is no such delivery here.")
            if delivery.state == "ignored":
                raise Blocked(
                    "Onfile does not need this event, so there is nothing to replay.",
                    code="delivery_ignored",
                )
            stores.deliveries.replay(event_id)
            stores.audit.record(
                at=epoch(self._clock()),
                actor=by.username,
                action="webhook.replay",
                subject=event_id,
                detail={"type": delivery.type, "object": delivery.object_id, "was": delivery.state},
            )

    def replay_all(self, *, by: Actor) -> int:
        """The same for every delivery that was given up; returns how many there were."""
        by.must(Permission.SYNC)
        with self._uow.write(in_bulk=True) as stores:
            count = stores.deliveries.replay_given_up()
            if count:
                stores.audit.record(
                    at=epoch(self._clock()),
                    actor=by.username,
                    action="webhook.replay",
                    subject="given_up",
                    detail={"deliveries": count},
                )
        return count

    def _process(self, group: Sequence[Delivery]) -> None:
        try:
            note = self._mirror(group)
        except (InvalidInput, UnreadableObject) as error:
            # Asking again brings the same answer: it is told once, and not tried for a day.
            note = LEFT_OUT
            self._leave_out(group[0], error)
        except Exception as error:
            # Whatever it is, it must not stop the others; the reason is kept.
            if not isinstance(error, OnfileError):
                logger.warning("a delivery could not be processed", exc_info=True)
            self._postpone(group, error)
            return
        now = epoch(self._clock())
        state = "ignored" if note == OTHER_PURPOSE else "processed"
        with self._uow.write(in_bulk=True) as stores:
            for delivery in group:
                stores.deliveries.finish(delivery, state=state, note=note, at=now)

    def _leave_out(self, delivery: Delivery, error: OnfileError) -> None:
        odd = Unreadable(
            delivery.object_id or delivery.event_id, delivery.object_type or "object", str(error)
        )
        with self._uow.write(in_bulk=True) as stores:
            note_unreadable(stores, [odd], at=epoch(self._clock()))

    def _postpone(self, group: Sequence[Delivery], error: Exception) -> None:
        now = epoch(self._clock())
        reason = f"{type(error).__name__}: {error}"
        with self._uow.write(in_bulk=True) as stores:
            for delivery in group:
                last = delivery.tries > len(_RETRY_SECONDS)
                stores.deliveries.fail(
                    delivery,
                    error=reason,
                    next_try_at=None if last else now + _RETRY_SECONDS[delivery.tries - 1],
                )

    def _mirror(self, group: Sequence[Delivery]) -> str | None:
        """
        Ask Stripe for the object as it is now: the events may be old, and order is not kept.

        Returns a note where the answer was not simply mirrored.
        """
        object_id = group[0].object_id or ""
        name = _kind(group[0])
        if name is None:
            # Written by a release that knew more types, or put there by hand.
            raise ValueError(f"nothing to ask for: {group[0].type}")
        kind = EVENT_FAMILIES[name]
        if kind.forget is not None and any(delivery.type in kind.gone for delivery in group):
            kind.forget(self.refetcher, object_id)
            return None
        if all(delivery.type in kind.begins for delivery in group) and kind.knows(
            self.refetcher, object_id
        ):
            return None
        try:
            answer = kind.refresh(self.refetcher, object_id)
        except Missing:
            # It vanished between the event and our question: that is an answer, too.
            if kind.forget is not None:
                kind.forget(self.refetcher, object_id)
            return VANISHED
        if isinstance(answer, SessionBundle) and answer.session.mode != "setup":
            return OTHER_PURPOSE
        return None


def _kind(delivery: Delivery) -> str | None:
    return family_of(delivery.type, delivery.object_type)


def _by_object(claimed: Iterable[Delivery]) -> list[list[Delivery]]:
    """Deliveries about one object together, in the order of the first of each."""
    groups: dict[tuple[str | None, str | None], list[Delivery]] = {}
    for delivery in claimed:
        groups.setdefault((_kind(delivery), delivery.object_id), []).append(delivery)
    return list(groups.values())
