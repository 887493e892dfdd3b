"""Idempotency keys: what makes Stripe answer a repeated request with the answer to the first."""

from __future__ import annotations

import hashlib
import json
import re

_CHARGE_KEY = re.compile(r"onfile:[0-9a-f]{40}:[1-9][0-9]{0,3}", re.ASCII)


def charge_key(*, customer: str, reference: str, number: int) -> str:
    """
    One key for one try of one debt, without any id of ours that is random: an older copy of the
    database, an empty one and a second installation meet the same key at Stripe.

    The account is not in it: Stripe keeps keys by account and ids of customers are of one account, while not
    every key may read its account's id, and two that differ in that would differ in the idempotency key.

    `number` counts the tries of the debt, not of the charge: another sum is the same debt.
    """
    return f"{key_prefix(customer=customer, reference=reference)}{number}"


def key_prefix(*, customer: str, reference: str) -> str:
    """What the key of every try of one debt begins with, and of no other's; its number follows."""
    debt = json.dumps([customer, reference], ensure_ascii=False)
    return f"onfile:{hashlib.sha256(debt.encode()).hexdigest()[:40]}:"


def is_charge_key(text: str) -> bool:
    """Whether `charge_key` may have made it: a payment's marks can be changed by hand."""
    return _CHARGE_KEY.fullmatch(text) is not None


def refund_key(order_id: str) -> str:
    return f"onfile:refund:{order_id}"


def customer_key(link_id: str) -> str:
    """Of the customer who is made for a link."""
    return f"onfile:customer:{link_id}"
