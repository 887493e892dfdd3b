"""The Stripe account that a key belongs to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Account:
    id: str
    business_name: str | None
    """Facing customers; the Dashboard's own name of an account is not meant for them."""
    statement_prefix: str | None
    """What stands before the suffix of a card payment on statements."""
