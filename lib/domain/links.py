"""Setup links: what they are and when they count as open."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum

# How long the durable address works. Long enough for a customer on holiday; a link in an old mail
# should not save cards for ever.
LINK_LIFETIME_SECONDS = 30 * 86_400
# A Session this close to its end is replaced when the customer opens the durable address, so that
# nobody types a card number into a page that closes.
SESSION_MARGIN_SECONDS = 10 * 60
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

    def status(self, now: int) -> LinkStatus:
        if self.completed_at is not None:
            return LinkStatus.COMPLETED
        if self.revoked_at is not None:
            return LinkStatus.REVOKED
        return LinkStatus.EXPIRED if now >= self.expires_at else LinkStatus.OPEN


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
