"""Settings of the account that no request changes: what its owner chose, or Stripe chose for it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from lib.practice.method_types import KNOWN

EVENT_PAYLOADS = ("snapshot", "thin")
_NAME = "account"


@dataclass(frozen=True, slots=True)
class AccountSettings:
    """What the account's Dashboard would show.

    Attributes:
        business_name: As customers know the account, also on the hosted page; None: never set.
        account_id: Whose account it is.
        managed_payments: Stripe is the merchant of record unless a request says otherwise; on by
            default for some accounts since July 2026, and for nobody to switch off.
        payment_method_types: Those switched on for dynamic payment methods.
        statement_descriptor_prefix: Stands before the suffix of a card payment, 2 to 10 characters.
        settlement_currencies: Those with a bank account of their own; others become the first.
        payouts: `daily` at midnight UTC, or `manual` and then never.
        keeps_books: Whether what moves gets balance transactions at all.
        event_payload: What the webhook destination sends: whole objects, or only their ids.
    """

    business_name: str | None = "Onfile Practice Ltd"
    account_id: str = "acct_1OnfilePractice0"
    managed_payments: bool = False
    payment_method_types: tuple[str, ...] = (
        "acss_debit",
        "au_becs_debit",
        "bacs_debit",
        "card",
        "klarna",
        "link",
        "sepa_debit",
        "us_bank_account",
    )
    statement_descriptor: str = "ONFILE PRACTICE"
    statement_descriptor_prefix: str = "ONFILE"
    event_payload: str = "snapshot"
    settlement_currencies: tuple[str, ...] = ("usd",)
    payouts: str = "daily"
    keeps_books: bool = True


def read(connection: sqlite3.Connection) -> AccountSettings:
    row = connection.execute("SELECT value FROM settings WHERE name = ?", (_NAME,)).fetchone()
    return AccountSettings() if row is None else AccountSettings(**_typed(json.loads(row["value"])))


def change(connection: sqlite3.Connection, changes: Mapping[str, Any]) -> None:
    """Keeps what is not named.

    Raises:
        ValueError: There is no such setting, or it has no such value.
    """
    unknown = changes.keys() - {field.name for field in fields(AccountSettings)}
    if unknown:
        raise ValueError(f"the account has no setting {', '.join(sorted(unknown))}")
    changed = replace(read(connection), **_typed(dict(changes)))
    if changed.event_payload not in EVENT_PAYLOADS:
        raise ValueError(f"event_payload: one of {', '.join(EVENT_PAYLOADS)}")
    if not set(changed.payment_method_types) <= KNOWN:
        raise ValueError(f"payment_method_types: of {', '.join(sorted(KNOWN))}")
    connection.execute(
        "INSERT OR REPLACE INTO settings (name, value) VALUES (?, ?)",
        (_NAME, json.dumps(asdict(changed))),
    )


def _typed(values: dict[str, Any]) -> dict[str, Any]:
    return {
        name: tuple(value) if isinstance(value, list) else value for name, value in values.items()
    }
