"""Customers and their saved payment methods, as pages show them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

from sqlite_utils import Database

from lib.clock import Clock, epoch
from lib.domain import payment_methods as rules
from lib.domain.identity import search_text
from lib.domain.mirror import PaymentMethod
from lib.reports.counts import (
    MOST_COUNTED,
    MOST_WALKED,
    UNCOUNTED,
    Counts,
    count_rows,
    tally,
)
from lib.reports.frames import records
from lib.reports.paging import PAGE_ROWS, Page, Query, page_of, rows_of
from lib.store.connection_pool import ConnectionPool
from lib.store.meta import MetaStore

_CUSTOMERS = Query(
    """SELECT c.id, c.id AS customer, c.name, c.email, c.created, c.is_deleted,
           (SELECT count(*) FROM payment_methods m WHERE m.customer = c.id
               AND m.is_detached = 0) AS methods,
           (SELECT max(created_at) FROM charges h WHERE h.customer = c.id) AS last_charge_at,
           c.position AS page_time, c.position AS page_id
       FROM customers c""",
    "c.position",
    "c.position",
)

# Who else has the same card is known once a method is indexed (SearchStore): at once for single ones,
# in the background for many.
_METHODS = Query(
    """SELECT m.id, m.livemode, m.type, m.customer, m.last_customer, m.is_detached, m.brand,
           m.last4, m.exp_month, m.exp_year, m.funding, m.country, m.fingerprint,
           m.billing_name, m.billing_email, m.created,
           coalesce(c.name, c.email, m.billing_name) AS name, c.email,
           (SELECT group_concat(DISTINCT coalesce(o.name, o.email, o.id))
               FROM card_fingerprints f JOIN payment_methods t USING (position)
                   JOIN customers o ON o.id = t.customer
               WHERE f.fingerprint = m.fingerprint AND t.fingerprint = f.fingerprint
                   AND t.customer <> m.customer
                   AND t.is_detached = 0) AS same_card_of,
           m.position AS page_time, m.position AS page_id
       FROM payment_methods m
       LEFT JOIN customers c ON c.id = coalesce(m.customer, m.last_customer)""",
    "m.position",
    "m.position",
)
_METHOD_COUNTS = Query(
    """SELECT m.is_detached, m.customer IS NULL AS is_alone, m.exp_year * 12 + m.exp_month AS month
       FROM payment_methods m""",
    "m.position",
    "m.position",
)
# A method exists at Stripe before its bank has confirmed it. It counts as saved once it had a
# customer, or once the SetupIntent it came from succeeded.
_SAVED = """(m.last_customer IS NOT NULL OR EXISTS (
    SELECT 1 FROM setup_intents i WHERE i.payment_method = m.id AND i.status = 'succeeded'))"""
METHOD_STATES = ("usable", "expiring", "expired", "needs_customer", "removed")
_METHOD_INTEGERS = ("exp_month", "exp_year", "created")


class CustomerReports:
    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool

    def page(
        self,
        *,
        search: str = "",
        with_methods: bool | None = None,
        since: int | None = None,
        before: int | None = None,
        cursor: str | None = None,
        rows: int = PAGE_ROWS,
    ) -> Page:
        query = _CUSTOMERS.where("c.is_deleted = 0").between("c.position", since, before)
        query = query.searching("customers", search)
        if with_methods is not None:
            query = query.where(
                """EXISTS (SELECT 1 FROM payment_methods x
                       WHERE x.customer = c.id AND x.is_detached = 0) = ?""",
                int(with_methods),
            )
        with self._pool.reading() as database:
            return page_of(
                database,
                query,
                cursor=cursor,
                rows=rows,
                integers=("created", "methods", "last_charge_at"),
            )

    def count(
        self, *, search: str = "", since: int | None = None, before: int | None = None
    ) -> int | None:
        """None where there are more than are counted: of a search fewer than of a period."""
        query = replace(_CUSTOMERS, select="SELECT 1 FROM customers c").where("c.is_deleted = 0")
        query = query.between("c.position", since, before).searching("customers", search)
        most = MOST_COUNTED if search_text(search) else MOST_WALKED
        return count_rows(self._pool, query, most=most)

    def find(self, customer_id: str) -> dict[str, Any] | None:
        """Also a deleted one: its charges are still looked up."""
        query = _CUSTOMERS.where("c.id = ?", customer_id)
        with self._pool.reading() as database:
            return next(iter(rows_of(database, query)), None)

    def ids(self, *, search: str = "", limit: int) -> list[str]:
        """Of living customers, newest first."""
        return [str(one) for one in self.page(search=search, rows=limit).frame["id"]]

    def choices(self, search: str, *, limit: int = 20) -> list[tuple[str, str]]:
        """(id, "Name · e-mail") of living customers, for a picker; newest first."""
        frame = self.page(search=search, rows=limit).frame
        return [
            (
                row["id"],
                " · ".join(part for part in (row["name"], row["email"]) if part) or row["id"],
            )
            for row in records(frame)
        ]


class PaymentMethodReports:
    def __init__(self, pool: ConnectionPool, *, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    def page(
        self,
        *,
        state: str | None = None,
        search: str = "",
        customer: str | None = None,
        since: int | None = None,
        before: int | None = None,
        cursor: str | None = None,
        rows: int = PAGE_ROWS,
    ) -> Page:
        """
        Saved methods, newest first, with `label`, `state` and `why_not` (empty when usable).

        `same_card_of` names other customers holding the same card.
        """
        query = _METHODS.where(_SAVED).between("m.position", since, before)
        query = query.searching("payment_methods", search)
        if customer is not None:
            query = query.where(
                "(m.customer = ? OR (m.is_detached = 1 AND m.last_customer = ?))",
                customer,
                customer,
            )
        with self._pool.reading() as database:
            today = self._today(database)
            query = _of_state(query, state, today.year * 12 + today.month)
            page = page_of(database, query, cursor=cursor, rows=rows, integers=_METHOD_INTEGERS)
        return _described(page, today)

    def _today(self, database: Database) -> date:
        return MetaStore(database).today(epoch(self._clock()))

    def find(self, method_id: str) -> dict[str, Any] | None:
        with self._pool.reading() as database:
            query = _METHODS.where(_SAVED).where("m.id = ?", method_id)
            page = page_of(database, query, rows=1, integers=_METHOD_INTEGERS)
            today = self._today(database)
        return next(iter(records(_described(page, today).frame)), None)

    def counts(
        self, *, search: str = "", since: int | None = None, before: int | None = None
    ) -> Counts:
        """Of METHOD_STATES."""
        if not search_text(search) and since is None and before is None:
            return self._all_counts()
        query = _METHOD_COUNTS.where(_SAVED).between("m.position", since, before)
        with self._pool.reading() as database:
            today = self._today(database)
            tallies = tally(
                database,
                query.searching("payment_methods", search),
                "is_detached",
                "is_alone",
                "month",
            )
        if tallies is None:
            return UNCOUNTED
        counts = dict.fromkeys(METHOD_STATES, 0)
        this = today.year * 12 + today.month
        for (is_detached, is_alone, month), n in tallies.items():
            if is_detached or is_alone:
                counts["removed" if is_detached else "needs_customer"] += n
                continue
            is_expired = month is not None and month < this
            counts["expired" if is_expired else "usable"] += n
            counts["expiring"] += n if month in (this, this + 1) else 0
        return Counts(counts, sum(tallies.values()))

    def _all_counts(self) -> Counts:
        """Each part walks an index, as a page asks on every rerun."""
        with self._pool.reading() as database:
            row = next(
                database.query(
                    """SELECT
                        (SELECT count(*) FROM payment_methods WHERE is_detached = 1) AS removed,
                        (SELECT count(*) FROM payment_methods WHERE customer IS NOT NULL) AS attached,
                        (SELECT count(*) FROM payment_methods WHERE customer IS NOT NULL
                            AND (exp_year, exp_month) < (:year, :month)) AS expired,
                        (SELECT count(*) FROM payment_methods WHERE customer IS NOT NULL
                            AND (exp_year, exp_month) >= (:year, :month)
                            AND (exp_year, exp_month) <= (:next_year, :next_month)) AS expiring,
                        (SELECT n FROM session_counts WHERE state = 'needs_customer')
                            AS needs_customer""",
                    rules.this_and_next_month(self._today(database)),
                )
            )
        totals = {name: int(value or 0) for name, value in row.items()}
        counts = {name: totals.get(name, 0) for name in METHOD_STATES} | {
            "usable": totals["attached"] - totals["expired"]
        }
        every = totals["attached"] + totals["removed"] + totals["needs_customer"]
        return Counts(counts, every)


def _of_state(query: Query, state: str | None, month: int) -> Query:
    """`month`: this one, counted from the year 0."""
    expiry = "(m.exp_year * 12 + m.exp_month)"
    match state:
        case "removed":
            return query.where("m.is_detached = 1")
        case "needs_customer":
            return query.where("m.is_detached = 0 AND m.customer IS NULL")
        case "expired":
            return query.where(f"m.customer IS NOT NULL AND {expiry} < ?", month)
        case "expiring":
            return query.where(
                f"m.customer IS NOT NULL AND {expiry} BETWEEN ? AND ?", month, month + 1
            )
        case "usable":
            return query.where(
                f"m.customer IS NOT NULL AND (m.exp_year IS NULL OR {expiry} >= ?)", month
            )
    return query


def _described(page: Page, today: date) -> Page:
    methods = [_method(row) for row in records(page.frame)]
    page.frame["label"] = [rules.label(method) for method in methods]
    page.frame["why_not"] = [rules.why_not_usable(method, today) or "" for method in methods]
    page.frame["state"] = [
        "removed"
        if method.is_detached
        else "needs_customer"
        if method.customer is None
        else "expired"
        if rules.is_expired(method, today)
        else "expiring"
        if rules.expires_soon(method, today)
        else "usable"
        if rules.why_not_usable(method, today) is None
        else "not_supported"
        for method in methods
    ]
    return page


def _method(row: dict[str, Any]) -> PaymentMethod:
    values = {name: row[name] for name in PaymentMethod.__slots__}
    return PaymentMethod(**values | {"is_detached": bool(values["is_detached"])})
