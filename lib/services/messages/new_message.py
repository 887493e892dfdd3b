"""A composed message as a row of the outbox, and the key under which it goes once."""

from __future__ import annotations

from lib.domain.actors import Actor
from lib.domain.messages import MessageKind
from lib.domain.outbox import TO_ASK_AGAIN, MessageState, OutboxMessage
from lib.ids import new_id
from lib.services.messages.composed import Composed
from lib.store.meta import OUTBOX_DOUBTED
from lib.store.stores import Stores


def new_message(composed: Composed, *, by: Actor, at: int, is_test: bool = False) -> OutboxMessage:
    return OutboxMessage(
        id=new_id("msg"),
        kind=composed.kind,
        is_test=is_test,
        link_id=composed.link_id,
        customer=composed.customer,
        address=composed.address,
        name=composed.name,
        language=composed.language.tag,
        subject=composed.message.subject,
        body=composed.message.text,
        url=composed.url,
        state=MessageState.WAITING,
        tries=0,
        next_try_at=at,
        handed_over_at=None,
        settled_at=None,
        reply=None,
        requested_by=by.username,
        requested_at=at,
    )


def once_key(stores: Stores, composed: Composed) -> str:
    """
    One message of a kind for a link, and one for each of its reminders; about charges without a
    link, one for these charges.
    """
    about = composed.link_id or f"{composed.customer}:{composed.references}"
    if composed.kind is MessageKind.REMINDER and composed.link_id:
        link = stores.links.find(composed.link_id)
        about = f"{about}:{link.reminders + 1 if link else 1}"
    return f"{composed.kind}:{about}"


def is_in_doubt(stores: Stores, key: str, *, possible_since: int) -> bool:
    """
    Whether the message of this key may have gone out before an older database was put back, which this
    file would know nothing of: that others about the same are on record says nothing of this one.

    Args:
        possible_since: before that nobody could have asked for it.
    """
    doubted = doubted_until(stores)
    if doubted is None:
        return False
    kept = stores.outbox.of_key(key)
    if kept is None:
        return possible_since <= doubted
    # What was refused or cancelled may have been asked for again since.
    return kept.state in TO_ASK_AGAIN and (kept.settled_at or 0) <= doubted


def doubted_until(stores: Stores) -> int | None:
    """Until when nobody knows what was sent, as an older database was put back, or all was lost."""
    doubted = stores.meta.value(OUTBOX_DOUBTED)
    return None if doubted is None else int(doubted)
