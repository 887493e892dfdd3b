"""Payers who are told of a run before it is executed, and their answer that it should not be charged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from lib.domain.days import day_in_words
from lib.domain.runs import Finding, Severity

CODE = "payer_said_no"
"""Of the finding in `admit`."""


class AnswerDecision(StrEnum):
    """What staff did about an answer."""

    HELD = "held"
    """Switched the customer's charges off."""
    SET_ASIDE = "set_aside"
    """It is charged all the same, with a reason."""


@dataclass(frozen=True, slots=True)
class Announcement:
    id: str
    run_id: str
    digest: str
    """Of what was approved then."""
    customer: str
    token: str
    charge_on: str
    """YYYY-MM-DD, the installation's day."""
    language: str
    message_id: str
    announced_by: str
    announced_at: int
    told_at: int | None = None
    """When the message left."""
    answered_at: int | None = None
    decided_at: int | None = None
    decided_by: str | None = None
    decision: str | None = None
    reason: str | None = None

    @property
    def is_to_decide(self) -> bool:
        return self.answered_at is not None and self.decided_at is None

    @property
    def day(self) -> date:
        return date.fromisoformat(self.charge_on)


@dataclass(frozen=True, slots=True)
class AnnouncedRow:
    number: int
    reference: str
    amount: int
    """Minor units."""
    currency: str
    payment_method: str


@dataclass(frozen=True, slots=True)
class RefusedByPayer:
    """A debt of which its payer answered that it should not be charged; nobody has decided on that yet."""

    announcement_id: str
    reference: str
    at: int
    timezone: str

    @property
    def finding(self) -> Finding:
        day = day_in_words(self.at, self.timezone)
        return Finding(
            CODE,
            Severity.STOPPED,
            f"The customer was told of {self.reference}, and answered on {day} that it should not be charged. Is it charged all the same?",
            "reference",
            about=(self.announcement_id,),
        )


@dataclass(frozen=True, slots=True)
class ToldOfRow:
    """The last thing that the payer of a row was told of it."""

    number: int
    told_at: int | None
    charge_on: str
    is_as_told: bool
    """The row's sum and method are those that were named."""


def in_words(entries: Sequence[ToldOfRow], *, rows: int, timezone: str) -> list[str]:
    """For the certificate of a run with so many rows that were to be charged; nothing where nobody was told."""
    left = [one for one in entries if one.told_at is not None]
    if not left:
        return []
    days = sorted({day_in_words(one.told_at or 0, timezone) for one in left})
    named = sorted({one.charge_on for one in left})
    sentence = f"{len(left):,} of {rows:,} rows were announced to their payers ({'; '.join(days)}), to be charged on {', '.join(named)}."
    other = [str(one.number) for one in left if not one.is_as_told]
    if not other:
        return [sentence]
    return [
        sentence,
        f"Announced with another sum or method than was charged: rows {', '.join(other[:50])}.",
    ]
