"""Trials of what the documentation leaves open: each assumption beside what a Stripe sandbox does."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from lib.errors import RuleViolation
from lib.services.staff.sandbox_account import (
    ALLOWED,
    AT_ONCE,
    LONGEST_WAITS,
    NOBODY,
    NONE_OF_THEM,
    SandboxAccount,
)
from lib.settings import Mode
from lib.stripe_gateway.gateway import StripeGateway

# Attach and then fail: https://docs.stripe.com/testing
_NO_MONEY = "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds"
_ASKS_CUSTOMER = "pm_card_authenticationRequired"
_FAILS = "pm_card_chargeCustomerFail"


class SandboxRefused(RuleViolation):
    """The key moves real money."""

    code = "sandbox_live"


@dataclass(frozen=True, slots=True)
class Trial:
    name: str
    assumed: str
    seen: str
    ok: bool


@dataclass(frozen=True, slots=True)
class Assumption:
    text: str
    attempt: Callable[[SandboxAccount], str]
    holds: frozenset[str] = frozenset()
    """What may be seen; empty: the text alone."""


def trials(
    gateway: StripeGateway, mode: Mode, *, wait: Callable[[float], None] = time.sleep
) -> Iterator[Trial]:
    """
    One after the other, as they are made; what was made is removed at the end as far as Stripe can.

    Raises:
        SandboxRefused: with a live key, before anything is asked.
        GatewayError: the account cannot be asked at all.
    """
    if mode is Mode.LIVE:
        raise SandboxRefused(
            "This script charges test cards, and the key is a live one. Use a test key (rk_test_…)."
        )
    # Else every trial would wait for what fails, each for itself.
    gateway.pass_guard()
    account = SandboxAccount(gateway, wait)
    try:
        for name, assumption in ASSUMPTIONS.items():
            seen = account.seen(assumption.attempt)
            holds = seen in (assumption.holds or {assumption.text})
            yield Trial(name, assumption.text, seen, holds)
    finally:
        account.clean_up()


def _permission(path: str, name: str) -> Assumption:
    """Only a key that lacks it shows its name."""
    holds = frozenset({ALLOWED, f"missing {name}"})
    return Assumption(
        f"{ALLOWED}, or missing {name}", lambda sandbox: sandbox.permission(path), holds
    )


ASSUMPTIONS: dict[str, Assumption] = {
    "customer": Assumption("made", SandboxAccount.customer),
    "setup session": Assumption("open, SetupIntent expanded", SandboxAccount.setup_session),
    "setup session for a currency": Assumption(
        NONE_OF_THEM, SandboxAccount.setup_session_for_a_currency
    ),
    "customer_creation in setup mode": Assumption("accepted", SandboxAccount.customer_creation),
    "customer with customer_email": Assumption("refused", SandboxAccount.customer_and_email),
    "payment_method_types on Checkout": Assumption(
        "refused: 400 payment_method_types_no_longer_supported", SandboxAccount.payment_method_types
    ),
    "off-session charge without return_url": Assumption(
        "succeeded, charge expanded", SandboxAccount.without_return_url
    ),
    "off-session charge with return_url": Assumption("succeeded", SandboxAccount.with_return_url),
    "three-decimal currency": Assumption("succeeded", SandboxAccount.three_decimals),
    "same idempotency key": Assumption("the same payment", SandboxAccount.same_key),
    "same idempotency key, other amount": Assumption(
        "refused: 400 idempotency_error", SandboxAccount.same_key_other_amount
    ),
    "insufficient funds": Assumption(
        "refused: 402 card_declined insufficient_funds", lambda it: it.declined(_NO_MONEY)
    ),
    "authentication required": Assumption(
        "refused: 402 authentication_required authentication_required",
        lambda it: it.declined(_ASKS_CUSTOMER),
    ),
    "generic decline": Assumption(
        "refused: 402 card_declined generic_decline", lambda it: it.declined(_FAILS)
    ),
    "list after write": Assumption(
        f"within {LONGEST_WAITS} s",
        SandboxAccount.list_after_write,
        frozenset({AT_ONCE, *(f"after {waited} s" for waited in range(1, LONGEST_WAITS))}),
    ),
    "idempotency key of an event": Assumption("the request's", SandboxAccount.event_key),
    "refund": Assumption("succeeded", SandboxAccount.refund),
    "permission for events": _permission("/v1/events", "rak_event_read"),
    "permission for refunds": _permission("/v1/refunds", "rak_refund_read"),
    "permission for disputes": _permission("/v1/disputes", "rak_dispute_read"),
    "permission for the account": _permission("/v1/account", "rak_account_read"),
    "permission for setup attempts": _permission("/v1/setup_attempts", "rak_setup_intent_read"),
    "permission for mandates": _permission(f"/v1/mandates/mandate_{NOBODY}", "rak_mandate_read"),
    "permission for webhook endpoints": _permission("/v1/webhook_endpoints", "rak_webhook_read"),
}
"""By name: what Onfile is built on, and how it is tried. README, “Unproven”, lists the names."""
