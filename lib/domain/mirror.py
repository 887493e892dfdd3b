"""Stripe's objects as Onfile keeps them: only the fields it needs, Stripe's names, no secrets."""

from __future__ import annotations

from dataclasses import dataclass

# All types, in the order in which they are read: names are known when sessions are written, so that
# nothing is indexed twice.
TYPES = (
    "customers",
    "checkout_sessions",
    "setup_intents",
    "payment_intents",
    "charges",
    "refunds",
    "disputes",
    "payment_methods",
)


@dataclass(frozen=True, slots=True)
class Customer:
    id: str
    livemode: bool
    name: str | None
    email: str | None
    created: int
    is_deleted: bool = False
    default_payment_method: str | None = None
    """What the customer's invoices are charged to, if anybody chose."""
    do_not_charge: str | None = None
    """From the metadata, as Stripe was asked; the mirror keeps it as holds (lib/domain/holds.py)."""
    preferred_locales: str | None = None
    """The customer's languages, the first one first, as a browser lists them: "pl,de-AT"."""

    @property
    def label(self) -> str:
        return self.name or self.email or self.id


@dataclass(frozen=True, slots=True)
class PaymentMethod:
    id: str
    livemode: bool
    type: str
    customer: str | None
    """None: never attached, or detached; the mirror knows which (`is_detached`)."""
    brand: str | None
    """The card's brand, or the bank's name or code for a bank debit."""
    last4: str | None
    exp_month: int | None
    exp_year: int | None
    funding: str | None
    country: str | None
    fingerprint: str | None
    """Same card, same fingerprint, also under another PaymentMethod id."""
    billing_name: str | None
    billing_email: str | None
    created: int
    is_detached: bool = False
    last_customer: str | None = None
    """Whom it was saved for, also after it was detached; None where nobody knows."""


@dataclass(frozen=True, slots=True)
class SetupIntent:
    id: str
    livemode: bool
    status: str
    customer: str | None
    payment_method: str | None
    usage: str | None
    last_error_code: str | None
    last_error_message: str | None
    created: int


@dataclass(frozen=True, slots=True)
class CheckoutSession:
    id: str
    livemode: bool
    mode: str
    status: str
    """open, complete or expired. "complete" does not mean saved: that is SetupIntent `succeeded`."""
    customer: str | None
    customer_email: str | None
    customer_name: str | None
    currency: str | None
    setup_intent: str | None
    client_reference_id: str | None
    link_id: str | None
    """Onfile's setup link, from the metadata; None for a session made elsewhere."""
    reference: str | None
    url: str | None
    """Only while open, and never stored in the mirror: whoever has it can use it."""
    created: int
    expires_at: int | None
    charge_id: str | None = None
    """The failed charge that the link is to recover, from the metadata."""
    installation: str | None = None
    """Which Onfile made it, from the metadata."""
    page_params: str | None = None
    """Of the parameters that its page was asked for with, as JSON, those that say what it tells the customer."""


@dataclass(frozen=True, slots=True)
class SessionBundle:
    """A Session with what its expansion brought along."""

    session: CheckoutSession
    setup_intent: SetupIntent | None
    payment_method: PaymentMethod | None

    @property
    def created(self) -> int:
        return self.session.created


@dataclass(frozen=True, slots=True)
class SetupIntentBundle:
    """A SetupIntent with the PaymentMethod its expansion brought along."""

    setup_intent: SetupIntent
    payment_method: PaymentMethod | None

    @property
    def created(self) -> int:
        return self.setup_intent.created


@dataclass(frozen=True, slots=True)
class PaymentMethodBundle:
    """A PaymentMethod with the customer it is attached to, where that could be read."""

    payment_method: PaymentMethod
    customer: Customer | None


@dataclass(frozen=True, slots=True)
class Decline:
    """Why a payment attempt failed, in Stripe's codes. All are open lists: expect new ones."""

    code: str | None = None
    decline_code: str | None = None
    advice_code: str | None = None
    network_decline_code: str | None = None
    network_advice_code: str | None = None
    outcome_type: str | None = None
    """`charge.outcome.type`: issuer_declined, blocked, invalid …"""
    message: str | None = None


@dataclass(frozen=True, slots=True)
class StripeCharge:
    """Stripe's Charge: one try of a PaymentIntent. The ledger's own charges are another thing."""

    id: str
    livemode: bool
    status: str
    customer: str | None
    payment_intent: str | None
    payment_method: str | None
    amount: int
    """Minor units."""
    amount_refunded: int
    currency: str
    is_disputed: bool
    failure_code: str | None
    outcome_type: str | None
    created: int


@dataclass(frozen=True, slots=True)
class PaymentIntent:
    id: str
    livemode: bool
    status: str
    customer: str | None
    payment_method: str | None
    amount: int
    """Minor units."""
    currency: str
    charge_id: str | None
    """Onfile's charge, from the metadata; None for a payment made elsewhere."""
    attempt: int | None
    latest_charge: str | None
    description: str | None
    error: Decline | None
    created: int
    charge: StripeCharge | None = None
    """The latest one, where it was expanded."""
    run_id: str | None = None
    """Onfile's charge run, from the metadata."""
    amount_received: int | None = None
    """Minor units."""
    reference: str | None = None
    """What was owed, from the metadata."""
    installation: str | None = None
    """Which Onfile made it, from the metadata."""
    error_payment_method: str | None = None
    """The method that the error is about: after a decline the payment itself has none any more."""
    idempotency_key: str | None = None
    """Under which it was asked for, from the metadata: it tells the debt even where somebody changed the reference."""


@dataclass(frozen=True, slots=True)
class Refund:
    id: str
    status: str | None
    customer: str | None
    """Of the charge, where it was expanded: Stripe's Refund names none."""
    charge: str | None
    payment_intent: str | None
    amount: int
    """Minor units."""
    currency: str
    reason: str | None
    failure_reason: str | None
    created: int
    order_id: str | None = None
    """Onfile's order, from the metadata; None for a refund made elsewhere."""
    of: StripeCharge | None = None
    """The charge itself, where it was expanded."""
    charge_id: str | None = None
    """Onfile's charge, from the metadata."""
    installation: str | None = None
    """Which Onfile made it, from the metadata."""


@dataclass(frozen=True, slots=True)
class Dispute:
    id: str
    livemode: bool
    status: str
    customer: str | None
    """Of the charge, where it was expanded: Stripe's Dispute names none."""
    charge: str | None
    payment_intent: str | None
    amount: int
    """Minor units."""
    currency: str
    reason: str | None
    due_by: int | None
    """Until when evidence is taken."""
    created: int
    is_charge_refundable: bool = False
    """As Stripe says now; the mirror keeps the status, which says nearly the same."""
    of: StripeCharge | None = None
    """The charge itself, where it was expanded."""

    @property
    def is_inquiry(self) -> bool:
        """A bank's question, which has taken no money yet."""
        return self.status.startswith("warning_")

    @property
    def is_open(self) -> bool:
        return self.status not in ("won", "lost", "warning_closed", "prevented")

    @property
    def allows_refund(self) -> bool:
        """A chargeback took the money itself, unless it was won; an inquiry has taken nothing."""
        return self.is_charge_refundable or self.is_inquiry or self.status == "won"


@dataclass(frozen=True, slots=True)
class Event:
    id: str
    type: str
    livemode: bool
    api_version: str | None
    created: int
    object_id: str | None
    object_type: str | None
    idempotency_key: str | None
    """The key of the API request that caused the event, when one did."""
    account: str | None = None
    """The connected account it happened on; None for one's own."""
    mode: str | None = None
    """Of a Checkout Session, which never changes it."""
    status: str | None = None
    customer: str | None = None
    is_thin: bool = False
    """It only names its object, as its destination at Stripe was set up to."""
