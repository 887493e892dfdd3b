"""Knobs that make practice Stripe misbehave as networks and Stripe do.

Rows live in `practice.db`, so that a fault set by one process is met by another.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from lib.practice.database import Database
from lib.practice.replies import StripeRefusal

BEFORE = frozenset(
    {
        "slow",
        "lost_request",
        "rate_limited",
        "lock_timeout",
        "conflict_409",
        "error_500_unsaved",
        "missing_permission",
        "vanish",
    }
)
DURING = frozenset({"error_500_saved", "empty_page_has_more"})
AFTER = frozenset({"lost_reply", "truncated_json"})
KINDS = BEFORE | DURING | AFTER


@dataclass(frozen=True, slots=True)
class Fault:
    kind: str
    detail: str | None


class Faults:
    """The faults waiting to happen.

    Kinds:
        lost_reply: Stripe acts and saves, then the connection drops without an answer.
        lost_request: The connection drops and Stripe never hears of it.
        error_500_saved: Answers 500 without acting, and keeps that answer under the key.
        error_500_unsaved: Answers 500 without acting.
        rate_limited: 429; `detail` is the `Stripe-Rate-Limited-Reason`.
        lock_timeout: 429 without a reason, with `Stripe-Should-Retry: true`.
        conflict_409: 409 `idempotency_key_in_use`.
        slow: Waits `detail` seconds of real time first.
        truncated_json: Acts, then sends half of the body.
        missing_permission: 403; `detail` is the permission, else the endpoint's own.
        empty_page_has_more: A list answers no items and `has_more: true`.
        vanish: A retrieve answers 404.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self, method: str, path: str, *, kind: str, times: int = 1, detail: str | None = None
    ) -> None:
        """The next `times` requests of that method whose path starts with `path` meet the fault.

        Args:
            method: `GET`, `POST`, `DELETE` or `*`.
        """
        if kind not in KINDS:
            raise ValueError(f"unknown fault {kind!r}; one of {', '.join(sorted(KINDS))}")
        if kind == "slow":
            float(detail or "")
        with self._database.writing() as connection:
            connection.execute(
                "INSERT INTO faults (method, path_prefix, kind, times, detail)"
                " VALUES (?, ?, ?, ?, ?)",
                (method.upper(), path, kind, times, detail),
            )

    def clear(self) -> None:
        with self._database.writing() as connection:
            connection.execute("DELETE FROM faults")

    def deny(self, api_key: str, *permissions: str) -> None:
        """From now on the restricted key lacks these permissions (`rak_charge_read`, …)."""
        with self._database.writing() as connection:
            connection.executemany(
                "INSERT OR IGNORE INTO denied_permissions (api_key, permission) VALUES (?, ?)",
                [(api_key, permission) for permission in permissions],
            )

    def waiting(self) -> list[dict[str, Any]]:
        rows = self._database.connection().execute(
            "SELECT method, path_prefix, kind, times, detail FROM faults ORDER BY id"
        )
        return [dict(row) for row in rows]

    def take(self, method: str, path: str) -> list[Fault]:
        """The faults that this request meets, each counted down: at most one of a kind."""
        connection = self._database.connection()
        if connection.execute("SELECT 1 FROM faults LIMIT 1").fetchone() is None:
            return []
        with self._database.writing() as connection:
            rows = connection.execute(
                "SELECT min(id) AS id, kind, detail FROM faults WHERE method IN (?, '*')"
                " AND substr(?, 1, length(path_prefix)) = path_prefix GROUP BY kind ORDER BY id",
                (method, path),
            ).fetchall()
            for row in rows:
                connection.execute("UPDATE faults SET times = times - 1 WHERE id = ?", (row["id"],))
            connection.execute("DELETE FROM faults WHERE times <= 0")
        return [Fault(row["kind"], row["detail"]) for row in rows]


def find(faults: Collection[Fault], *kinds: str) -> Fault | None:
    return next((fault for fault in faults if fault.kind in kinds), None)


def refusal(fault: Fault, permission: str) -> StripeRefusal | None:
    """The error that a fault stands for, when it stands for one."""
    if fault.kind == "rate_limited":
        reason = {"Stripe-Rate-Limited-Reason": fault.detail} if fault.detail else {}
        return StripeRefusal(
            429,
            "Request rate limit exceeded. Learn more about rate limits here "
            "https://stripe.com/docs/rate-limits.",
            code="rate_limit",
            headers=reason,
        )
    if fault.kind == "lock_timeout":
        return lock_timeout()
    if fault.kind == "conflict_409":
        return key_in_use(None)
    if fault.kind in ("error_500_unsaved", "error_500_saved"):
        return server_error()
    if fault.kind == "missing_permission":
        return missing_permission(fault.detail or permission)
    return None


def key_in_use(key: str | None) -> StripeRefusal:
    shown = f" ({key})" if key else ""
    return StripeRefusal(
        409,
        f"There is currently another in-progress request using this Idempotent Key{shown}. "
        "Please try again later.",
        code="idempotency_key_in_use",
    )


def lock_timeout() -> StripeRefusal:
    return StripeRefusal(
        429,
        "This object cannot be accessed right now because another API request or Stripe process is "
        "currently accessing it. If you see this error intermittently, retry the request.",
        code="lock_timeout",
        headers={"Stripe-Should-Retry": "true"},
    )


def server_error() -> StripeRefusal:
    return StripeRefusal(
        500,
        "An unknown error occurred. If you continue to have problems, contact Stripe support.",
        type_="api_error",
    )


def missing_permission(permission: str) -> StripeRefusal:
    return StripeRefusal(
        403,
        "The provided key does not have the required permissions for this endpoint. Having the "
        f"'{permission}' permission would allow this request to continue.",
    )
