"""Makes Onfile's own identifiers; injectable like the clock."""

from __future__ import annotations

import secrets
from collections.abc import Callable

Ids = Callable[[str], str]
"""Takes a prefix ("chg") and returns a new identifier ("chg_…")."""

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def new_id(prefix: str) -> str:
    """A random identifier of 80 bits that reads well aloud (no i, l, o, u)."""
    return f"{prefix}_" + "".join(secrets.choice(_ALPHABET) for _ in range(16))


def new_token() -> str:
    """A secret for an address that must not be guessed: 160 bits."""
    return secrets.token_urlsafe(20)
