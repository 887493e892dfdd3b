"""Statuses of a PaymentIntent, in sets: https://docs.stripe.com/payments/paymentintents/lifecycle"""

from __future__ import annotations

MOVING_STATUSES = ("succeeded", "processing")
"""Of a PaymentIntent whose money moved, or is on its way."""
HELD_STATUSES = (*MOVING_STATUSES, "requires_capture")
"""Or waits on the card to be taken."""
CONFIRMED_STATUSES = (*HELD_STATUSES, "requires_action", "requires_confirmation")
"""Or was tried, or is about to be, with a method it has."""
OVER_STATUSES = ("succeeded", "canceled")
CANCELLABLE_STATUSES = (
    "requires_payment_method",
    "requires_confirmation",
    "requires_action",
    "requires_capture",
)
"""Of a PaymentIntent that is neither over nor at the bank: https://docs.stripe.com/api/payment_intents/cancel"""
