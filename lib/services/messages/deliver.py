"""
Delivery: hands over what waits in the outbox, one message after the other over one connection.

Right before a message's text is given it is written down that it is given, and right after it what the
server said. Whoever dies in between leaves a message of which nobody knows; everything else is known.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from lib.clock import Clock, epoch
from lib.domain.links import LinkStatus
from lib.domain.messages import MessageKind
from lib.domain.outbox import MessageState, OutboxMessage, pause_after, server_pause
from lib.errors import LedgerBehind
from lib.mail.mailer import Connection, Letter, LetterRefused, LostContact, Mailer, ServerTrouble
from lib.services.collect.sender import SenderService
from lib.services.continuity.completeness import Completeness
from lib.services.messages.compose import MessageComposer
from lib.services.messages.outbox import MailTrouble
from lib.services.messages.settle import settle_message
from lib.store.folder_lock import alone_at
from lib.store.meta import MAIL_TROUBLE, OUTBOX_HELD, OUTBOX_PAUSED
from lib.store.stores import Stores
from lib.store.unit_of_work import UnitOfWork

logger = logging.getLogger(__name__)

_AT_ONCE = 100
_MINUTE = 60
_BY = "system"
_LINK_ENDED = "Its link ended before it left."
_NOT_CHARGED = "Its customer must not be charged any more."
_DIED = "Onfile ended while the server was given the message, before its reply was written down."


class OutboxDelivery:
    def __init__(
        self,
        uow: UnitOfWork,
        mailer: Mailer | None,
        completeness: Completeness,
        senders: SenderService,
        composer: MessageComposer,
        *,
        clock: Clock,
        folder: Path,
        mail_from: str,
        per_minute: int,
    ) -> None:
        """`mailer` None: there is no server, and nothing waits."""
        self._uow = uow
        self._mailer = mailer
        self._completeness = completeness
        self._senders = senders
        self._composer = composer
        self._clock = clock
        self._folder = folder
        self._from = mail_from
        self._per_minute = per_minute

    def send_due(self, *, should_stop: Callable[[], bool] = lambda: False) -> int:
        """
        Everything that is due, as far as the rate allows; how many were handed over.

        One process at a time does it, whoever comes first. What a process that died left half done
        becomes “perhaps sent”.
        """
        if self._mailer is None or not self._has_work():
            return 0
        with alone_at(self._folder, "outbox") as is_alone:
            if not is_alone:
                return 0
            self._take_over()
            try:
                self._completeness.must_be_this_file()
            except LedgerBehind:
                return 0
            return self._send(self._mailer, should_stop)

    def _has_work(self) -> bool:
        """Most looks end here."""
        with self._uow.read() as stores:
            return bool(
                stores.outbox.orphans() or (self._may_go(stores) and self._due(stores, limit=1))
            )

    def _may_go(self, stores: Stores) -> bool:
        if stores.meta.value(OUTBOX_HELD) or stores.meta.value(OUTBOX_PAUSED):
            return False
        trouble, now = MailTrouble.of(stores), self._now()
        # Put ahead by a clock that was wrong, it counts no more.
        return trouble is None or not now < trouble.next_try_at <= now + server_pause(trouble.tries)

    def _due(self, stores: Stores, *, limit: int) -> list[OutboxMessage]:
        now = self._now()
        left = self._per_minute - stores.outbox.handed_over_since(now - _MINUTE, now=now)
        return stores.outbox.due(now=now, limit=min(limit, left)) if left > 0 else []

    def _take_over(self) -> None:
        """Nobody else hands anything over: whoever did has died."""
        with self._uow.write() as stores:
            for message_id in stores.outbox.orphans():
                self._settle(stores, message_id, MessageState.PERHAPS_SENT, _DIED)

    def _send(self, mailer: Mailer, should_stop: Callable[[], bool]) -> int:
        with self._uow.read() as stores:
            due = self._due(stores, limit=_AT_ONCE) if self._may_go(stores) else []
        if not due:
            return 0
        handed_over = 0
        try:
            with mailer.connection() as connection:
                for number, message in enumerate(due):
                    if should_stop():
                        break
                    handed_over += self._one(connection, message, mailer)
                    if number == 0:
                        # Not before: a server may take the connection and no letter.
                        self._forget_trouble()
        except ServerTrouble as error:
            self._note_trouble(str(error))
        return handed_over

    def _one(self, connection: Connection, message: OutboxMessage, mailer: Mailer) -> bool:
        letter = self._letter(message)
        try:
            connection.offer(letter)
        except LetterRefused as refusal:
            self._refused(message, refusal)
            return False
        given = self._hand_over(message)
        if given is None:
            connection.withdraw()
            return False
        try:
            reply = connection.give(letter)
        except LetterRefused as refusal:
            self._refused(given, refusal)
            return False
        except LostContact as error:
            self._end(message, MessageState.PERHAPS_SENT, str(error))
            raise ServerTrouble(str(error)) from error
        self._end(
            message, MessageState.WOULD_SEND if mailer.is_practice else MessageState.SENT, reply
        )
        return True

    def _hand_over(self, message: OutboxMessage) -> OutboxMessage | None:
        """
        The message as it stands while it is handed over; None when it must not go, or not as it was
        read: a person may have cancelled it and asked for it again, with other words to another address.
        """
        with self._uow.write() as stores:
            if not self._may_go(stores) or stores.outbox.find(message.id) != message:
                return None
            why = self._why_untrue(stores, message)
            if why is not None:
                self._settle(stores, message.id, MessageState.CANCELLED, why)
                return None
            if not stores.outbox.hand_over(message.id, at=self._now()):
                return None
            # Its end is anchored outside the file, which tells an older copy of it.
            self._audit(stores, "message.hand_over", message.id, to=message.customer)
            return stores.outbox.find(message.id)

    def _why_untrue(self, stores: Stores, message: OutboxMessage) -> str | None:
        """Why what it says is not so any more: its link has ended, or no charge is made that it announces."""
        charged = message.customer if message.kind is MessageKind.ANNOUNCEMENT else None
        if message.link_id is not None and message.kind is not MessageKind.THANKS:
            link = stores.links.find(message.link_id)
            if link is None or link.status(self._now()) is not LinkStatus.OPEN:
                return _LINK_ENDED
            if link.charge_id and stores.waiting_charges.still([link.charge_id]):
                charged = link.customer
        if charged and stores.holds.covering([charged]):
            return _NOT_CHARGED
        return None

    def _refused(self, message: OutboxMessage, refusal: LetterRefused) -> None:
        now = self._now()
        pause = (
            None
            if refusal.is_final
            else pause_after(message.tries + 1, requested_at=message.requested_at, now=now)
        )
        with self._uow.write() as stores:
            if stores.outbox.find(message.id) != message:
                return  # What is asked for by now is another letter, or none.
            if pause is None:
                self._settle(stores, message.id, MessageState.FAILED, str(refusal))
            else:
                stores.outbox.postpone(message.id, reply=str(refusal), until=now + pause)

    def _end(self, message: OutboxMessage, state: MessageState, reply: str) -> None:
        with self._uow.write() as stores:
            self._settle(stores, message.id, state, reply)

    def _settle(self, stores: Stores, message_id: str, state: MessageState, reply: str) -> None:
        if settle_message(stores, message_id, state, reply=reply, at=self._now()):
            # Without the server's words, which may name the customer: the log forgets nothing.
            self._audit(stores, f"message.{state}", message_id)

    def _letter(self, message: OutboxMessage) -> Letter:
        sender = self._senders.sender()
        return Letter(
            id=message.id,
            sender=self._from,
            sender_name=sender.company,
            address=message.address,
            name=message.name,
            reply_to=sender.contact if "@" in sender.contact else None,
            language=message.language,
            subject=message.subject,
            text=message.body,
            html=self._composer.html(message),
            at=self._clock(),
        )

    def _note_trouble(self, reason: str) -> None:
        logger.warning("mail cannot be sent: %s", reason)
        now = self._now()
        with self._uow.write() as stores:
            before = MailTrouble.of(stores)
            tries = before.tries + 1 if before else 1
            trouble = MailTrouble(reason, now, tries, now + server_pause(tries))
            stores.meta.set(MAIL_TROUBLE, trouble.to_json())

    def _forget_trouble(self) -> None:
        with self._uow.read() as stores:
            if stores.meta.value(MAIL_TROUBLE) is None:
                return
        with self._uow.write() as stores:
            stores.meta.clear(MAIL_TROUBLE)

    def _audit(self, stores: Stores, action: str, message_id: str, **detail: object) -> None:
        stores.audit.record(
            at=self._now(), actor=_BY, action=action, subject=message_id, detail=detail
        )

    def _now(self) -> int:
        return epoch(self._clock())
