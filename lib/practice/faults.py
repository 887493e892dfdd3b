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
        "search_unavailable",
        "vanish",
    }
)
DURING = frozenset({"error_500_saved", "empty_page_has_more", "shown_late"})
AFTER = frozenset({"lost_reply", "truncated_json"})
KINDS = BEFORE | DURING | AFTER


LIMIT_REASONS = (
    "global-rate",
    "endpoint-rate",
    "global-concurrency",
    "endpoint-concurrency",
    "resource-specific",
)
CURSOR_STATUSES = ("400", "404")

_MATCHING = """
FROM waiting_faults
WHERE method IN (:method, '*')
  AND CASE is_exact WHEN 1 THEN :path = path ELSE substr(:path, 1, length(path)) = path END
"""


@dataclass(frozen=True, slots=True)
class Fault:
    kind: str
    detail: str | None


class Faults:
    """The faults waiting to happen. Each meets reads, lists and writes alike unless said otherwise.

    Kinds:
        lost_reply: Stripe acts and saves, then the connection drops without an answer.
        lost_request: The connection drops and Stripe never hears of it.
        error_500_saved: Answers 500 without acting, and keeps that answer under the key.
        error_500_unsaved: Answers 500 without acting.
        rate_limited: 429; `detail` is the `Stripe-Rate-Limited-Reason`, one of `LIMIT_REASONS`.
        lock_timeout: 429 without a reason, with `Stripe-Should-Retry: true`.
        conflict_409: 409 `idempotency_key_in_use`.
        slow: Waits `detail` seconds of real time first.
        truncated_json: Acts, then sends half of the body.
        shown_late: Acts; what it makes, events included, is in no list and no search, and reaches no
            webhook for `detail` seconds. A retrieve by id finds it, as ever. Writes only.
        search_unavailable: 400, as for accounts in India. Searches only, by their path.
        missing_permission: 403; `detail` is the permission, else the endpoint's own.
        empty_page_has_more: A list answers no items and `has_more: true`. Lists only.
        vanish: A retrieve answers 404. For a list, the object that `starting_after` or
            `ending_before` names is gone: 400, or 404 where `detail` says so. Passes by writes and
            lists from their beginning.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self,
        method: str,
        path: str,
        *,
        kind: str,
        times: int = 1,
        detail: str | None = None,
        after: int = 0,
    ) -> None:
        """The next `times` requests of that method whose path starts with `path` meet the fault.

        Args:
            method: `GET`, `POST`, `DELETE` or `*`.
            path: With `$` at its end it is the whole path: `/v1/customers$` leaves
                `/v1/customers/cus_1` alone.
            after: So many matching requests pass unharmed first.
        """
        _check(kind, times, detail, after)
        with self._database.writing() as connection:
            connection.execute(
                "INSERT INTO waiting_faults (method, path, is_exact, kind, skips, times, detail)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    method.upper(),
                    path.removesuffix("$"),
                    int(path.endswith("$")),
                    kind,
                    after,
                    times,
                    detail,
                ),
            )

    def clear(self) -> None:
        """Permissions that were denied stay denied."""
        with self._database.writing() as connection:
            connection.execute("DELETE FROM waiting_faults")

    def deny(self, api_key: str, *permissions: str) -> None:
        """From now on the restricted key lacks these permissions (`rak_charge_read`, …)."""
        with self._database.writing() as connection:
            connection.executemany(
                "INSERT OR IGNORE INTO denied_permissions (api_key, permission) VALUES (?, ?)",
                [(api_key, permission) for permission in permissions],
            )

    def allow(self, api_key: str, *permissions: str) -> None:
        """Gives denied permissions back; all of them when none is named."""
        with self._database.writing() as connection:
            marks = ", ".join("?" for _ in permissions)
            wanted = f" AND permission IN ({marks})" if permissions else ""
            connection.execute(
                f"DELETE FROM denied_permissions WHERE api_key = ?{wanted}",  # noqa: S608
                (api_key, *permissions),
            )

    def waiting(self) -> list[dict[str, Any]]:
        rows = self._database.connection().execute(
            "SELECT method, path || CASE is_exact WHEN 1 THEN '$' ELSE '' END AS path, kind, times,"
            " detail, skips AS after FROM waiting_faults ORDER BY id"
        )
        return [dict(row) for row in rows]

    def take(self, method: str, path: str, *, immune: Collection[str] = ()) -> list[Fault]:
        """The faults that this request meets, each counted down: at most one of a kind.

        Args:
            immune: Kinds that mean nothing to this request, and wait for another.
        """
        request = {"method": method, "path": path}
        probe = self._database.connection().execute(f"SELECT kind {_MATCHING}", request)
        if all(row["kind"] in immune for row in probe.fetchall()):
            return []
        met: dict[str, Fault] = {}
        with self._database.writing() as connection:
            rows = connection.execute(
                f"SELECT id, kind, skips, detail {_MATCHING} ORDER BY id", request
            ).fetchall()
            for row in rows:
                kind = row["kind"]
                if kind in immune or (row["skips"] == 0 and kind in met):
                    continue
                counted = "skips"
                if row["skips"] == 0:
                    met[kind] = Fault(kind, row["detail"])
                    counted = "times"
                connection.execute(
                    f"UPDATE waiting_faults SET {counted} = {counted} - 1 WHERE id = ?",  # noqa: S608
                    (row["id"],),
                )
            connection.execute("DELETE FROM waiting_faults WHERE times <= 0")
        return list(met.values())


def _check(kind: str, times: int, detail: str | None, after: int) -> None:
    if kind not in KINDS:
        raise ValueError(f"unknown fault {kind!r}; one of {', '.join(sorted(KINDS))}")
    if kind == "slow":
        float(detail or "")
    if kind == "shown_late" and not (detail or "").isdecimal():
        raise ValueError("detail of shown_late: for how many seconds")
    choices = {"rate_limited": LIMIT_REASONS, "vanish": CURSOR_STATUSES}.get(kind)
    if choices is not None and detail is not None and detail not in choices:
        raise ValueError(f"detail of {kind}: one of {', '.join(choices)}")
    if times < 1 or after < 0:
        raise ValueError("times must be positive, after must not be negative")


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
    if fault.kind == "search_unavailable":
        return StripeRefusal(400, "search feature unavailable for merchant")
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
