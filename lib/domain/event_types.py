"""Stripe's event types that Onfile reads, and that a webhook endpoint sends it."""

from __future__ import annotations

# Stripe takes at most twenty. A PaymentIntent brings its latest charge along, a refund and a dispute
# theirs, so that only charges that failed need events of their own.
EVENT_TYPES = (
    "checkout.session.completed",
    "checkout.session.expired",
    "setup_intent.succeeded",
    "setup_intent.setup_failed",
    "payment_method.attached",
    "payment_method.detached",
    "payment_method.updated",
    "payment_method.automatically_updated",
    "payment_intent.succeeded",
    "payment_intent.payment_failed",
    "payment_intent.processing",
    "payment_intent.requires_action",
    "payment_intent.canceled",
    "customer.created",
    "customer.updated",
    "customer.deleted",
    "refund.created",
    "refund.updated",
    "charge.dispute.created",
    "charge.dispute.closed",
)
# What nobody waits for: begun by other programs and not carried out, or on its way at the bank.
MORE_EVENT_TYPES = (
    "setup_intent.created",
    "setup_intent.requires_action",
    "setup_intent.canceled",
    "payment_intent.created",
    "payment_intent.amount_capturable_updated",
    "payment_intent.partially_funded",
    "charge.failed",
    "charge.dispute.updated",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.funds_reinstated",
    "refund.failed",
)
