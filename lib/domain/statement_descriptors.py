"""
The text on a card statement: the account's prefix, "* ", and the suffix of the charge.

Source: https://docs.stripe.com/get-started/account/statement-descriptors
"""

from __future__ import annotations

from lib.domain.runs import Finding, Severity

LONGEST = 22
"""Characters of all three together. Stripe cuts off what is longer, without an error."""

_JOINT = "* "
_PREFIXES = (2, 10)
LONGEST_SUFFIX = LONGEST - len(_JOINT) - _PREFIXES[0]
"""Behind the shortest prefix there can be."""

CODE = "suffix_too_long"
COLUMN = "statement_descriptor_suffix"


def room(prefix: str) -> int:
    """Characters that are left for a suffix."""
    return LONGEST - len(_JOINT) - len(prefix)


def finding(suffix: str | None, prefix: str | None) -> Finding | None:
    """
    What is wrong with the length of a suffix behind the account's prefix; None: it is shown whole.

    Args:
        prefix: None where Stripe could not be asked; then only what fits behind the longest prefix
            is certain.
    """
    if suffix is None:
        return None
    if prefix is None:
        if len(suffix) <= LONGEST - len(_JOINT) - _PREFIXES[1]:
            return None
        return Finding(
            CODE,
            Severity.AMBER,
            f"“{suffix}” may be cut off on the statement: Stripe could not be asked how long the name before it is.",
            COLUMN,
        )
    if len(suffix) <= room(prefix):
        return None
    shown = f"{prefix}{_JOINT}{suffix}"[:LONGEST]
    return Finding(
        CODE,
        Severity.RED,
        f"The statement would say “{shown}”: behind “{prefix}” there is room for {room(prefix)} characters. Shorten it.",
        COLUMN,
    )
