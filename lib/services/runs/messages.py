"""One message with one link for each customer, about everything of theirs that failed in a run."""

from __future__ import annotations

from collections.abc import Iterable

from lib.services.messages.composed import Composed
from lib.spreadsheets import writing

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


def message_file(messages: Iterable[Composed]) -> bytes:
    """A CSV file for a mail merge."""
    return writing.to_csv(MESSAGE_COLUMNS, map(message_row, messages))
