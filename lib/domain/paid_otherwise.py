"""Debts that staff noted as paid in another way while their charge waited for a card."""

from __future__ import annotations

from dataclasses import dataclass

from lib.domain.days import day_in_words
from lib.domain.runs import Finding, Severity

CODE = "paid_otherwise"
"""Of the finding in `admit`."""


@dataclass(frozen=True, slots=True)
class PaidOtherwise:
    charge_id: str
    """The charge that waited."""
    reference: str
    by: str
    at: int
    timezone: str

    @property
    def finding(self) -> Finding:
        day = day_in_words(self.at, self.timezone)
        return Finding(
            CODE,
            Severity.STOPPED,
            f"The customer paid {self.reference} in another way, noted by {self.by} on {day}. Is this owed all the same?",
            "reference",
            about=(self.charge_id,),
        )
