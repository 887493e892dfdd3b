"""Messages in words: their kinds, and what their states mean."""

from __future__ import annotations

from dataclasses import dataclass

from lib.domain.message_rules import MessageRule
from lib.domain.messages import MessageKind
from lib.domain.outbox import WHY_NOT, MessageState
from lib.services.messages.ask import RequestResult
from lib.ui.formats import plural

KINDS = {
    MessageKind.LINK: "Link",
    MessageKind.RECOVERY: "After a failure",
    MessageKind.CARD_FOR_CHARGE: "Card for an approved charge",
    MessageKind.REMINDER: "Reminder",
    MessageKind.CARD_EXPIRES: "Card expires",
    MessageKind.THANKS: "Thanks",
    MessageKind.ANNOUNCEMENT: "Announcement of a charge",
}


@dataclass(frozen=True, slots=True)
class RuleWords:
    title: str
    meaning: str


RULES = {
    MessageRule.REMINDERS: RuleWords(
        "Reminders",
        "Whoever was sent a link and has saved nothing is reminded after 3 and after 10 days.",
    ),
    MessageRule.THANKS: RuleWords(
        "Thanks", "Whoever saves a card by a link is thanked once, from then on."
    ),
}
MEANING = {
    MessageState.WAITING: "It leaves as soon as the mail server takes it.",
    MessageState.HANDING_OVER: "The mail server is being given it.",
    MessageState.SENT: "The mail server took it.",
    MessageState.WOULD_SEND: "Practice mode: nobody was written to.",
    MessageState.FAILED: "The mail server refused it. Correct the address at Stripe, then send it again.",
    MessageState.PERHAPS_SENT: "Nobody can know whether it was sent. Ask the customer, or look into the mail server's log.",
    MessageState.CANCELLED: "It was cancelled before it left.",
}


def result(answer: RequestResult) -> str:
    """What became of a click that sends many."""
    counts: dict[str, int] = {}
    for _, code in answer.failed:
        counts[code] = counts.get(code, 0) + 1
    sentences = [f"{plural(len(answer.queued), 'message')} in the outbox."]
    sentences += [f"{count:,} not: {WHY_NOT[code]}" for code, count in counts.items()]
    return " ".join(sentences)
