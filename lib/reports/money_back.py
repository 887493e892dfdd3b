"""Refunds and disputes of Onfile's charges, as pages show them."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

from sqlite_utils import Database

from lib.domain.identity import search_text
from lib.reports.charge_filter import GIVEN_BACK, ChargeFilter
from lib.reports.paging import PAGE_ROWS, Page, Query, page_of
from lib.reports.sums import Sum, sums_of
from lib.store.connection_pool import ConnectionPool

_REFUNDS = Query(
    """SELECT f.id, f.at, h.id AS charge_id, h.reference, h.customer,
            coalesce(c.name, c.email, h.customer) AS name, f.amount, f.currency, f.state, f.reason,
            coalesce(u.name, o.requested_by) AS requested_by,
            coalesce(d.name, o.decided_by) AS decided_by, f.at AS page_time, f.id AS page_id
        FROM refund_lines f
        JOIN charges h ON h.id = f.charge_id
        LEFT JOIN customers c ON c.id = h.customer
        LEFT JOIN refunds o ON o.id = f.order_id
        LEFT JOIN users u ON u.username = o.requested_by
        LEFT JOIN users d ON d.username = o.decided_by""",
    "f.at",
    "f.id",
)
_REFUND_SUMS = Query(
    "SELECT f.state, f.currency, count(*) AS n, sum(f.amount) AS amount FROM refund_lines f",
    "f.at",
    "f.id",
)
_DISPUTES_FROM = "FROM disputes f JOIN attempts a ON a.payment_intent = f.payment_intent"
_DISPUTES = Query(
    f"""SELECT f.id, f.created AS at, h.id AS charge_id, h.reference, h.customer,
            coalesce(c.name, c.email, h.customer) AS name, f.amount, f.currency, f.status AS state,
            f.reason, f.due_by, f.created AS page_time, f.id AS page_id {_DISPUTES_FROM}
        JOIN charges h ON h.id = a.charge_id
        LEFT JOIN customers c ON c.id = h.customer""",
    "f.created",
    "f.id",
)
_REFUNDS_FOUND = Query(
    "SELECT f.id FROM refund_lines f CROSS JOIN charges h ON h.id = f.charge_id", "f.at", "f.id"
)
_DISPUTES_FOUND = Query(
    f"SELECT f.id {_DISPUTES_FROM} CROSS JOIN charges h ON h.id = a.charge_id",
    "f.created",
    "f.id",
)
# Of the charges that a search finds.
_CHARGES = Query("SELECT h.id FROM charges h", "h.charged_at", "h.id")
_DISPUTE_SUMS = Query(
    f"""SELECT f.status AS state, f.currency, count(*) AS n, sum(f.amount) AS amount
        {_DISPUTES_FROM}""",
    "f.created",
    "f.id",
)


@dataclass(frozen=True, slots=True)
class MoneyBackFilter:
    """Which refunds or disputes, of whatever state; by the moment at which Stripe made them."""

    search: str = ""
    """Finds the charge, or is the beginning of the refund's or dispute's own id."""
    since: int | None = None
    before: int | None = None

    ids: str | None = None
    """Of all that `search` finds, as JSON, once it was asked."""

    def narrow(self, query: Query) -> Query:
        """Once `ids` are known, if there is something to search for."""
        if self.ids is not None:
            # The sign lets the index of the list's order be read, and the rest of the rows that are shown.
            query = query.where(f"+{query.id_column} IN (SELECT value FROM json_each(?))", self.ids)
        if self.since is not None:
            query = query.where(f"{query.time_column} >= ?", self.since)
        return (
            query if self.before is None else query.where(f"{query.time_column} < ?", self.before)
        )

    def with_hits(self, database: Database, query: Query, charge: str) -> MoneyBackFilter:
        """
        Asks once for all that is read next.

        Args:
            query: selects ids, and has each row's charge as `h`.
            charge: the column with the charge's id.
        """
        text = search_text(self.search)
        if not text or self.ids is not None:
            return self
        lines = self.narrow(query)
        charges = ChargeFilter(text).with_positions(database, GIVEN_BACK).narrow(_CHARGES)
        of_charge = lines.where(f"{charge} IN ({charges.sql})", *charges.parameters)
        of_own_id = lines.where(
            f"{query.id_column} >= ? AND {query.id_column} < ?", text, f"{text}\x7f"
        )
        ids = {
            row["id"]
            for one in (of_charge, of_own_id)
            for row in database.query(one.sql, one.parameters)
        }
        return replace(self, ids=json.dumps(sorted(ids)))


class MoneyBackReports:
    """One list of these: refunds, or disputes."""

    def __init__(
        self,
        pool: ConnectionPool,
        rows: Query,
        sums: Query,
        ids: Query,
        *,
        state: str,
        charge: str,
        integers: tuple[str, ...],
    ) -> None:
        self._pool = pool
        self._rows = rows
        self._sums = sums
        self._ids = ids
        self._state = state
        self._charge = charge
        self._integers = integers

    def with_hits(self, which: MoneyBackFilter) -> MoneyBackFilter:
        """The same with what its search finds, for whoever reads more than one thing of it."""
        with self._pool.reading() as database:
            return which.with_hits(database, self._ids, self._charge)

    def page(
        self,
        which: MoneyBackFilter,
        *,
        state: str | None = None,
        cursor: str | None = None,
        rows: int = PAGE_ROWS,
    ) -> Page:
        """Newest first, each with the charge that it is of."""
        which = self.with_hits(which)
        with self._pool.reading() as database:
            query = which.narrow(self._rows)
            if state is not None:
                query = query.where(f"{self._state} = ?", state)
            return page_of(database, query, cursor=cursor, rows=rows, integers=self._integers)

    def sums(self, which: MoneyBackFilter) -> list[Sum]:
        """Of all rows, whatever page is shown."""
        which = self.with_hits(which)
        with self._pool.reading() as database:
            query = which.narrow(self._sums)
            return sums_of(database, query, group=f"{self._state}, f.currency")


def refund_reports(pool: ConnectionPool) -> MoneyBackReports:
    """States are those of RefundState, and `cancelled`."""
    return MoneyBackReports(
        pool,
        _REFUNDS,
        _REFUND_SUMS,
        _REFUNDS_FOUND,
        state="f.state",
        charge="f.charge_id",
        integers=("at", "amount"),
    )


def dispute_reports(pool: ConnectionPool) -> MoneyBackReports:
    """States are Stripe's statuses, with the day until which each may be answered, `due_by`."""
    return MoneyBackReports(
        pool,
        _DISPUTES,
        _DISPUTE_SUMS,
        _DISPUTES_FOUND,
        state="f.status",
        charge="a.charge_id",
        integers=("at", "amount", "due_by"),
    )
