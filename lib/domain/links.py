"""Setup links: what they are and when they count as open."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence, Set
from dataclasses import asdict, dataclass
from datetime import date
from enum import StrEnum

from lib.domain import payment_methods
from lib.domain.confirmations import CONFIRMING
from lib.domain.mirror import PaymentMethod, SetupIntent

# How long the durable address works. Long enough for a customer on holiday; a link in an old mail
# should not save cards for ever.
LINK_LIFETIME_SECONDS = 30 * 86_400
# A Session this close to its end is replaced when the customer opens the durable address, so that
# nobody types a card number into a page that closes.
SESSION_MARGIN_SECONDS = 10 * 60
# Scanners open every link, again and again: for openings alone a link gets one page in this time.
UNASKED_PAGE_SECONDS = 86_400
# The languages Stripe's page is translated to, of those our users asked for; Stripe knows more.
LOCALES = ("auto", "en", "de", "es", "fr", "it", "ja", "nl", "pl", "pt", "sv", "zh")


SETUP_SESSION: Mapping[str, object] = {
    "mode": "setup",
    # On by default for some accounts made since July 2026, and then setup mode is refused:
    # https://github.com/TryGhost/Ghost/pull/29715
    "managed_payments": {"enabled": False},
}
"""What every Checkout Session of ours is created with."""


class LinkStatus(StrEnum):
    OPEN = "open"
    COMPLETED = "completed"
    EXPIRED = "expired"
    REVOKED = "revoked"


class LinkState(StrEnum):
    """
    What is shown of a link: its status, or more exactly what became of it.

    As a filter OPEN finds what is REFUSED, too, and COMPLETED what FAILED.
    """

    OPEN = "open"
    REFUSED = "refused"
    """Stripe makes no page for it at present."""
    CONFIRMING = "confirming"
    """The customer is done, and their bank still confirms what they entered."""
    COMPLETED = "completed"
    FAILED = "failed"
    """The customer was done, and their bank did not confirm."""
    EXPIRED = "expired"
    REVOKED = "revoked"


SETUP_FAILED = ("requires_payment_method", "canceled")
"""Of the SetupIntent of a completed Session: the bank did not confirm."""


class LinkPurpose(StrEnum):
    """What a link is for; the database derives the same from the same two columns."""

    NEW_CARD = "new_card"
    EXPIRING_CARD = "expiring_card"
    FAILED_CHARGE = "failed_charge"


class EndReason(StrEnum):
    """Why a link was revoked."""

    STAFF = "staff"
    PAID = "paid"
    """The failed charge that it was for was paid otherwise, or given up."""
    CARD_SAVED = "card_saved"
    """What it was to bring about came another way."""
    REPLACED = "replaced"
    """A newer link was issued instead."""


UNTOUCHED = ("requires_payment_method", "canceled")
"""Of a SetupIntent without an error on which nothing was entered."""


def was_tried(intent: SetupIntent | None) -> bool:
    """Whether the customer entered something: a page that is only open has an untouched SetupIntent."""
    return intent is not None and (
        intent.last_error_code is not None or intent.status not in UNTOUCHED
    )


def is_done_otherwise(
    link: SetupLink,
    methods: Sequence[PaymentMethod],
    *,
    never_again: Set[str],
    today: date,
    since: int,
) -> bool:
    """
    Whether what an open link is to bring about came another way. Of a failed charge the ledger says so.

    Args:
        methods: of its customer, or of one with its address, newest first.
        never_again: fingerprints of cards that must not be charged again.
        since: a method counts that was saved no later; the link's own completion may be on its way.
    """
    if link.purpose is LinkPurpose.FAILED_CHARGE:
        return False
    old = next((method for method in methods if method.id == link.expiring_method), None)
    if old is not None and not old.is_detached and not payment_methods.is_due(old, today):
        return True  # the bank renewed it by itself
    usable = payment_methods.usable(
        methods, never_again=never_again, today=today, besides=link.expiring_method
    )
    return any(link.created_at < method.created <= since for method in usable)


_ENDS = frozenset({LinkStatus.COMPLETED, LinkStatus.REVOKED})
LINK_STEPS: dict[LinkStatus, frozenset[LinkStatus]] = {
    LinkStatus.OPEN: _ENDS,
    # By time alone; the Session that it opened may still be completed.
    LinkStatus.EXPIRED: _ENDS,
    # While the customer was on Stripe's page: the card is saved all the same.
    LinkStatus.REVOKED: frozenset({LinkStatus.COMPLETED}),
    LinkStatus.COMPLETED: frozenset(),
}


@dataclass(frozen=True, slots=True)
class SetupLink:
    id: str
    token: str
    customer: str | None
    email: str | None
    name: str | None
    currency: str | None
    """None: cards only. Otherwise Stripe chooses the methods for this currency."""
    reference: str | None
    locale: str | None
    charge_id: str | None
    """The failed charge this link is to recover."""
    created_by: str
    created_at: int
    expires_at: int
    revoked_at: int | None
    completed_at: int | None
    completed_session: str | None
    refusal: str | None = None
    """Why Stripe makes no page for it, until it does."""
    expiring_method: str | None = None
    """The saved method that it is to replace."""
    batch_id: str | None = None
    replaces: str | None = None
    """The link that was ended for this one."""
    end_reason: str | None = None
    """An EndReason; None where it was not revoked, or before reasons were kept."""
    sent_at: int | None = None
    """When the customer was first given it: by a message, or as a person said."""
    reminders: int = 0
    reminded_at: int | None = None
    opened_at: int | None = None
    """The customer came back from its page at Stripe, or entered something there."""
    started_at: int | None = None

    @property
    def purpose(self) -> LinkPurpose:
        if self.charge_id is not None:
            return LinkPurpose.FAILED_CHARGE
        return LinkPurpose.EXPIRING_CARD if self.expiring_method else LinkPurpose.NEW_CARD

    def status(self, now: int) -> LinkStatus:
        if self.completed_at is not None:
            return LinkStatus.COMPLETED
        if self.revoked_at is not None:
            return LinkStatus.REVOKED
        return LinkStatus.EXPIRED if now >= self.expires_at else LinkStatus.OPEN


def state_of(status: LinkStatus, setup_status: str | None) -> LinkState:
    """Of a link whose Session was completed, the SetupIntent says the rest."""
    if status is LinkStatus.COMPLETED and setup_status in CONFIRMING:
        return LinkState.CONFIRMING
    if status is LinkStatus.COMPLETED and setup_status in SETUP_FAILED:
        return LinkState.FAILED
    return LinkState(status)


@dataclass(frozen=True, slots=True)
class ListedLink:
    link: SetupLink
    session: LinkSession | None
    """The last page asked for."""
    state: LinkState


@dataclass(frozen=True, slots=True)
class LinkRefusal:
    """Why the last link could not be opened or made, and no other can until it is mended."""

    reason: str
    at: int
    link_id: str

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> LinkRefusal:
        return cls(**json.loads(text))


@dataclass(frozen=True, slots=True)
class LinkSession:
    """One Checkout Session asked for on behalf of a link; the row is older than the request."""

    link_id: str
    number: int
    idempotency_key: str
    params: str
    requested_at: int
    session_id: str | None
    url: str | None
    expires_at: int | None
    closed_at: int | None

    def is_usable(self, now: int) -> bool:
        return (
            self.closed_at is None
            and self.url is not None
            and (self.expires_at is None or self.expires_at - SESSION_MARGIN_SECONDS > now)
        )
