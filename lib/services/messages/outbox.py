"""The outbox as people look after it: pause, cancel, release, decide what nobody knows."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from lib.clock import Clock, epoch
from lib.domain.actors import Actor, Permission
from lib.domain.outbox import MessageState, OutboxMessage
from lib.errors import NotFound, StaleState
from lib.services.messages.settle import settle_message
from lib.store.meta import MAIL_TROUBLE, OUTBOX_HELD, OUTBOX_PAUSED
from lib.store.stores import Stores
from lib.store.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class MailTrouble:
    """Why nothing leaves, whichever message it is."""

    reason: str
    at: int
    tries: int
    next_try_at: int

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def of(cls, stores: Stores) -> MailTrouble | None:
        text = stores.meta.value(MAIL_TROUBLE)
        return None if text is None else cls(**json.loads(text))


@dataclass(frozen=True, slots=True)
class OutboxStatus:
    counts: dict[MessageState, int]
    paused_by: str | None
    held_since: int | None
    trouble: MailTrouble | None


class OutboxService:
    def __init__(self, uow: UnitOfWork, *, clock: Clock) -> None:
        self._uow = uow
        self._clock = clock

    def status(self) -> OutboxStatus:
        with self._uow.read() as stores:
            held = stores.meta.value(OUTBOX_HELD)
            return OutboxStatus(
                counts=stores.outbox.counts(),
                paused_by=stores.meta.value(OUTBOX_PAUSED),
                held_since=None if held is None else int(held),
                trouble=MailTrouble.of(stores),
            )

    def show(self, message_id: str) -> OutboxMessage:
        with self._uow.read() as stores:
            message = stores.outbox.find(message_id)
        if message is None:
            raise NotFound("There is no such message.")
        return message

    def of_link(self, link_id: str) -> list[OutboxMessage]:
        """Newest first."""
        with self._uow.read() as stores:
            return stores.outbox.of_link(link_id)

    def listing(
        self,
        states: Sequence[MessageState] = (),
        *,
        before: tuple[int, str] | None = None,
        limit: int = 50,
    ) -> list[OutboxMessage]:
        """Newest first; `before` the time and the id of the page before's last one."""
        with self._uow.read() as stores:
            return stores.outbox.listing(states, before=before, limit=limit)

    def pause(self, *, by: Actor) -> None:
        """Nothing leaves until somebody goes on; what is being handed over ends first."""
        by.must(Permission.MANAGE_LINKS)
        with self._uow.write() as stores:
            stores.meta.set(OUTBOX_PAUSED, by.username)
            self._note(stores, "outbox.pause", "outbox", by=by)

    def go_on(self, *, by: Actor) -> None:
        by.must(Permission.MANAGE_LINKS)
        with self._uow.write() as stores:
            stores.meta.clear(OUTBOX_PAUSED)
            self._note(stores, "outbox.go_on", "outbox", by=by)

    def try_now(self, *, by: Actor) -> None:
        """The server is asked again at once, after somebody mended what was wrong."""
        by.must(Permission.MANAGE_LINKS)
        with self._uow.write() as stores:
            stores.meta.clear(MAIL_TROUBLE)

    def release(self, *, by: Actor) -> None:
        """
        Let messages leave again after an older database was put back. What stands as “perhaps sent”
        stays so until somebody decides on it.

        Raises:
            StaleState: nothing holds it.
        """
        by.must(Permission.MANAGE_LINKS)
        with self._uow.write() as stores:
            held = stores.meta.value(OUTBOX_HELD)
            if held is None:
                raise StaleState("Nothing holds the outbox: somebody released it a moment ago.")
            stores.meta.clear(OUTBOX_HELD)
            self._note(stores, "outbox.release", "outbox", by=by, since=int(held))

    def cancel(self, message_ids: Sequence[str], *, by: Actor) -> int:
        """How many were cancelled; what is on its way or gone is not."""

        def cancel(stores: Stores, message_id: str) -> bool:
            return stores.outbox.settle(
                message_id, MessageState.CANCELLED, reply=None, at=self._now()
            )

        return self._each(message_ids, cancel, "message.cancel", by=by)

    def decide(self, message_ids: Sequence[str], *, was_sent: bool, by: Actor) -> int:
        """
        Of messages that stand as “perhaps sent”: it went, or it is sent now; how many.

        `was_sent` False may send it a second time, which is for a person to say.
        """

        def settle(stores: Stores, message_id: str) -> bool:
            if was_sent:
                words = f"{by.name} said that it was sent."
                return settle_message(
                    stores, message_id, MessageState.SENT, reply=words, at=self._now()
                )
            return stores.outbox.settle(message_id, MessageState.WAITING, reply=None, at=None)

        action = "message.was_sent" if was_sent else "message.send_again"
        return self._each(message_ids, settle, action, by=by)

    def _each(
        self,
        message_ids: Sequence[str],
        act: Callable[[Stores, str], bool],
        action: str,
        *,
        by: Actor,
    ) -> int:
        by.must(Permission.MANAGE_LINKS)
        done = 0
        with self._uow.write() as stores:
            for message_id in message_ids:
                if act(stores, message_id):
                    self._note(stores, action, message_id, by=by)
                    done += 1
        return done

    def _note(
        self, stores: Stores, action: str, subject: str, *, by: Actor, **detail: object
    ) -> None:
        stores.audit.record(
            at=self._now(), actor=by.username, action=action, subject=subject, detail=detail
        )

    def _now(self) -> int:
        return epoch(self._clock())
