"""Messages between the hosted page and practice Stripe."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class CheckoutView:
    """A Checkout Session as the page shows it.

    Attributes:
        status: `open`, `complete` or `expired`.
        customer_email: Prefilled address; not editable when `is_email_locked`.
        is_authentication_pending: A card was given and its bank asks for 3-D Secure.
        is_verification_pending: The page is completed, and the bank account not confirmed yet.
        success_url: With `{CHECKOUT_SESSION_ID}` already filled.
    """

    id: str
    status: str
    business_name: str | None
    customer_name: str | None
    customer_email: str | None
    is_email_locked: bool
    is_authentication_pending: bool
    is_verification_pending: bool
    setup_intent: str
    currency: str | None
    payment_method_types: tuple[str, ...]
    success_url: str
    cancel_url: str | None
    expires_at: datetime
    texts: tuple[str, ...]
    """Of whoever made the Session: beside the button, and below it."""
    locale: str | None


@dataclass(frozen=True, slots=True)
class CardForm:
    """What the cardholder typed. Lives only as long as the call; the repr hides the number."""

    number: str = field(repr=False)
    exp_month: int
    exp_year: int
    cvc: str = field(repr=False)
    name: str | None = None
    email: str | None = None
    country: str | None = None


@dataclass(frozen=True, slots=True)
class Completed:
    redirect_url: str


@dataclass(frozen=True, slots=True)
class NeedsAuthentication:
    pass


@dataclass(frozen=True, slots=True)
class CardRefused:
    message: str


CheckoutStep = Completed | NeedsAuthentication | CardRefused


@dataclass(frozen=True, slots=True)
class MoneyMoved:
    """One successful movement. `kind` is `charge`, `refund` or `dispute`."""

    kind: str
    amount: int
    currency: str
    charge: str
    payment_intent: str | None
    customer: str | None
    payment_method: str | None
    metadata: dict[str, str]
    idempotency_key: str | None
    moved_at: datetime
