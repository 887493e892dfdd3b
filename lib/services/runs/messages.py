"""One message with one link for each customer, about everything of theirs that failed in a run."""

from __future__ import annotations

from lib.services.messages.composed import Composed

MESSAGE_COLUMNS = (
    "email",
    "name",
    "reference",
    "amount",
    "currency",
    "message",
    "link",
    "subject",
    "language",
)


def message_row(composed: Composed) -> tuple[str, ...]:
    """The cells under MESSAGE_COLUMNS."""
    return (
        composed.address,
        composed.name,
        composed.references,
        *composed.sums,
        composed.message.text,
        composed.url or "",
        composed.message.subject,
        composed.language.tag,
    )
