"""The outcome of a message, written down at its link as well."""

from __future__ import annotations

from lib.domain.messages import MessageKind
from lib.domain.outbox import MessageState
from lib.store.stores import Stores

_GIVEN = frozenset({MessageState.SENT, MessageState.WOULD_SEND})


def settle_message(
    stores: Stores, message_id: str, state: MessageState, *, reply: str, at: int
) -> bool:
    """
    Inside the caller's transaction. Of what was sent the link says since when its customer has it.

    False when the message cannot go there from where it is.
    """
    is_over = state is not MessageState.PERHAPS_SENT
    if not stores.outbox.settle(message_id, state, reply=reply, at=at if is_over else None):
        return False
    message = stores.outbox.find(message_id)
    if message is not None and message.kind is MessageKind.ANNOUNCEMENT and state in _GIVEN:
        stores.announcements.mark_told(message_id, at=at)
    if message is None or message.link_id is None or message.is_test or state not in _GIVEN:
        return True
    if message.kind is MessageKind.REMINDER:
        link = stores.links.find(message.link_id)
        stores.links.mark_reminded(message.link_id, number=link.reminders + 1 if link else 1, at=at)
    elif message.kind is not MessageKind.THANKS:
        stores.links.mark_sent(message.link_id, at=at)
    return True
