"""A sign-in at the provider of a single sign-on: who it names, and whether it still counts."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

TAKEN_WITHIN_SECONDS = 300
"""Of the moment at which the provider made it."""
PROVED_WITHIN_SECONDS = 300
"""How long a sign-in that was asked for again stands in for a password."""
CLOCKS_DIFFER_SECONDS = 120
LONGEST_SUBJECT = 255


@dataclass(frozen=True, slots=True)
class Identity:
    """By these two a provider tells people apart, for ever; an address may be somebody else's tomorrow."""

    issuer: str
    subject: str


@dataclass(frozen=True, slots=True)
class ProviderSignIn:
    """What Streamlit and Authlib have checked: signature, issuer, audience, nonce."""

    identity: Identity
    made_at: int
    proved_at: int | None
    """When the person typed a password or the like there; None: the provider does not say."""
    email: str
    """Empty unless the provider has verified it."""
    digest: str

    def is_fresh(self, now: int) -> bool:
        return -CLOCKS_DIFFER_SECONDS <= now - self.made_at < TAKEN_WITHIN_SECONDS


def sign_in_of(claims: Mapping[str, object]) -> ProviderSignIn | None:
    """None: what an ID token must have is missing."""
    issuer, subject, made_at = claims.get("iss"), claims.get("sub"), _moment(claims, "iat")
    if not isinstance(issuer, str) or not isinstance(subject, str) or made_at is None:
        return None
    if not issuer or not subject or len(subject) > LONGEST_SUBJECT:
        return None
    email = claims.get("email")
    is_verified = claims.get("email_verified") is True
    seal = "\n".join((issuer, subject, str(claims.get("nonce")), str(made_at)))
    return ProviderSignIn(
        Identity(issuer, subject),
        made_at,
        _moment(claims, "auth_time"),
        email.strip().casefold() if isinstance(email, str) and is_verified else "",
        hashlib.sha256(seal.encode()).hexdigest(),
    )


def is_proof(proved_at: int | None, *, now: int) -> bool:
    """Whether the person proved just now, at the provider, that they are there."""
    return (
        proved_at is not None and -CLOCKS_DIFFER_SECONDS <= now - proved_at < PROVED_WITHIN_SECONDS
    )


def _moment(claims: Mapping[str, object], name: str) -> int | None:
    value = claims.get(name)
    return int(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
