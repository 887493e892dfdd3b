"""Asking for messages: put together, and into the outbox once, whatever click or file comes again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from lib.clock import Clock, epoch
from lib.domain.actors import SYSTEM, Actor, Permission
from lib.domain.links import LinkStatus, SetupLink
from lib.domain.messages import MessageKind
from lib.domain.outbox import OutboxMessage
from lib.errors import RuleViolation
from lib.languages import Language
from lib.services.collect.addresses import checked_email, why_no_mail
from lib.services.messages.compose import MessageComposer
from lib.services.messages.composed import Composed
from lib.services.messages.new_message import is_in_doubt, new_message, once_key
from lib.store.stores import Stores
from lib.store.unit_of_work import UnitOfWork

_MOST_REMINDERS = 2
_BETWEEN_REMINDERS_SECONDS = 86_400
_SLICE = 100
"""Messages put together in one transaction: others want the write lock, too."""


class MailNotConfigured(RuleViolation):
    """No mail server is set; messages are copied, or opened in the clerk's own mail program."""

    code = "mail_not_configured"

    def __init__(self) -> None:
        super().__init__(
            "Onfile has no mail server. Copy the message, open it in your mail program, or have ONFILE_SMTP_URL and "
            "ONFILE_MAIL_FROM set."
        )


@dataclass(slots=True)
class RequestResult:
    """What became of a click."""

    queued: list[str] = field(default_factory=list)
    """Ids of messages."""
    failed: list[tuple[str, str]] = field(default_factory=list)
    """Links and the code of why not, a key of WHY_NOT."""

    def as_json(self) -> dict[str, object]:
        return {
            "queued": self.queued,
            "failed": [{"link_id": link_id, "code": code} for link_id, code in self.failed],
        }


class MessageRequests:
    def __init__(
        self,
        uow: UnitOfWork,
        composer: MessageComposer,
        *,
        clock: Clock,
        can_send: bool,
    ) -> None:
        self._uow = uow
        self._composer = composer
        self._clock = clock
        self.can_send = can_send
        """A mail server is set, or practice mode shows what would be sent."""

    def send(
        self,
        link_ids: Iterable[str],
        *,
        by: Actor,
        kind: MessageKind | None = None,
        in_doubt: bool = False,
    ) -> RequestResult:
        """
        Put a message for each of these links into the outbox, at most one of its kind for a link.

        Args:
            kind: what it says; by what the link is for when None.
            in_doubt: also where nobody knows whether it went before an older database was put back.

        Raises:
            NotPermitted, MailNotConfigured
        """
        self._must_send(by)
        result = RequestResult()
        ids = list(dict.fromkeys(link_ids))
        for first in range(0, len(ids), _SLICE):
            with self._uow.write() as stores:
                for link_id in ids[first : first + _SLICE]:
                    self._ask(stores, link_id, kind, result, by=by, in_doubt=in_doubt)
        return result

    def send_composed(
        self, messages: Iterable[Composed], *, by: Actor, in_doubt: bool = False
    ) -> RequestResult:
        """
        As `send`, of messages about several charges of a customer each, with one link.

        Raises:
            NotPermitted, MailNotConfigured
        """
        self._must_send(by)
        result = RequestResult()
        # Put together before the transaction: they come from a read of their own.
        for composed in list(messages):
            with self._uow.write() as stores:
                link_id = composed.link_id or ""
                self._queue(stores, composed, link_id, result, by=by, in_doubt=in_doubt)
        return result

    def by_rule(
        self,
        link_ids: Sequence[str],
        kind: MessageKind,
        *,
        may_go: Callable[[Stores, SetupLink], bool],
    ) -> int:
        """
        What a rule sends of these links, that a person switched on; how many messages. What was asked
        for once, whatever became of it, a rule does not ask for again.

        Args:
            may_go: inside the transaction, whether the rule still wants it.
        """
        result = RequestResult()
        for first in range(0, len(link_ids), _SLICE):
            with self._uow.write() as stores:
                for link_id in link_ids[first : first + _SLICE]:
                    link = stores.links.find(link_id)
                    if link is not None and may_go(stores, link):
                        self._ask(stores, link_id, kind, result, by=SYSTEM, in_doubt=False)
        return len(result.queued)

    def send_test(
        self, kind: MessageKind, language: Language, *, form_key: str, by: Actor
    ) -> OutboxMessage:
        """
        A message with made-up values to the person's own address; one for each `form_key`.

        Raises:
            NotPermitted, MailNotConfigured
            InvalidInput: the person has no address that mail can reach.
        """
        self._must_send(by)
        with self._uow.write() as stores:
            user = stores.users.find(by.username)
            address = checked_email(user.email if user else "")
            composed = self._composer.sample(stores, kind, language, address=address, name=by.name)
            key = f"test:{by.username}:{form_key}"
            message = new_message(composed, by=by, at=self._now(), is_test=True)
            stores.outbox.add(message, once_key=key)
            kept = stores.outbox.of_key(key)
        if kept is None:
            raise LookupError(key)
        return kept

    def _must_send(self, by: Actor) -> None:
        by.must(Permission.MANAGE_LINKS)
        if not self.can_send:
            raise MailNotConfigured

    def _ask(
        self,
        stores: Stores,
        link_id: str,
        kind: MessageKind | None,
        result: RequestResult,
        *,
        by: Actor,
        in_doubt: bool,
    ) -> None:
        link = stores.links.find(link_id)
        problem = self._why_not(stores, link, kind)
        if link is None or problem is not None:
            result.failed.append((link_id, problem or "not_found"))
            return
        composed = self._composer.about(stores, link, kind)
        if composed is None:
            result.failed.append((link_id, "nothing_to_say"))
            return
        self._queue(stores, composed, link_id, result, by=by, in_doubt=in_doubt)

    def _why_not(
        self, stores: Stores, link: SetupLink | None, kind: MessageKind | None
    ) -> str | None:
        if link is None:
            return "not_found"
        if kind is MessageKind.THANKS:
            saved = stores.message_rules.method_saved_by(link.id)
            return None if saved is not None else "nothing_saved"
        if link.status(self._now()) is not LinkStatus.OPEN:
            return "link_ended"
        if kind is MessageKind.REMINDER:
            return self._why_not_remind(link)
        return None

    def _why_not_remind(self, link: SetupLink) -> str | None:
        if link.reminders >= _MOST_REMINDERS:
            return "reminded_twice"
        last = max(link.sent_at or 0, link.reminded_at or 0)
        # A second click on the same button is no second reminder.
        return "too_soon" if 0 <= self._now() - last < _BETWEEN_REMINDERS_SECONDS else None

    def _queue(
        self,
        stores: Stores,
        composed: Composed,
        link_id: str,
        result: RequestResult,
        *,
        by: Actor,
        in_doubt: bool,
    ) -> None:
        problem = why_no_mail(composed.address)
        if problem is not None:
            result.failed.append((link_id, problem))
            return
        key = once_key(stores, composed)
        since = _possible_since(stores, composed)
        if not in_doubt and is_in_doubt(stores, key, possible_since=since):
            result.failed.append((link_id, "perhaps_sent"))
            return
        message = new_message(composed, by=by, at=self._now())
        if not stores.outbox.add(message, once_key=key):
            if by.is_system or not stores.outbox.ask_again(message, once_key=key):
                result.failed.append((link_id, "already_sent"))
                return
            kept = stores.outbox.of_key(key)
            message = kept or message
        stores.audit.record(
            at=self._now(),
            actor=by.username,
            action="message.ask",
            subject=message.id,
            detail={
                "kind": message.kind.value,
                "link": message.link_id,
                "customer": message.customer,
            },
        )
        result.queued.append(message.id)

    def _now(self) -> int:
        return epoch(self._clock())


def _possible_since(stores: Stores, composed: Composed) -> int:
    """Before that nobody could have asked for it: its link was not made, or not all of its charges."""
    link = stores.links.find(composed.link_id) if composed.link_id else None
    if link is not None:
        return link.created_at
    return max((view.charge.created_at for view in composed.about), default=0)
