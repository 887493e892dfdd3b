"""The webhook inbox, as pages show it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lib.clock import Clock, epoch
from lib.domain.identity import search_text
from lib.reports.counts import UNCOUNTED, Counts, tally
from lib.reports.paging import PAGE_ROWS, Page, Query, page_of, rows_of
from lib.store.connection_pool import ConnectionPool

# After so long a webhook that did not come counts as lost.
LATE_SECONDS = 15 * 60
_QUIET_SECONDS = 24 * 3600
_LONGEST_SEARCH = 200

_STATE = """CASE WHEN d.state = 'received' THEN 'waiting' WHEN d.state <> 'failed' THEN d.state
               WHEN d.next_try_at IS NULL THEN 'given_up' ELSE 'retrying' END"""
# Deliveries are numbered in the order of arrival, so the rowid alone orders them.
DELIVERIES = Query(
    f"""SELECT d.event_id AS id, d.type, d.object_type, d.object_id, d.note, d.error, d.created,
           d.received_at, d.webhook_at, d.finished_at, d.next_try_at, d.tries, d.repeats,
           d.livemode, d.api_version, d.signature_age, d.body,
           {_STATE} AS state,
           c.id AS customer,
           coalesce(c.name, c.email, s.customer_name, s.customer_email) AS name,
           s.id AS session, m.id AS payment_method,
           d.rowid AS page_time, d.rowid AS page_id
       FROM webhook_deliveries d
       LEFT JOIN checkout_sessions s ON s.id = d.object_id
       LEFT JOIN payment_methods m ON m.id = d.object_id
       LEFT JOIN customers c ON c.id = coalesce(
           d.body ->> '$.customer', s.customer, m.customer, m.last_customer, d.object_id)""",
    "d.rowid",
    "d.rowid",
)
_COUNTED = Query(f"SELECT {_STATE} AS state FROM webhook_deliveries d", "d.rowid", "d.rowid")

_INTEGERS = (
    "created",
    "received_at",
    "webhook_at",
    "finished_at",
    "next_try_at",
    "tries",
    "repeats",
)
CONDITIONS = {
    "waiting": "d.state = 'received'",
    "processed": "d.state = 'processed'",
    "ignored": "d.state = 'ignored'",
    "retrying": "d.state = 'failed' AND d.next_try_at IS NOT NULL",
    "given_up": "d.state = 'failed' AND d.next_try_at IS NULL",
}
# evt_…, cs_test_…, pm_…: with a digit or a capital, as no event type has, and so long that few
# rows begin with it. Ids made at about the same time share their first letters.
_ID = re.compile(r"[a-z]{2,6}_(?=\w*[0-9A-Z])\w{12,200}\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Quiet:
    """Whether webhooks still come."""

    last_webhook_at: int | None
    missed: int
    """Events of the last 24 hours that only polling learnt, long after a webhook was due."""
    last_missed: int | None
    """When the newest of them happened."""


class WebhookReports:
    def __init__(self, pool: ConnectionPool, *, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    def page(
        self,
        *,
        state: str | None = None,
        search: str = "",
        types: Sequence[str] = (),
        cursor: str | None = None,
        rows: int = PAGE_ROWS,
    ) -> Page:
        """
        Deliveries, newest first.

        Args:
            state: waiting, processed, ignored, retrying or given_up.
            search: the beginning of an event's or object's id, or part of an event type.
            types: event types that match the search, too, because their words do.
        """
        query = _matching(DELIVERIES, search, types)
        if state in CONDITIONS:
            query = query.where(CONDITIONS[state])
        with self._pool.reading() as database:
            return page_of(database, query, cursor=cursor, rows=rows, integers=_INTEGERS)

    def find(self, event_id: str) -> dict[str, Any] | None:
        with self._pool.reading() as database:
            query = DELIVERIES.where("d.event_id = ?", event_id)
            return next(iter(rows_of(database, query)), None)

    def counts(self, *, search: str = "", types: Sequence[str] = ()) -> Counts:
        """Deliveries by state, in the order of `page`'s states; arguments as there."""
        if not search_text(search):
            by_state = self._all()
            return Counts(by_state, sum(by_state.values()))
        query = _matching(_COUNTED, search, types)
        with self._pool.reading() as database:
            counted = tally(database, query, "state")
        if counted is None:
            return UNCOUNTED
        return Counts(
            {state: counted.get((state,), 0) for state in CONDITIONS}, sum(counted.values())
        )

    def _all(self) -> dict[str, int]:
        with self._pool.reading() as database:
            rows = database.query(
                "SELECT state, count(*) AS n FROM webhook_deliveries GROUP BY state"
            )
            totals = {row["state"]: int(row["n"]) for row in rows}
            given_up = next(
                database.query(
                    """SELECT count(*) AS n FROM webhook_deliveries
                       WHERE state = 'failed' AND next_try_at IS NULL"""
                )
            )["n"]
        return {
            "waiting": totals.get("received", 0),
            "processed": totals.get("processed", 0),
            "ignored": totals.get("ignored", 0),
            "retrying": max(totals.get("failed", 0) - given_up, 0),
            "given_up": given_up,
        }

    def quiet(self) -> Quiet:
        now = epoch(self._clock())
        with self._pool.reading() as database:
            row = next(
                database.query(
                    """SELECT (SELECT max(webhook_at) FROM webhook_deliveries) AS last,
                        count(*) AS missed, max(created) AS last_missed
                       FROM webhook_deliveries d
                       WHERE webhook_at IS NULL AND created >= ? AND created < ?
                           -- A thin event has an id of its own, which polling does not learn.
                           AND NOT EXISTS (SELECT 1 FROM webhook_deliveries thin
                               WHERE thin.object_id = d.object_id AND thin.type = d.type
                                   AND thin.body ->> '$.payload' = 'thin')""",
                    (now - _QUIET_SECONDS, now - LATE_SECONDS),
                )
            )
        return Quiet(row["last"], int(row["missed"]), row["last_missed"])


def _matching(query: Query, search: str, types: Sequence[str]) -> Query:
    wanted = search_text(search)[:_LONGEST_SEARCH]
    if not wanted:
        return query
    if _ID.match(wanted):
        between = (wanted, wanted + "\x7f")
        return query.where(
            """d.rowid IN (
                SELECT rowid FROM webhook_deliveries WHERE event_id >= ? AND event_id < ?
                UNION ALL
                SELECT rowid FROM webhook_deliveries WHERE object_id >= ? AND object_id < ?)""",
            *between,
            *between,
        )
    start = wanted.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    marks = ", ".join("?" * len(types))
    return query.where(
        f"""(d.type LIKE ? ESCAPE '\\' OR d.type IN ({marks})
            OR d.event_id LIKE ? ESCAPE '\\' OR d.object_id LIKE ? ESCAPE '\\')""",
        f"%{start}",
        *types,
        start,
        start,
    )
