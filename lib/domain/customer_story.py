"""All that happened with one customer, oldest first: what a printed page and the customer's page tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lib.domain.agreements import SavedAgreement
from lib.domain.charges import Attempt, Charge
from lib.domain.holds import Hold
from lib.domain.identity import refuse_unreadable, visible
from lib.domain.mirror import Customer, PaymentMethod
from lib.errors import InvalidInput

MOST_NOTE = 2_000


@dataclass(frozen=True, slots=True)
class CustomerNote:
    id: str
    customer: str
    text: str
    written_by: str
    written_at: int


@dataclass(frozen=True, slots=True)
class MethodLife:
    """How a saved method came about, and what became of it."""

    method: PaymentMethod
    setup_intent: str | None
    usage: str | None
    """What the customer agreed to on Stripe's page: `off_session` is to be charged later."""
    session: str | None
    completed_at: int | None
    link: str | None
    link_reference: str | None
    link_by: str | None
    """Who made the link."""
    renewed_at: int | None
    """When the bank sent new details of the card, as far as Stripe's events told."""
    removed_at: int | None


@dataclass(frozen=True, slots=True)
class GivenBack:
    """A refund: Stripe's own, or one that was asked for here and is not there."""

    id: str
    reference: str | None
    amount: int
    """Minor units."""
    currency: str
    state: str
    reason: str | None
    at: int
    requested_by: str | None
    decided_by: str | None
    note: str | None


@dataclass(frozen=True, slots=True)
class DisputedPayment:
    id: str
    reference: str | None
    amount: int
    """Minor units."""
    currency: str
    status: str
    reason: str | None
    at: int
    due_by: int | None


@dataclass(frozen=True, slots=True)
class LinkStory:
    id: str
    reference: str | None
    created_by: str
    created_at: int
    completed_at: int | None
    revoked_at: int | None
    expires_at: int
    sessions: str
    """Ids of its pages at Stripe, joined by commas."""


@dataclass(frozen=True, slots=True)
class ChargeStory:
    charge: Charge
    attempts: tuple[Attempt, ...]
    run: str | None
    """The name of the run that sent its last try."""


@dataclass(frozen=True, slots=True)
class CustomerStory:
    customer: Customer
    holds: Sequence[Hold]
    methods: Sequence[MethodLife]
    links: Sequence[LinkStory]
    charges: Sequence[ChargeStory]
    refunds: Sequence[GivenBack]
    disputes: Sequence[DisputedPayment]
    notes: Sequence[CustomerNote]
    agreements: Mapping[str, SavedAgreement]
    """What was agreed to by saving a method, by the method's id; absent where nothing is known of it."""
    people: dict[str, str]
    """Names by user name."""
    account: str | None
    audit_head: str
    timezone: str
    printed_by: str
    printed_at: int


def clean_note(text: str) -> str:
    """
    A note as it is kept, with its line breaks.

    Raises:
        InvalidInput: empty, too long, or with a letter that cannot be shown.
    """
    lines = [visible(line) for line in text.strip().splitlines()]
    for line in lines:
        refuse_unreadable(line, what="note", field="note")
    cleaned = "\n".join(lines).strip()
    if not cleaned:
        raise InvalidInput("Write a note first.", field="note")
    if len(cleaned) > MOST_NOTE:
        raise InvalidInput(f"A note has at most {MOST_NOTE:,} characters.", field="note")
    return cleaned
