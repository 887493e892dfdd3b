"""The account's balance: a transaction for everything that moved, and payouts to the bank.

A transaction follows some seconds after what it is about (Stripe captures asynchronously), so that a
charge has none at first. Charges become available two working days later; every midnight UTC what is
available and not paid out yet leaves in one payout a currency. No events are sent of any of this.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from lib.practice import account_settings, fees
from lib.practice.account_settings import AccountSettings
from lib.practice.ledger import Ledger

DELAY_SECONDS = 5
WORKING_DAYS = 2
_DAY = 24 * 3600
_TYPES = {
    "charge": ("charge", "payment", "charge"),
    "refund": ("refund", "payment_refund", "refund"),
    "refund_failure": ("refund_failure", "payment_failure_refund", "refund_failure"),
    "dispute": ("adjustment", "adjustment", "dispute"),
    "dispute_reversal": ("adjustment", "adjustment", "dispute_reversal"),
}
"""Of what moved: the type of cards', of others', and the reporting category."""

_DESCRIPTIONS = {
    "dispute": "Chargeback withdrawal for {charge}",
    "dispute_reversal": "Chargeback reversal for {charge}",
    "refund": "REFUND FOR CHARGE ({charge})",
    "refund_failure": "REFUND FAILURE ({charge})",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """What moved, before it is in the books. `amount` is signed, in the charge's currency."""

    kind: str
    source: str
    charge: str
    amount: int
    at: int


def is_due(connection: sqlite3.Connection, now: int) -> bool:
    """Whether `settle` may have anything to do."""
    waiting = "SELECT 1 FROM balance_entries WHERE is_booked = 0 AND at <= ? LIMIT 1"
    if connection.execute(waiting, (now - DELAY_SECONDS,)).fetchone() is not None:
        return True
    unpaid = "SELECT 1 FROM balance_ledger WHERE payout IS NULL AND available_on <= ? LIMIT 1"
    is_unpaid = connection.execute(unpaid, (_midnight(now),)).fetchone() is not None
    return is_unpaid and _paid_until(connection) < _midnight(now)


def settle(ledger: Ledger) -> None:
    """Books what moved, and pays out what is available, day by day until now."""
    settings = account_settings.read(ledger.connection)
    for entry in _waiting(ledger):
        if settings.keeps_books:
            _book(ledger, entry, settings)
    if settings.payouts == "daily":
        _pay_out(ledger)


def _waiting(ledger: Ledger) -> list[Entry]:
    rows = ledger.connection.execute(
        "SELECT kind, source, charge, amount, at FROM balance_entries"
        " WHERE is_booked = 0 AND at <= ? ORDER BY seq",
        (ledger.now - DELAY_SECONDS,),
    ).fetchall()
    ledger.connection.execute(
        "UPDATE balance_entries SET is_booked = 1 WHERE is_booked = 0 AND at <= ?",
        (ledger.now - DELAY_SECONDS,),
    )
    return [Entry(*row) for row in rows]


def _book(ledger: Ledger, entry: Entry, settings: AccountSettings) -> None:
    charge = ledger.find("charge", entry.charge)
    if charge is None:  # Made to disappear, see `tampering`.
        return
    presented = charge.payload["currency"]
    settles_itself = presented in settings.settlement_currencies
    currency = presented if settles_itself else settings.settlement_currencies[0]
    amount, rate = fees.converted(entry.amount, presented, currency)
    fee = 0
    if entry.kind == "charge":
        fee = fees.of_charge(charge.payload, amount, currency, is_converted=rate is not None)
    elif entry.kind == "dispute":
        fee = fees.of_dispute(currency)
    of_card, of_others, category = _TYPES[entry.kind]
    is_card = charge.payload["payment_method_details"]["type"] == "card"
    description = _DESCRIPTIONS.get(entry.kind, "").format(charge=entry.charge)
    booked = _add(
        ledger,
        amount=amount,
        currency=currency,
        fee=fee,
        at=entry.at,
        available_on=_working_days_later(entry.at) if entry.kind == "charge" else entry.at,
        source=entry.source,
        type_=of_card if is_card else of_others,
        category=category,
        description=description or charge.payload["description"],
        rate=rate,
    )
    _name(ledger, entry, booked)


def _name(ledger: Ledger, entry: Entry, booked: dict[str, Any]) -> None:
    """The object that moved the money names its transaction."""
    kind = {"refund_failure": "refund", "dispute_reversal": "dispute"}.get(entry.kind, entry.kind)
    source = ledger.find(kind, entry.source)
    if source is None:
        return
    if kind == "dispute":
        source.payload["balance_transactions"].append(booked)
    elif entry.kind == "refund_failure":
        source.payload["failure_balance_transaction"] = booked["id"]
    else:
        source.payload["balance_transaction"] = booked["id"]
    ledger.save(source)


def _add(
    ledger: Ledger,
    *,
    amount: int,
    currency: str,
    fee: int,
    at: int,
    available_on: int,
    source: str,
    type_: str,
    category: str,
    description: str | None,
    rate: float | None = None,
    payout: str | None = None,
) -> dict[str, Any]:
    detail = {
        "amount": fee,
        "application": None,
        "currency": currency,
        "description": "Dispute fee" if category == "dispute" else "Stripe processing fees",
        "type": "stripe_fee",
    }
    booked = ledger.add(
        "balance_transaction",
        {
            "amount": amount,
            "available_on": available_on,
            "balance_type": "payments",
            "created": at,
            "currency": currency,
            "description": description,
            "exchange_rate": rate,
            "fee": fee,
            "fee_details": [detail] if fee else [],
            "net": amount - fee,
            "reporting_category": category,
            "source": source,
            "status": "available" if available_on <= ledger.now else "pending",
            "type": type_,
        },
    )
    ledger.connection.execute(
        "INSERT INTO balance_ledger (id, currency, source, net, available_on, payout)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (booked.id, currency, source, amount - fee, available_on, payout),
    )
    return booked.payload


def _pay_out(ledger: Ledger) -> None:
    today = _midnight(ledger.now)
    first = ledger.connection.execute(
        "SELECT min(available_on) FROM balance_ledger WHERE payout IS NULL"
    ).fetchone()[0]
    if first is None:
        return
    day = max(_paid_until(ledger.connection), _midnight(first)) + _DAY
    while day <= today:
        for row in ledger.connection.execute(
            "SELECT currency, sum(net) FROM balance_ledger"
            " WHERE payout IS NULL AND available_on <= ? GROUP BY currency HAVING sum(net) > 0",
            (day,),
        ).fetchall():
            _add_payout(ledger, row[0], row[1], day)
        day += _DAY
    ledger.connection.execute(
        "INSERT OR REPLACE INTO settings (name, value) VALUES ('paid_until', ?)", (str(today),)
    )


def _add_payout(ledger: Ledger, currency: str, amount: int, at: int) -> None:
    payout = ledger.add(
        "payout",
        {
            "amount": amount,
            "application_fee": None,
            "application_fee_amount": None,
            "arrival_date": _working_days_later(at, 1),
            "automatic": True,
            "balance_transaction": None,
            "created": at,
            "currency": currency,
            "description": "STRIPE PAYOUT",
            "destination": "ba_1OnfilePractice0",
            "failure_balance_transaction": None,
            "failure_code": None,
            "failure_message": None,
            "metadata": {},
            "method": "standard",
            "original_payout": None,
            "payout_method": None,
            "reconciliation_status": "completed",
            "reversed_by": None,
            "source_type": "card",
            "statement_descriptor": None,
            "status": "in_transit",
            "trace_id": None,
            "type": "bank_account",
        },
    )
    ledger.connection.execute(
        "UPDATE balance_ledger SET payout = ?"
        " WHERE payout IS NULL AND currency = ? AND available_on <= ?",
        (payout.id, currency, at),
    )
    booked = _add(
        ledger,
        amount=-amount,
        currency=currency,
        fee=0,
        at=at,
        available_on=at,
        source=payout.id,
        type_="payout",
        category="payout",
        description="STRIPE PAYOUT",
        payout=payout.id,
    )
    payout.payload["balance_transaction"] = booked["id"]
    ledger.save(payout)


def as_of(now: int, item: dict[str, Any]) -> dict[str, Any]:
    """The object, and of a transaction or payout the status that time has brought."""
    if item["object"] == "payout" and item["status"] == "in_transit":
        return item | {"status": "paid"} if item["arrival_date"] <= now else item
    if item["object"] == "balance_transaction":
        return item | {"status": "available" if item["available_on"] <= now else "pending"}
    return item


def _paid_until(connection: sqlite3.Connection) -> int:
    row = connection.execute("SELECT value FROM settings WHERE name = 'paid_until'").fetchone()
    return 0 if row is None else int(row["value"])


def _midnight(moment: int) -> int:
    return moment // _DAY * _DAY


def _working_days_later(moment: int, days: int = WORKING_DAYS) -> int:
    """Midnight UTC, Saturdays and Sundays left out; no bank holidays."""
    day = datetime.fromtimestamp(_midnight(moment), UTC)
    while days:
        day += timedelta(days=1)
        days -= day.weekday() < 5
    return int(day.timestamp())
