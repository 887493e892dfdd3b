"""Idempotency keys: what makes Stripe answer a repeated request with the answer to the first."""

from __future__ import annotations

import hashlib
import json


def charge_key(*, customer: str, reference: str, number: int) -> str:
    """
    One key for one try of one debt, without any id of ours that is random: an older copy of the
    database, an empty one and a second installation meet the same key at Stripe.

    The account is not in it: Stripe keeps keys by account and ids of customers are of one account, while not
    every key may read its account's id, and two that differ in that would differ in the idempotency key.

    `number` counts the tries of the debt, not of the charge: another sum is the same debt.
    """
    debt = json.dumps([customer, reference], ensure_ascii=False)
    return f"onfile:{hashlib.sha256(debt.encode()).hexdigest()[:40]}:{number}"


def refund_key(order_id: str) -> str:
    return f"onfile:refund:{order_id}"
