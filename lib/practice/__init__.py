"""Practice Stripe: a stateful double of the part of Stripe that Onfile uses."""

from lib.practice.engine import PracticeStripe
from lib.practice.replies import ConnectionDropped, Reply
from lib.practice.steps import (
    CardForm,
    CardRefused,
    CheckoutStep,
    CheckoutView,
    Completed,
    MoneyMoved,
    NeedsAuthentication,
)

__all__ = [
    "CardForm",
    "CardRefused",
    "CheckoutStep",
    "CheckoutView",
    "Completed",
    "ConnectionDropped",
    "MoneyMoved",
    "NeedsAuthentication",
    "PracticeStripe",
    "Reply",
]
