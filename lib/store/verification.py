"""Our side of a verification: rows by windows of `created`, as plain values to compare with Stripe's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlite_utils import Database

from lib.store.upserts import marks


@dataclass(frozen=True, slots=True)
class Compared:
    """A mirrored type: its table, which rows Stripe would list, and the columns that are compared."""

    table: str
    columns: tuple[str, ...]
    where: str = "1"
    has_position: bool = False
    """Ordered by `position`, which begins with `created`; otherwise there is an index on `created`."""

    @property
    def order(self) -> str:
        return "position" if self.has_position else "created"

    def bound(self, moment: int) -> int:
        return moment << 20 if self.has_position else moment


# Columns are named like the fields of the mirror's classes. What Stripe does not list, such as
# deleted customers, is left out on our side.
COMPARED: dict[str, Compared] = {
    "customers": Compared(
        "customers", ("name", "email", "default_payment_method", "created"), "is_deleted = 0", True
    ),
    "checkout_sessions": Compared(
        "checkout_sessions",
        (
            "status",
            "customer",
            "customer_email",
            "customer_name",
            "currency",
            "setup_intent",
            "client_reference_id",
            "link_id",
            "reference",
            "created",
            "expires_at",
        ),
        has_position=True,
    ),
    "setup_intents": Compared(
        "setup_intents",
        ("status", "customer", "payment_method", "usage", "last_error_code", "created"),
    ),
    "payment_intents": Compared(
        "payment_intents",
        (
            "status",
            "customer",
            "payment_method",
            "amount",
            "currency",
            "charge_id",
            "attempt",
            "reference",
            "installation",
            "latest_charge",
            "description",
            "created",
        ),
    ),
    "charges": Compared(
        "stripe_charges",
        (
            "status",
            "customer",
            "payment_intent",
            "payment_method",
            "amount",
            "amount_refunded",
            "currency",
            "is_disputed",
            "failure_code",
            "created",
        ),
    ),
    "refunds": Compared(
        "stripe_refunds",
        (
            "status",
            "charge",
            "payment_intent",
            "amount",
            "currency",
            "reason",
            "failure_reason",
            "created",
        ),
    ),
    "disputes": Compared(
        "disputes",
        ("status", "charge", "payment_intent", "amount", "currency", "reason", "due_by", "created"),
    ),
    "payment_methods": Compared(
        "payment_methods",
        (
            "type",
            "customer",
            "brand",
            "last4",
            "exp_month",
            "exp_year",
            "funding",
            "country",
            "fingerprint",
            "billing_name",
            "billing_email",
            "created",
        ),
        "is_detached = 0",
        True,
    ),
}


class CompareStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def count(self, type_: str, *, before: int) -> int:
        kind = COMPARED[type_]
        return int(
            self._value(
                f"SELECT count(*) FROM {kind.table} WHERE {kind.order} < ? AND {kind.where}",
                kind.bound(before),
            )
            or 0
        )

    def window_below(self, type_: str, before: int, size: int) -> int:
        """
        From where on there are at most `size` objects that were made before this moment; 0: all.

        More only where a single second holds more.
        """
        kind = COMPARED[type_]
        beyond = self._value(
            f"""SELECT created FROM {kind.table} WHERE {kind.order} < ? AND {kind.where}
                ORDER BY {kind.order} DESC LIMIT 1 OFFSET ?""",
            kind.bound(before),
            size,
        )
        return 0 if beyond is None else min(beyond + 1, before - 1)

    def bounds(self, type_: str, *, before: int) -> tuple[int, int]:
        """When the oldest and the newest were made; both `before` when there is none."""
        kind = COMPARED[type_]
        first, last = (
            self._value(
                f"""SELECT created FROM {kind.table} WHERE {kind.order} < ? AND {kind.where}
                    ORDER BY {kind.order} {way} LIMIT 1""",
                kind.bound(before),
            )
            for way in ("ASC", "DESC")
        )
        return (before, before) if first is None or last is None else (first, last)

    def end_of_widest_gap(self, type_: str, *, since: int, before: int) -> int | None:
        """When the first object was made after the longest time without any; None when there are none."""
        kind = COMPARED[type_]
        return self._value(
            f"""SELECT created FROM (
                    SELECT created, created - lag(created, 1, ?) OVER (ORDER BY {kind.order}) AS gap
                    FROM {kind.table}
                    WHERE {kind.order} >= ? AND {kind.order} < ? AND {kind.where})
                ORDER BY gap DESC, created DESC LIMIT 1""",
            since,
            kind.bound(since),
            kind.bound(before),
        )

    def between(
        self, type_: str, created_from: int, created_before: int
    ) -> dict[str, tuple[Any, ...]]:
        """Values by id, in the order of the type's columns."""
        kind = COMPARED[type_]
        return self._rows(
            f"""SELECT id, {", ".join(kind.columns)} FROM {kind.table}
                WHERE {kind.order} >= ? AND {kind.order} < ? AND {kind.where}""",
            kind.bound(created_from),
            kind.bound(created_before),
        )

    def methods_of(self, customer: str) -> dict[str, tuple[Any, ...]]:
        kind = COMPARED["payment_methods"]
        return self._rows(
            f"""SELECT id, {", ".join(kind.columns)} FROM {kind.table}
                WHERE customer = ? AND {kind.where}""",
            customer,
        )

    def is_on_its_way(self, objects: Sequence[str], kinds: Sequence[str]) -> bool:
        """Whether an event is still to be processed of one of these, or of any object of a kind."""
        waits = "(state = 'received' OR state = 'failed' AND next_try_at IS NOT NULL)"
        by_id = f"""SELECT 1 FROM webhook_deliveries INDEXED BY webhook_deliveries_by_object
            WHERE object_id IN ({marks(len(objects))}) AND {waits} LIMIT 1"""
        by_kind = f"""SELECT 1 FROM webhook_deliveries
            WHERE object_type IN ({marks(len(kinds))}) AND {waits} LIMIT 1"""
        return self._value(by_id, *objects) is not None or (
            bool(kinds) and self._value(by_kind, *kinds) is not None
        )

    def was_nobodys(self, object_id: str) -> bool:
        """Whether there were events of it, and none named a customer."""
        return bool(
            self._value(
                """SELECT count(*) > 0 AND max(body ->> '$.customer') IS NULL
                   FROM webhook_deliveries WHERE object_id = ?""",
                object_id,
            )
        )

    def remove(self, type_: str, ids: Sequence[str]) -> None:
        """What Stripe does not have, and never had as far as anybody can tell."""
        table = COMPARED[type_].table
        self._database.conn.executemany(
            f"DELETE FROM {table} WHERE id = ?", [(object_id,) for object_id in ids]
        )

    def remove_misplaced(self, type_: str, created: Mapping[str, int]) -> None:
        """
        Rows that stand at another moment than Stripe says, by id.

        No upsert moves them: at Stripe the moment never changes.
        """
        kind = COMPARED[type_]
        wrong = "created <> ?2" + (" OR position >> 20 <> ?2" if kind.has_position else "")
        self._database.conn.executemany(
            f"DELETE FROM {kind.table} WHERE id = ?1 AND ({wrong})", list(created.items())
        )

    def _rows(self, sql: str, *parameters: object) -> dict[str, tuple[Any, ...]]:
        cursor = self._database.execute(sql, parameters)
        return {row[0]: tuple(row[1:]) for row in cursor.fetchall()}

    def _value(self, sql: str, *parameters: object) -> int | None:
        row = self._database.execute(sql, parameters).fetchone()
        return None if row is None else row[0]
