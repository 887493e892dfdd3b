"""Card numbers as typed: read, checked, turned into a fingerprint, and then forgotten."""

from __future__ import annotations

import hashlib
import hmac


def normalized(number: str) -> str:
    return "".join(character for character in number if character.isalnum()).upper()


def fingerprint(number: str, key: bytes) -> str:
    """The same for the same number, and useless for finding the number out without the key."""
    digest = hmac.new(key, normalized(number).encode(), hashlib.sha256).hexdigest()
    return digest[:16]


def passes_luhn(number: str) -> bool:
    digits = normalized(number)
    if not digits.isascii() or not digits.isdecimal() or not 12 <= len(digits) <= 19:
        return False
    total = 0
    for position, character in enumerate(reversed(digits)):
        digit = int(character) * (1 + position % 2)
        total += digit - 9 if digit > 9 else digit
    return total % 10 == 0
