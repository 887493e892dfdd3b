"""Following up: how far the customer of a link came, and when a reminder is due."""

from __future__ import annotations

from enum import StrEnum

from lib.domain.links import LinkStatus, SetupLink

DAY = 86_400
REMINDER_DAYS = (3, 10)
"""After the link was sent; a second reminder comes no sooner than this many days after the first, too."""
BOARD_DAYS = 60
"""Links that were made before are history; an open one is younger than half of that."""
AGES: dict[str, tuple[int, int | None]] = {
    "new": (0, 3),
    "week": (3, 10),
    "old": (10, None),
}
"""Days since a link was sent, or made where it was not sent: from, and before."""


class Stage(StrEnum):
    """The furthest that counts."""

    MADE = "made"
    SENT = "sent"
    OPENED = "opened"
    """The customer came back from its page without saving."""
    STARTED = "started"
    """Something was entered there."""
    CONFIRMING = "confirming"
    """The customer is done, and the bank is not."""
    SAVED = "saved"
    FAILED = "failed"
    """The customer was done, and the bank did not confirm."""
    ENDED = "ended"


TO_FOLLOW = (Stage.MADE, Stage.SENT, Stage.OPENED, Stage.STARTED)
"""Open: somebody may still be asked."""


def due_reminder(link: SetupLink, now: int) -> int | None:
    """1 or 2 where a first or second reminder is due; they are proposed, and sent by a person's click."""
    if link.status(now) is not LinkStatus.OPEN or link.sent_at is None:
        return None
    if link.reminders >= len(REMINDER_DAYS):
        return None
    days = REMINDER_DAYS[link.reminders]
    since_last = REMINDER_DAYS[0] * DAY
    if now < link.sent_at + days * DAY or now < (link.reminded_at or 0) + since_last:
        return None
    return link.reminders + 1
