"""Reading and writing the account's objects, events and money within one open transaction."""

from __future__ import annotations

import json
import secrets
import sqlite3
import string
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from lib.practice.replies import API_VERSION, invalid, missing
from lib.practice.steps import MoneyMoved

_ALPHABET = string.ascii_letters + string.digits
_RANDOM = secrets.SystemRandom()
_PREFIXES = {
    "customer": ("cus_", 14),
    "checkout.session": ("cs_test_a1", 56),
    "setup_intent": ("seti_", 24),
    "setup_attempt": ("setatt_", 24),
    "payment_method": ("pm_", 24),
    "payment_intent": ("pi_", 24),
    "charge": ("ch_", 24),
    "refund": ("re_", 24),
    "dispute": ("du_", 24),
    "mandate": ("mandate_", 24),
    "event": ("evt_", 24),
    "webhook_endpoint": ("we_", 24),
    "balance_transaction": ("txn_", 24),
    "payout": ("po_", 24),
    "request": ("req_", 14),
}
_NOUNS = {
    "checkout.session": "checkout.session",
    "setup_intent": "setupintent",
    "payment_method": "PaymentMethod",
    "payment_intent": "payment_intent",
}
_FILTER_COLUMNS = (
    "customer",
    "payment_method",
    "payment_intent",
    "setup_intent",
    "charge",
    "status",
    "type",
    "email",
)


def new_id(kind: str) -> str:
    prefix, length = _PREFIXES[kind]
    return prefix + "".join(_RANDOM.choices(_ALPHABET, k=length))


def noun(kind: str) -> str:
    """What Stripe calls the kind in "No such …"."""
    return _NOUNS.get(kind, kind)


@dataclass(slots=True)
class Stored:
    """An object of the account. Change `payload` or `hidden`, then `Ledger.save` it.

    Attributes:
        hidden: What Stripe knows and does not show.
    """

    kind: str
    payload: dict[str, Any]
    hidden: dict[str, Any]
    seq: int = 0
    is_deleted: bool = False

    @property
    def id(self) -> str:
        return str(self.payload["id"])

    @property
    def created(self) -> int:
        return int(self.payload["created"])


@dataclass(slots=True)
class Ledger:
    """The account as one request sees it.

    Attributes:
        now: Whole seconds since 1970, the same for the whole request.
        livemode: What the caller's key asks for. Nothing here is live, so a live key sees nothing.
    """

    connection: sqlite3.Connection
    now: int
    request_id: str | None = None
    idempotency_key: str | None = None
    livemode: bool = False

    @property
    def month(self) -> tuple[int, int]:
        """The year and month of `now`."""
        today = datetime.fromtimestamp(self.now, UTC)
        return today.year, today.month

    def add(
        self, kind: str, payload: dict[str, Any], hidden: dict[str, Any] | None = None
    ) -> Stored:
        """Stores a new object. Fills `id`, `object`, `created` and `livemode` where due."""
        if self.livemode:
            raise invalid("Practice Stripe has no live mode: use a test key.")
        head = {"id": new_id(kind), "object": kind, "created": self.now}
        if kind not in ("refund", "balance_transaction"):
            head["livemode"] = False
        stored = Stored(kind, head | payload, hidden or {})
        columns = _columns(stored)
        names = ", ".join(columns)
        marks = ", ".join("?" for _ in columns)
        cursor = self.connection.execute(
            f"INSERT INTO objects (id, kind, created, {names}) VALUES (?, ?, ?, {marks})",  # noqa: S608
            (stored.id, kind, stored.created, *columns.values()),
        )
        stored.seq = int(cursor.lastrowid or 0)
        return stored

    def save(self, stored: Stored) -> None:
        columns = _columns(stored)
        assignments = ", ".join(f"{name} = ?" for name in columns)
        self.connection.execute(
            f"UPDATE objects SET {assignments} WHERE id = ?",  # noqa: S608
            (*columns.values(), stored.id),
        )

    def find(self, kind: str, object_id: str | None) -> Stored | None:
        """Deleted objects are found too: ask `is_deleted`."""
        row = self.connection.execute(
            "SELECT kind, payload, hidden, seq, is_deleted FROM objects WHERE id = ? AND kind = ?",
            (object_id, kind),
        ).fetchone()
        return None if row is None or self.livemode else _stored(row)

    def get(self, kind: str, object_id: str, *, param: str = "id", status: int = 404) -> Stored:
        """The object, or Stripe's "No such …" that names the parameter at fault."""
        stored = self.find(kind, object_id)
        if stored is not None and not stored.is_deleted:
            return stored
        refusal = missing(noun(kind), object_id, param=param, status=status)
        if self.livemode and self.exists(object_id):
            refusal.error["message"] += (
                "; a similar object exists in test mode, but a live mode key was used to make "
                "this request."
            )
        raise refusal

    def exists(self, object_id: str) -> bool:
        row = self.connection.execute("SELECT 1 FROM objects WHERE id = ?", (object_id,))
        return row.fetchone() is not None

    def select(
        self, kind: str, where: str = "", values: Sequence[Any] = (), *, order: str = "DESC"
    ) -> list[Stored]:
        """Objects that are not deleted, newest first."""
        if self.livemode:
            return []
        rows = self.connection.execute(
            "SELECT kind, payload, hidden, seq, is_deleted FROM objects "  # noqa: S608
            f"WHERE kind = ? AND is_deleted = 0 {where} ORDER BY created {order}, seq {order}",
            (kind, *values),
        )
        return [_stored(row) for row in rows]

    def emit(
        self,
        type_: str,
        stored: Stored,
        *,
        previous: dict[str, Any] | None = None,
        created: int | None = None,
    ) -> None:
        """Records an event with the object as it is now, and queues its delivery.

        Does nothing while events are lost, see `PracticeStripe.events_lost`.
        """
        if self.connection.execute("SELECT 1 FROM lost_events LIMIT 1").fetchone() is not None:
            return
        data: dict[str, Any] = {"object": stored.payload}
        if previous is not None:
            data["previous_attributes"] = previous
        event = {
            "id": new_id("event"),
            "object": "event",
            "api_version": API_VERSION,
            "created": self.now if created is None else created,
            "data": data,
            "livemode": False,
            "pending_webhooks": 1,
            "request": {"id": self.request_id, "idempotency_key": self.idempotency_key},
            "type": type_,
        }
        self.connection.execute(
            "INSERT INTO events (id, created, type, payload) VALUES (?, ?, ?, ?)",
            (event["id"], event["created"], type_, json.dumps(event)),
        )
        self.connection.execute(
            "INSERT INTO deliveries (event_id, next_try_at) VALUES (?, ?)", (event["id"], self.now)
        )

    def enter(self, kind: str, source: str, charge: str, amount: int) -> None:
        """For the books; `amount` is signed, in the charge's currency."""
        self.connection.execute(
            "INSERT INTO balance_entries (kind, source, charge, amount, at) VALUES (?, ?, ?, ?, ?)",
            (kind, source, charge, amount, self.now),
        )

    def record_money(self, kind: str, charge: dict[str, Any], amount: int) -> None:
        self.connection.execute(
            "INSERT INTO money_moved (kind, amount, currency, charge, payment_intent, customer,"
            " payment_method, metadata, idempotency_key, moved_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                kind,
                amount,
                charge["currency"],
                charge["id"],
                charge["payment_intent"],
                charge["customer"],
                charge["payment_method"],
                json.dumps(charge["metadata"]),
                self.idempotency_key,
                self.now,
            ),
        )


def _columns(stored: Stored) -> dict[str, Any]:
    payload = stored.payload
    columns = {name: payload.get(name) for name in _FILTER_COLUMNS}
    if stored.kind == "checkout.session":
        columns["email"] = (payload["customer_details"] or {}).get("email")
    return columns | {
        "due_at": _due_at(stored),
        "is_deleted": int(stored.is_deleted),
        "payload": json.dumps(payload),
        "hidden": json.dumps(stored.hidden),
    }


def _due_at(stored: Stored) -> int | None:
    if stored.kind == "checkout.session" and stored.payload["status"] == "open":
        return int(stored.payload["expires_at"])
    return stored.hidden.get("due_at")


def _stored(row: sqlite3.Row) -> Stored:
    return Stored(
        kind=row["kind"],
        payload=json.loads(row["payload"]),
        hidden=json.loads(row["hidden"]),
        seq=row["seq"],
        is_deleted=bool(row["is_deleted"]),
    )


def money_moved(connection: sqlite3.Connection) -> list[MoneyMoved]:
    rows = connection.execute("SELECT * FROM money_moved ORDER BY seq")
    return [_money_moved(row) for row in rows]


def _money_moved(row: sqlite3.Row) -> MoneyMoved:
    return MoneyMoved(
        kind=row["kind"],
        amount=row["amount"],
        currency=row["currency"],
        charge=row["charge"],
        payment_intent=row["payment_intent"],
        customer=row["customer"],
        payment_method=row["payment_method"],
        metadata=json.loads(row["metadata"]),
        idempotency_key=row["idempotency_key"],
        moved_at=datetime.fromtimestamp(row["moved_at"], UTC),
    )
