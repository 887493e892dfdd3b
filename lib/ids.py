"""Makes Onfile's own identifiers and secret addresses."""

from __future__ import annotations

import secrets

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def new_id(prefix: str) -> str:
    """`prefix` and 80 random bits ("chg_…"), which reads well aloud (no i, l, o, u)."""
    return f"{prefix}_" + "".join(secrets.choice(_ALPHABET) for _ in range(16))


def new_token() -> str:
    """A secret for an address that must not be guessed: 160 bits."""
    return secrets.token_urlsafe(20)
