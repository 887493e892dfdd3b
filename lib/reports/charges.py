"""Charges, as pages show them: lists, one charge's timeline, sums."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import pandas as pd
from sqlite_utils import Database

from lib.clock import Clock
from lib.domain.charges import FAILED_STATES
from lib.domain.declines import Reason
from lib.reports.charge_columns import because, explained, reason_of, words
from lib.reports.charge_filter import (
    CHARGES,
    EVERY,
    JOINED,
    SOURCES,
    SUMS,
    ChargeFilter,
    kept_sums,
)
from lib.reports.charge_order import ORDERS, by_amount
from lib.reports.paging import (
    EXPORT_ROWS,
    PAGE_ROWS,
    Page,
    Query,
    every,
    page_of,
    rows_of,
)
from lib.reports.sums import Sum, added_up, count_of, sums_of
from lib.store.connection_pool import ConnectionPool
from lib.store.states import one_of

_CHARGES = Query(
    f"""SELECT h.id AS id, h.customer, coalesce(c.name, c.email, h.customer) AS name, c.email,
           h.reference, h.description, h.amount AS amount, h.currency AS currency, h.state, h.created_by,
           coalesce(u.name, h.created_by) AS created_by_name, h.created_at, h.charged_at, h.updated_at,
           h.payment_method, m.brand, m.last4, m.type, a.number AS attempts, a.outcome,
           a.outcome_at, a.requested_at, a.http_status, a.request_id, a.payment_intent, a.code,
           a.decline_code, a.advice_code, a.network_decline_code, a.network_advice_code,
           a.outcome_type, a.message, a.looks, a.next_look_at,
           (SELECT p.amount_refunded FROM stripe_charges p WHERE p.payment_intent = a.payment_intent
               AND p.status = 'succeeded') AS refunded,
           (SELECT p.is_disputed FROM stripe_charges p WHERE p.payment_intent = a.payment_intent
               AND p.status = 'succeeded') AS disputed,
           r.id AS run, r.name AS run_name, n.id AS new_method, n.type AS new_type, n.brand AS new_brand, n.last4 AS new_last4,
           h.position AS position, h.charged_at AS page_time, h.id AS page_id
       {SOURCES}
       LEFT JOIN payment_methods m ON m.id = h.payment_method
       LEFT JOIN runs r ON r.id = a.run_id
       LEFT JOIN users u ON u.username = h.created_by
       LEFT JOIN payment_methods n ON n.id = (
           SELECT id FROM payment_methods WHERE customer = h.customer AND is_detached = 0
               AND h.state IN {one_of(FAILED_STATES)} AND created >= a.outcome_at
               AND id <> h.payment_method ORDER BY created DESC LIMIT 1)""",
    "h.charged_at",
    "h.id",
    found_in=CHARGES,
)
# So many are sorted in no time; of more, enough lie close together in the index of amounts.
MOST_SORTED = 5_000
_FAILURE_SUMS = Query(
    f"""SELECT o.state, o.currency, o.codes, count(*) AS count, sum(o.amount) AS amount
        {CHARGES}""",
    "o.charged_at",
    "o.charge_id",
)
_CODES = ("http_status", "code", "decline_code", "advice_code", "outcome_type", "message")
_NO_CODES = dict.fromkeys(("network_decline_code", "network_advice_code"))
_INTEGERS = (
    "amount",
    "created_at",
    "charged_at",
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
        which: ChargeFilter = EVERY,
        *,
        states: tuple[str, ...] = (),
        customer: str | None = None,
        search: str = "",
        reason: str | None = None,
        order: str | None = None,
        cursor: str | None = None,
        rows: int = PAGE_ROWS,
    ) -> Page:
        """
        Charges, that of the newest try first; `reason`, `what_happened` and `next_step` say why one failed.

        `states` adds to the state what became of the money since: refunded, disputed.
        `method` and `new_method` are labels; `new_method` is one saved after the failure.

        Args:
            reason: only failures for this reason of `lib.domain.declines`.
            order: one of ORDERS: by amount, one currency after the other.
        """
        which = replace(which, search=search or which.search, customer=customer or which.customer)
        with self._pool.reading() as database:
            which = which.with_positions(database)
            is_ordered = order in ORDERS
            walk = (is_ordered or which.is_vague) and _is_many(database, which, states)
            sign = "+" if walk or (is_ordered and which.unresolved) else ""
            if walk and not is_ordered:
                query = which.in_order_of_search(_CHARGES)
            else:
                query = which.narrow(_CHARGES, sign=sign)
            query = self._of_state(database, query, which, states, reason, sign)
            if len(states) > 1 and not is_ordered and not _is_many(database, which, states):
                # In the order of the index, all charges would be walked past for these few.
                query = replace(query, time_column=f"+{query.time_column}")
            if order in ORDERS:
                query = query.sorted_by(by_amount(which, order, walk=walk))
            page = page_of(database, query, cursor=cursor, rows=rows, integers=_INTEGERS)
        return replace(page, frame=explained(page.frame))

    def ids(
        self,
        which: ChargeFilter,
        *,
        states: tuple[str, ...] = (),
        reason: str | None = None,
        most: int = EXPORT_ROWS,
    ) -> list[str]:
        """
        Of the charges that `page` shows, in its first order.

        Raises:
            InvalidInput: there are more than `most`.
        """
        with self._pool.reading() as database:
            which = which.with_positions(database)
            query = self._of_state(database, which.narrow(_CHARGES), which, states, reason).ids
            rows = every(database, query, most=most)
        return [str(row["id"]) for row in rows]

    def _of_state(
        self,
        database: Database,
        query: Query,
        which: ChargeFilter,
        states: tuple[str, ...],
        reason: str | None,
        sign: str = "",
    ) -> Query:
        if states:
            query = query.where(f"{sign}h.state IN ({', '.join('?' * len(states))})", *states)
        if reason is not None:
            query = because(query, self._failures(database, which), reason)
        return query

    def is_empty(self) -> bool:
        """Whether nothing was ever to be charged."""
        with self._pool.reading() as database:
            return not list(database.query("SELECT 1 FROM charges LIMIT 1"))

    def sums(self, which: ChargeFilter) -> list[Sum]:
        """Of all rows, whatever page is shown; by the sums that are kept where they say it."""
        with self._pool.reading() as database:
            if which.is_plain:
                return kept_sums(database, which)
            query = which.with_positions(database).narrow(SUMS)
            return sums_of(database, query, group="h.state, h.currency")

    def with_hits(self, which: ChargeFilter) -> ChargeFilter:
        """The same with what its search finds, for whoever reads more than one thing of it."""
        with self._pool.reading() as database:
            return which.with_positions(database)

    def sums_at_once(self, which: ChargeFilter) -> list[Sum] | None:
        """None where a search means more than a page waits for."""
        which = self.with_hits(which)
        return None if which.is_vague else self.sums(which)

    def find(self, charge_id: str) -> dict[str, Any] | None:
        """One row as `page` has it."""
        return self.find_all([charge_id]).get(charge_id)

    def find_all(self, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Rows by their ids, by one read; those that are not there are left out."""
        query = _CHARGES.where("h.id IN (SELECT value FROM json_each(?))", json.dumps(list(ids)))
        with self._pool.reading() as database:
            rows = rows_of(database, query)
        return {str(row["id"]): row | words(row) for row in rows}

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

    def reasons(self, which: ChargeFilter) -> dict[str, list[Sum]]:
        """Failures nobody made good yet, by reason; of each by state and currency."""
        with self._pool.reading() as database:
            rows = self._failures(database, which.with_positions(database))
        reasons: dict[str, list[Sum]] = {}
        for row in rows:
            one = Sum(row["state"], row["currency"], row["count"], row["amount"])
            reasons.setdefault(row["reason"], []).append(one)
        # Several codes mean the same reason.
        return {reason: added_up(sums) for reason, sums in reasons.items()}

    def _failures(self, database: Database, which: ChargeFilter) -> list[dict[str, Any]]:
        """Counts by the codes that a reason is made from, so that no row has to be read."""
        is_plain = replace(which, unresolved=False).is_plain
        query = replace(which, unresolved=True).narrow(_FAILURE_SUMS, sign="+" if is_plain else "")
        if is_plain:
            query = replace(query, select=query.select.replace(JOINED, "", 1))
        rows = database.query(f"{query.sql} GROUP BY 1, 2, 3", query.parameters)
        return [row | {"reason": _reason_of(row)} for row in rows]

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
            rows = [asdict(one) for one in kept_sums(database, ChargeFilter(since=since))]
        return pd.DataFrame(rows, columns=["currency", "state", "count", "amount"])

    def per_day(self, days: Mapping[str, tuple[int, int]]) -> pd.DataFrame:
        """
        Per day, currency and state: `count` and `amount`.

        `days`: from which moment on each is, and before which; whole quarters of an hour.
        """
        quarters = [[day, since // 900, before // 900] for day, (since, before) in days.items()]
        with self._pool.reading() as database:
            rows = database.query(
                """SELECT d.value ->> 0 AS day, s.currency, s.state, sum(s.n) AS count,
                       sum(s.amount) AS amount
                   FROM json_each(?) d CROSS JOIN charge_sums s
                   WHERE s.length = 900 AND s.number >= d.value ->> 1 AND s.number < d.value ->> 2
                       AND s.n > 0
                   GROUP BY day, s.currency, s.state ORDER BY day""",
                (json.dumps(quarters),),
            )
            return pd.DataFrame(list(rows), columns=["day", "currency", "state", "count", "amount"])


def _is_many(database: Database, which: ChargeFilter, states: tuple[str, ...]) -> bool:
    """Whether most of a long walk would be among the rows; of a search, when it finds many."""
    if which.is_of_few or which.positions is not None:
        return False
    return count_of(kept_sums(database, which), states) > MOST_SORTED


def _reason_of(row: dict[str, Any]) -> str:
    codes = dict(zip(_CODES, json.loads(row["codes"]), strict=True))
    return (reason_of(row | codes | _NO_CODES) or Reason.BANK_REFUSED).value
