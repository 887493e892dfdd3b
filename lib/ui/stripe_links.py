"""Addresses in the Stripe Dashboard."""

from __future__ import annotations

from lib.settings import Mode

_DASHBOARD = "https://dashboard.stripe.com"


def payment(mode: Mode, payment_intent: str) -> str | None:
    """Of a PaymentIntent; None in practice mode, where there is no Dashboard."""
    if mode is Mode.PRACTICE:
        return None
    test = "" if mode is Mode.LIVE else "/test"
    return f"{_DASHBOARD}{test}/payments/{payment_intent}"
