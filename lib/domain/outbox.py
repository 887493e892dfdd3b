"""Messages on their way: their states, when a refused one is tried again, and what a server's reply means."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from lib.domain.messages import Message, MessageKind


class MessageState(StrEnum):
    WAITING = "waiting"
    HANDING_OVER = "handing_over"
    """The server took sender and recipient, and is being given the text."""
    SENT = "sent"
    WOULD_SEND = "would_send"
    """Practice: it was given to nobody."""
    FAILED = "failed"
    """The server refused it for good."""
    PERHAPS_SENT = "perhaps_sent"
    """Nobody knows: the text was given and no reply is on record, or an older file was put back."""
    CANCELLED = "cancelled"


MESSAGE_STEPS: dict[MessageState, frozenset[MessageState]] = {
    MessageState.WAITING: frozenset(
        {
            MessageState.HANDING_OVER,
            MessageState.FAILED,
            MessageState.PERHAPS_SENT,
            MessageState.CANCELLED,
        }
    ),
    MessageState.HANDING_OVER: frozenset(
        {
            MessageState.WAITING,
            MessageState.SENT,
            MessageState.WOULD_SEND,
            MessageState.FAILED,
            MessageState.PERHAPS_SENT,
        }
    ),
    # By a person, who looked into it.
    MessageState.PERHAPS_SENT: frozenset({MessageState.WAITING, MessageState.SENT}),
    # Asked for again, with what is true by then.
    MessageState.FAILED: frozenset({MessageState.WAITING}),
    MessageState.CANCELLED: frozenset({MessageState.WAITING}),
    MessageState.SENT: frozenset(),
    MessageState.WOULD_SEND: frozenset(),
}
RESULT_STEPS: dict[MessageState, frozenset[MessageState]] = {
    # Refused before anything was handed over, or cancelled by a person.
    MessageState.WAITING: frozenset({MessageState.FAILED, MessageState.CANCELLED}),
    MessageState.HANDING_OVER: MESSAGE_STEPS[MessageState.HANDING_OVER],
    MessageState.PERHAPS_SENT: MESSAGE_STEPS[MessageState.PERHAPS_SENT],
}
"""
The steps that the result of a delivery, or what a person knows of one, takes a message.

Not all of MESSAGE_STEPS: what failed or was cancelled goes out only when it is asked for again, with
what is true by then, and only a delivery hands a message over.
"""
TO_ASK_AGAIN = frozenset({MessageState.FAILED, MessageState.CANCELLED})
UNFINISHED_STATES = frozenset(
    {MessageState.WAITING, MessageState.HANDING_OVER, MessageState.PERHAPS_SENT}
)
TO_LOOK_AT = frozenset({MessageState.PERHAPS_SENT, MessageState.FAILED})
"""What a person has to look into."""
TO_COME = frozenset({MessageState.WAITING, MessageState.HANDING_OVER})
"""What has not left yet, and still may."""

WHY_NOT = {
    "not_found": "There is no such link.",
    "link_ended": "The link has ended.",
    "no_address": "No e-mail address is known.",
    "address_invalid": "No mail can reach this address.",
    "already_sent": "It was sent before, or is on its way.",
    "perhaps_sent": "It may have been sent before an older database was put back.",
    "too_soon": "The customer was written to less than a day ago.",
    "reminded_twice": "The customer was reminded twice.",
    "nothing_saved": "No card was saved by this link.",
    "nothing_to_say": "The customer has nothing to do about this charge any more.",
}
"""By code, why a message is not sent."""

_MINUTE, _HOUR = 60, 3600
_PAUSES = (_MINUTE, 5 * _MINUTE, 15 * _MINUTE, _HOUR)
_LATER_PAUSE = 4 * _HOUR
_LONGEST_TRYING = 48 * _HOUR
LONGEST_PAUSE = _LATER_PAUSE


@dataclass(frozen=True, slots=True)
class OutboxMessage:
    id: str
    kind: MessageKind
    is_test: bool
    """To whoever asked for it, with made-up values."""
    link_id: str | None
    customer: str | None
    address: str
    name: str
    language: str
    subject: str
    body: str
    url: str | None
    state: MessageState
    tries: int
    next_try_at: int
    handed_over_at: int | None
    settled_at: int | None
    reply: str | None
    """The server's last words, or why nothing is known."""
    requested_by: str
    requested_at: int

    @property
    def message(self) -> Message:
        return Message(self.subject, self.body)


def pause_after(tries: int, *, requested_at: int, now: int) -> int | None:
    """Seconds until a message that was refused for now is tried again; None: no more."""
    if now - requested_at > _LONGEST_TRYING:
        return None
    return _PAUSES[tries - 1] if tries <= len(_PAUSES) else _LATER_PAUSE


def server_pause(tries: int) -> int:
    """Seconds until a server that takes nothing at present is asked again."""
    return _PAUSES[min(tries, len(_PAUSES)) - 1]
