"""Charges, as pages show them: lists, one charge's timeline, sums."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pandas as pd
from sqlite_utils import Database

from lib.clock import Clock
from lib.domain.charges import ChargeState
from lib.domain.declines import Reason
from lib.domain.identity import address_key, reference_key
from lib.money import format_major
from lib.reports.charge_columns import explained, reason_of
from lib.reports.paging import EXPORT_ROWS, PAGE_ROWS, Page, Query, page_of, records
from lib.store.charge_rows import UNRESOLVED
from lib.store.connection_pool import ConnectionPool

_CHARGES = Query(
    """SELECT h.id, h.customer, coalesce(c.name, c.email, h.customer) AS name, c.email,
           h.reference, h.description, h.amount, h.currency, h.state, h.created_by,
           coalesce(u.name, h.created_by) AS created_by_name, h.created_at, h.updated_at,
           h.payment_method, m.brand, m.last4, m.type, a.number AS attempts, a.outcome,
           a.outcome_at, a.requested_at, a.http_status, a.request_id, a.payment_intent, a.code,
           a.decline_code, a.advice_code, a.network_decline_code, a.network_advice_code,
           a.outcome_type, a.message, a.looks, a.next_look_at, l.token AS recovery_token,
           (SELECT p.amount_refunded FROM stripe_charges p WHERE p.payment_intent = a.payment_intent
               AND p.status = 'succeeded') AS refunded,
           (SELECT p.is_disputed FROM stripe_charges p WHERE p.payment_intent = a.payment_intent
               AND p.status = 'succeeded') AS disputed,
           r.id AS run, r.name AS run_name, n.id AS new_method, n.type AS new_type, n.brand AS new_brand, n.last4 AS new_last4,
           h.created_at AS page_time, h.id AS page_id
       FROM charges h
       LEFT JOIN customers c ON c.id = h.customer
       LEFT JOIN payment_methods m ON m.id = h.payment_method
       LEFT JOIN attempts a ON a.charge_id = h.id AND a.number =
           (SELECT max(number) FROM attempts WHERE charge_id = h.id)
       LEFT JOIN runs r ON r.id = a.run_id
       LEFT JOIN setup_links l ON l.charge_id = h.id AND l.revoked_at IS NULL
           AND l.completed_at IS NULL
       LEFT JOIN users u ON u.username = h.created_by
       LEFT JOIN payment_methods n ON n.id = (
           SELECT id FROM payment_methods WHERE customer = h.customer AND is_detached = 0
               AND h.state IN ('declined', 'needs_customer') AND created >= a.outcome_at
               AND id <> h.payment_method ORDER BY created DESC LIMIT 1)""",
    "h.created_at",
    "h.id",
)
# Places in a list, what opens a customer's link, and codes that only support reads.
_NOT_EXPORTED = [
    "page_time",
    "page_id",
    "recovery_token",
    "looks",
    "next_look_at",
    "new_type",
    "new_brand",
    "new_last4",
    "new_method_id",
    "states",
    "network_decline_code",
    "network_advice_code",
    "message",
]
_CODES = ("http_status", "code", "decline_code", "advice_code", "outcome_type")
_INTEGERS = (
    "amount",
    "created_at",
    "updated_at",
    "attempts",
    "outcome_at",
    "requested_at",
    "looks",
    "next_look_at",
    "refunded",
    "disputed",
)


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    at: int
    actor: str
    attempt: int | None
    kind: str
    detail: dict[str, object]


class ChargeReports:
    def __init__(self, pool: ConnectionPool, *, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    def page(
        self,
        *,
        states: tuple[str, ...] = (),
        search: str = "",
        customer: str | None = None,
        since: int | None = None,
        unresolved: bool = False,
        reason: str | None = None,
        cursor: str | None = None,
        rows: int = PAGE_ROWS,
    ) -> Page:
        """
        Charges, newest first; `reason`, `what_happened` and `next_step` say why one failed.

        `states` adds to the state what became of the money since: refunded, disputed.
        `method` and `new_method` are labels; `new_method` is one saved after the failure.

        Args:
            unresolved: only failures that no later charge of the same reference made good.
            reason: only failures for this reason of `lib.domain.declines`.
        """
        query = _CHARGES.matching(
            search,
            (
                "h.reference",
                "coalesce(c.name, c.email)",
                "c.email",
                "h.id",
                "h.customer",
                "a.payment_intent",
            ),
            {"h.reference_key": reference_key, "c.address_key": address_key},
        )
        if states:
            query = query.where(f"h.state IN ({', '.join('?' * len(states))})", *states)
        if customer is not None:
            query = query.where("h.customer = ?", customer)
        if since is not None:
            query = query.where("h.created_at >= ?", since)
        if unresolved:
            query = query.where(UNRESOLVED)
        with self._pool.reading() as database:
            if reason is not None:
                query = _because(query, self._failures(database, since or 0), reason)
            page = page_of(database, query, cursor=cursor, rows=rows, integers=_INTEGERS)
        return Page(explained(page.frame), page.newer, page.older)

    def find(self, charge_id: str) -> dict[str, Any] | None:
        """One row as `page` has it."""
        query = _CHARGES.where("h.id = ?", charge_id)
        with self._pool.reading() as database:
            frame = page_of(database, query, rows=1, integers=_INTEGERS).frame
        return next(iter(records(explained(frame))), None)

    def usual_currency(self, customer: str) -> str | None:
        """The one this customer was charged in last; for a new one, the commonest of late."""
        with self._pool.reading() as database:
            rows = database.query(
                """SELECT currency FROM (
                       SELECT currency, 0 AS rank, 0 AS count FROM (SELECT currency FROM charges
                           WHERE customer = ? ORDER BY created_at DESC, id DESC LIMIT 1)
                       UNION ALL
                       SELECT currency, 1, count(*) FROM (SELECT currency FROM charges
                           ORDER BY created_at DESC, id DESC LIMIT 200) GROUP BY currency)
                   ORDER BY rank, count DESC, currency LIMIT 1""",
                (customer,),
            )
            return next((str(row["currency"]) for row in rows), None)

    def reasons(self, *, since: int) -> pd.DataFrame:
        """Failures nobody made good yet, per `reason` and `currency`: `count` and `amount`."""
        with self._pool.reading() as database:
            rows = self._failures(database, since)
        frame = pd.DataFrame(
            [(row["reason"], row["currency"], row["count"], row["amount"]) for row in rows],
            columns=["reason", "currency", "count", "amount"],
        )
        return frame.groupby(["reason", "currency"], as_index=False).sum()

    def _failures(self, database: Database, since: int) -> list[dict[str, Any]]:
        """Counts by the codes that a reason is made from, so that no row has to be read."""
        rows = database.query(
            f"""SELECT h.state, h.currency, {", ".join(f"a.{code}" for code in _CODES)},
                    a.network_decline_code, a.network_advice_code, a.message,
                    count(*) AS count, sum(h.amount) AS amount
                FROM charges h LEFT JOIN attempts a ON a.charge_id = h.id AND a.number =
                    (SELECT max(number) FROM attempts WHERE charge_id = h.id)
                WHERE h.created_at >= ? AND {UNRESOLVED}
                GROUP BY h.state, h.currency, {", ".join(f"a.{code}" for code in _CODES)}""",
            (since,),
        )
        return [row | {"reason": (reason_of(row) or Reason.BANK_REFUSED).value} for row in rows]

    def export(
        self, *, states: tuple[str, ...] = (), search: str = "", since: int | None = None
    ) -> pd.DataFrame:
        frame = self.page(states=states, search=search, since=since, rows=EXPORT_ROWS).frame
        # In major units like the amount beside it.
        refunded = [
            format_major(int(back), str(code)) if back else ""
            for back, code in zip(frame["refunded"].fillna(0), frame["currency"], strict=True)
        ]
        return frame.drop(columns=_NOT_EXPORTED).assign(refunded=refunded)

    def counts(self, *, since: int | None = None) -> dict[str, int]:
        with self._pool.reading() as database:
            rows = database.query(
                "SELECT state, count(*) AS n FROM charges WHERE created_at >= ? GROUP BY state",
                (since or 0,),
            )
            totals = {row["state"]: int(row["n"]) for row in rows}
        return {state.value: totals.get(state.value, 0) for state in ChargeState}

    def timeline(self, charge_id: str) -> list[TimelineEntry]:
        """What happened to a charge, oldest first."""
        with self._pool.reading() as database:
            rows = list(
                database.query(
                    "SELECT * FROM charge_events WHERE charge_id = ? ORDER BY id", (charge_id,)
                )
            )
        return [
            TimelineEntry(
                row["at"], row["actor"], row["attempt"], row["kind"], json.loads(row["detail"])
            )
            for row in rows
        ]

    def totals(self, *, since: int) -> pd.DataFrame:
        """Per currency and state: `count` and `amount` in minor units."""
        with self._pool.reading() as database:
            rows = database.query(
                """SELECT currency, state, count(*) AS count, sum(amount) AS amount FROM charges
                   WHERE created_at >= ? GROUP BY currency, state""",
                (since,),
            )
            return pd.DataFrame(list(rows), columns=["currency", "state", "count", "amount"])

    def per_day(self, *, since: int, utc_offset_seconds: int = 0) -> pd.DataFrame:
        """Per day (ISO date in the reader's zone), currency and state: `count` and `amount`."""
        with self._pool.reading() as database:
            rows = database.query(
                """SELECT date(created_at + ?, 'unixepoch') AS day, currency, state,
                       count(*) AS count, sum(amount) AS amount
                   FROM charges WHERE created_at >= ? GROUP BY day, currency, state
                   ORDER BY day""",
                (utc_offset_seconds, since),
            )
            return pd.DataFrame(list(rows), columns=["day", "currency", "state", "count", "amount"])


def _because(query: Query, failures: list[dict[str, Any]], reason: str) -> Query:
    """Only rows with a combination of codes that means `reason`."""
    codes = {
        (row["state"], *(row[code] for code in _CODES))
        for row in failures
        if row["reason"] == reason
    }
    if not codes:
        return query.where("0")
    same = " AND ".join(["h.state IS ?", *(f"a.{code} IS ?" for code in _CODES)])
    return query.where(
        "(" + " OR ".join(f"({same})" for _ in codes) + ")",
        *(value for combination in codes for value in combination),
    )
