"""
Messages that leave by themselves: reminders and thanks, each only once a person switched that on.

A rule asks for what a person could ask for, under the same key: whoever comes first, the other finds
it. What the outbox holds, a rule does not add to.
"""

from __future__ import annotations

from collections.abc import Callable

from lib.clock import Clock, epoch
from lib.domain.actors import Actor, Permission
from lib.domain.link_desk import due_reminder
from lib.domain.links import SetupLink
from lib.domain.message_rules import MessageRule, SwitchedOn
from lib.domain.messages import MessageKind
from lib.services.messages.ask import MailNotConfigured, MessageRequests
from lib.services.messages.new_message import doubted_until
from lib.store.meta import OUTBOX_HELD
from lib.store.stores import Stores
from lib.store.unit_of_work import UnitOfWork

_AT_ONCE = 10_000
_LONGEST_THANKS_SECONDS = 2 * 86_400
"""Whoever saved a card longer ago is not thanked by itself any more: Onfile was off meanwhile."""
_KINDS = {
    MessageRule.REMINDERS: MessageKind.REMINDER,
    MessageRule.THANKS: MessageKind.THANKS,
}


class MessageRules:
    def __init__(self, uow: UnitOfWork, requests: MessageRequests, *, clock: Clock) -> None:
        self._uow = uow
        self._requests = requests
        self._clock = clock

    def all(self) -> dict[MessageRule, SwitchedOn | None]:
        """Each, with who switched it on; None where it is off, or an older database was put back since."""
        with self._uow.read() as stores:
            return {rule: _in_force(stores, rule) for rule in MessageRule}

    def switch_on(self, rule: MessageRule, *, by: Actor) -> None:
        """
        From now on it sends by itself. Reminders that are due go out; of thanks only for what is saved
        from now on.

        Raises:
            NotPermitted, MailNotConfigured
        """
        by.must(Permission.MANAGE_LINKS)
        if not self._requests.can_send:
            raise MailNotConfigured
        now = epoch(self._clock())
        with self._uow.write() as stores:
            if _in_force(stores, rule) is None:
                stores.message_rules.switch_on(rule, by=by.username, at=now)
                self._note(stores, "message_rule.on", rule, by=by)

    def switch_off(self, rule: MessageRule, *, by: Actor) -> None:
        """What is in the outbox already still leaves."""
        by.must(Permission.MANAGE_LINKS)
        with self._uow.write() as stores:
            if stores.message_rules.switch_off(rule):
                self._note(stores, "message_rule.off", rule, by=by)

    def reminders_due(self) -> int:
        """How many go at once when that rule is switched on."""
        now = epoch(self._clock())
        with self._uow.read() as stores:
            after = doubted_until(stores) or 0
            due = stores.message_rules.perhaps_to_remind(now=now, made_after=after, limit=_AT_ONCE)
        return len(due)

    def ask_due(self) -> int:
        """Put into the outbox what the rules send now; how many messages."""
        if not self._requests.can_send:
            return 0
        with self._uow.read() as stores:
            due = {rule: self._due(stores, rule) for rule in MessageRule}
        return sum(
            self._requests.by_rule(link_ids, _KINDS[rule], may_go=self._may_go(rule))
            for rule, link_ids in due.items()
            if link_ids
        )

    def _due(self, stores: Stores, rule: MessageRule) -> list[str]:
        on = _in_force(stores, rule)
        if on is None or stores.meta.value(OUTBOX_HELD) is not None:
            return []
        now = epoch(self._clock())
        # Of a link that was made before, nobody knows what was sent about it: a person decides on each.
        after = doubted_until(stores) or 0
        if rule is MessageRule.REMINDERS:
            return stores.message_rules.perhaps_to_remind(now=now, made_after=after, limit=_AT_ONCE)
        since = max(on.at, now - _LONGEST_THANKS_SECONDS)
        return stores.message_rules.to_thank(since=since, made_after=after, limit=_AT_ONCE)

    def _may_go(self, rule: MessageRule) -> Callable[[Stores, SetupLink], bool]:
        def may_go(stores: Stores, link: SetupLink) -> bool:
            """Again, inside the transaction that asks: a person may have switched it off meanwhile."""
            if _in_force(stores, rule) is None or stores.meta.value(OUTBOX_HELD) is not None:
                return False
            if stores.holds.covering(stores.links.recipients([link]).get(link.id, [])):
                return False
            now = epoch(self._clock())
            return rule is MessageRule.THANKS or due_reminder(link, now) is not None

        return may_go

    def _note(self, stores: Stores, action: str, rule: MessageRule, *, by: Actor) -> None:
        stores.audit.record(
            at=epoch(self._clock()),
            actor=by.username,
            action=action,
            subject=rule.value,
            detail={},
        )


def _in_force(stores: Stores, rule: MessageRule) -> SwitchedOn | None:
    on = stores.message_rules.all().get(rule)
    return on if on is not None and on.is_in_force(doubted_until(stores)) else None
