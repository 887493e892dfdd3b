"""Makes Onfile's own identifiers and secret addresses."""

from __future__ import annotations

import secrets

# Thirty-two letters, so that each of them stands for eight of a byte's values: none comes more often.
_LETTER_OF_BYTE = b"0123456789abcdefghjkmnpqrstvwxyz" * 8


def new_id(prefix: str) -> str:
    """`prefix` and 80 random bits ("chg_…"), which reads well aloud (no i, l, o, u)."""
    return f"{prefix}_{secrets.token_bytes(16).translate(_LETTER_OF_BYTE).decode('ascii')}"


def new_token() -> str:
    """A secret for an address that must not be guessed: 160 bits."""
    return secrets.token_urlsafe(20)
