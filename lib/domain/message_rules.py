"""Messages that Onfile sends to customers by itself, once a person switched it on."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class MessageRule(StrEnum):
    REMINDERS = "reminders"
    """As soon as one is due (domain/link_desk)."""
    THANKS = "thanks"
    """Once a link brought a card that can be charged."""


@dataclass(frozen=True, slots=True)
class SwitchedOn:
    rule: MessageRule
    by: str
    at: int

    def is_in_force(self, doubted_until: int | None) -> bool:
        """
        Not where an older database was put back since: somebody may have switched it off after the copy.

        Args:
            doubted_until: until when this file may know less than happened.
        """
        return doubted_until is None or self.at > doubted_until
