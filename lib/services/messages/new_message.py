"""A composed message as a row of the outbox, and the key under which it goes once."""

from __future__ import annotations

from lib.domain.actors import Actor
from lib.domain.messages import MessageKind
from lib.domain.outbox import MessageState, OutboxMessage
from lib.ids import new_id
from lib.services.messages.composed import Composed
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
