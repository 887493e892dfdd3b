"""
Money between Stripe and the bank: what each movement cost, and with which payout it left.

https://docs.stripe.com/reports/balance-transaction-types
"""

from __future__ import annotations

from dataclasses import dataclass

CHARGE_TYPES = ("charge", "payment")
"""Of a balance transaction that is a payment of a customer's."""

READ_EVERY_SECONDS = 6 * 3600
"""Fees come seconds after a charge, payouts once a day: nobody waits for either."""

WINDOW_SECONDS = 7 * 86_400
"""Transactions read before the position is kept: what is lost when the process dies."""

OVERLAP_SECONDS = 3600
"""Read again each time: a transaction may be shown late."""


@dataclass(frozen=True, slots=True)
class BalanceTransaction:
    """Amounts in minor units of the currency of settlement; `fee` is what Stripe keeps."""

    id: str
    type: str
    """`charge` or `payment`, `refund`, `adjustment` (disputes), `payout`, `stripe_fee` …"""
    source: str | None
    """The charge, refund, dispute or payout that moved."""
    amount: int
    fee: int
    net: int
    currency: str
    available_on: int
    created: int


@dataclass(frozen=True, slots=True)
class Payout:
    id: str
    amount: int
    currency: str
    status: str
    is_automatic: bool
    """Only these name the transactions that they hold: https://docs.stripe.com/api/payouts"""
    arrival_date: int
    created: int
