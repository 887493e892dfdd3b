"""Incidents, as pages show them."""

from __future__ import annotations

from lib.domain.refunds import UNFINISHED_STATES
from lib.reports.paging import PAGE_ROWS, Page, Query, page_of
from lib.store.connection_pool import ConnectionPool
from lib.store.states import one_of

# What a refund under way says of the incident about its payment.
_REFUND = f"""(SELECT CASE r.state WHEN 'requested' THEN 'incident_refund_requested'
            ELSE 'incident_refund_pending' END
        FROM attempts a JOIN refunds r ON r.charge_id = a.charge_id
            AND r.payment_intent = a.payment_intent
        WHERE a.payment_intent = p.id
            AND r.state IN {one_of(UNFINISHED_STATES)} LIMIT 1)"""
_INCIDENTS = Query(
    f"""SELECT i.id, i.kind, i.subject, i.found_at, i.settled_at, i.resolution,
           json_extract(i.details, '$.reference') AS reference,
           coalesce(c.name, c.email, json_extract(i.details, '$.customer')) AS name,
           coalesce(json_extract(i.details, '$.amount'), p.amount) AS amount,
           coalesce(json_extract(i.details, '$.currency'), p.currency) AS currency,
           CASE WHEN i.settled_at IS NOT NULL THEN 'incident_settled'
               WHEN EXISTS (SELECT 1 FROM incident_proposals o
                   WHERE o.incident_id = i.id AND o.state = 'proposed') THEN 'incident_proposed'
               ELSE coalesce({_REFUND}, 'incident_open') END AS state,
           i.settled_by, i.note, i.found_at AS page_time, i.id AS page_id
       FROM incidents i
       LEFT JOIN customers c ON c.id = json_extract(i.details, '$.customer')
       LEFT JOIN payment_intents p
           ON p.id = coalesce(json_extract(i.details, '$.payment_intent'), i.subject)""",
    "i.found_at",
    "i.id",
)
# The partial indexes of incidents have these words.
_STATES = {"open": "i.settled_at IS NULL", "settled": "i.settled_at IS NOT NULL"}


class IncidentReports:
    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool

    def page(
        self,
        *,
        state: str | None = None,
        since: int | None = None,
        before: int | None = None,
        cursor: str | None = None,
        rows: int = PAGE_ROWS,
    ) -> Page:
        """
        Incidents, newest first.

        Args:
            state: open or settled; None for both.
            since: the moment at which they were found; as `before`.
        """
        query = _INCIDENTS.where(_STATES[state]) if state else _INCIDENTS
        query = _of_period(query, since, before)
        with self._pool.reading() as database:
            return page_of(
                database,
                query,
                cursor=cursor,
                rows=rows,
                integers=("amount", "found_at", "settled_at"),
            )

    def counts(self, *, since: int | None = None, before: int | None = None) -> dict[str, int]:
        """By state, each by its index."""
        counts = {}
        with self._pool.reading() as database:
            for state, condition in _STATES.items():
                query = Query("SELECT count(*) AS n FROM incidents i", "i.found_at", "i.id")
                query = _of_period(query.where(condition), since, before)
                counts[state] = int(next(database.query(query.sql, query.parameters))["n"])
        return counts


def _of_period(query: Query, since: int | None, before: int | None) -> Query:
    if since is not None:
        query = query.where("i.found_at >= ?", since)
    return query if before is None else query.where("i.found_at < ?", before)
