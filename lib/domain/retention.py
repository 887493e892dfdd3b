"""For how long what is kept of people is kept, where no charge and no certificate needs it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from lib.domain.identity import visible
from lib.errors import InvalidInput

LEAST_DAYS, MOST_DAYS = 30, 36_500


class RetentionKind(StrEnum):
    LINKS = "links"
    """Names and addresses on setup links that ended; the links, and what was saved, stay."""
    NOTES = "notes"
    """The text of notes about customers."""
    DELETED_CUSTOMERS = "deleted_customers"
    """People who were deleted at Stripe, with all their customers: erased as by hand."""


WORDS = {
    RetentionKind.LINKS: "Names and addresses on setup links, after the link ended",
    RetentionKind.NOTES: "Notes about customers, after they were written",
    RetentionKind.DELETED_CUSTOMERS: "Customers, after they were deleted at Stripe",
}


@dataclass(frozen=True, slots=True)
class RetentionRule:
    kind: str
    days: int
    set_by: str
    set_at: int


def checked_days(text: str) -> int | None:
    """
    Days, or None for ever.

    Raises:
        InvalidInput: neither a number of days in range nor “none”.
    """
    plain = visible(text).lower()
    if plain in ("none", ""):
        return None
    if not plain.isascii() or not plain.isdigit() or not LEAST_DAYS <= int(plain[:9]) <= MOST_DAYS:
        raise InvalidInput(
            f"Give a number of days from {LEAST_DAYS} to {MOST_DAYS:,}, or “none” to keep it for ever.",
            field="days",
        )
    return int(plain)
