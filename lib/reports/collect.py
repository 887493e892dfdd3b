"""Setup links and Checkout Sessions, as pages show them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlite_utils import Database

from lib.clock import Clock, epoch
from lib.domain.confirmations import CONFIRMING
from lib.domain.identity import search_text
from lib.domain.links import LinkState, LinkStatus, state_of
from lib.domain.payment_methods import label_of
from lib.domain.reference_keys import reference_key
from lib.reports.counts import UNCOUNTED, Counts, tally
from lib.reports.frames import records
from lib.reports.paging import PAGE_ROWS, Page, Query, page_of, rows_of
from lib.store.confirmations import CONFIRMING_SETUPS
from lib.store.connection_pool import ConnectionPool
from lib.store.link_states import FOR_CHARGE, JOINS, condition

# From the few that wait, not from all that were completed.
_IS_CONFIRMING = f"""l.id IN (SELECT link_id FROM checkout_sessions
    WHERE status = 'complete' AND setup_intent IN {CONFIRMING_SETUPS})"""
_NOT_ENDED = "l.completed_at IS NULL AND l.revoked_at IS NULL"
_LINKS = Query(
    f"""SELECT l.id, l.token, l.customer, coalesce(c.name, l.name) AS name,
           coalesce(c.email, l.email) AS email, l.reference, l.currency, l.charge_id,
           l.created_by, l.created_at, l.expires_at, l.completed_at, l.revoked_at, l.refusal,
           l.purpose, {FOR_CHARGE} AS for_charge, l.end_reason, l.sent_at, l.opened_at, l.started_at, l.reminders, h.amount,
           h.currency AS charge_currency, b.name AS batch,
           s.session_id, s.url, s.expires_at AS session_expires_at,
           i.status AS setup_status, i.payment_method AS saved_method, d.created AS session_created,
           d.completed_at AS session_completed_at, l.position AS page_time, l.position AS page_id
       FROM setup_links l {JOINS}
       LEFT JOIN customers c ON c.id = l.customer
       LEFT JOIN link_sessions s ON s.link_id = l.id AND s.closed_at IS NULL
       LEFT JOIN charges h ON h.id = l.charge_id
       LEFT JOIN link_batches b ON b.id = l.batch_id""",
    "l.position",
    "l.position",
)
_LINK_INTEGERS = (
    "created_at",
    "expires_at",
    "completed_at",
    "revoked_at",
    "sent_at",
    "opened_at",
    "started_at",
    "reminders",
    "amount",
    "session_expires_at",
    "session_created",
    "session_completed_at",
)

_LINK_COUNTS = Query(
    f"""SELECT l.revoked_at IS NOT NULL AS revoked,
           l.completed_at IS NOT NULL AND {_IS_CONFIRMING} AS confirming,
           l.completed_at IS NOT NULL AND NOT {_IS_CONFIRMING} AS completed,
           {_NOT_ENDED} AND l.expires_at > ? AS open,
           {_NOT_ENDED} AND l.expires_at > ? AND l.refusal IS NOT NULL AS refused,
           {_NOT_ENDED} AND l.expires_at <= ? AS expired
       FROM setup_links l""",
    "l.position",
    "l.position",
)
# Each by an index of those alone; what is left was completed.
_ALL_LINKS = f"""SELECT (SELECT count(*) FROM setup_links) AS n,
       (SELECT count(*) FROM setup_links l WHERE {_NOT_ENDED} AND l.expires_at > :now) AS open,
       (SELECT count(*) FROM setup_links l WHERE {_NOT_ENDED} AND l.expires_at > :now
           AND l.refusal IS NOT NULL) AS refused,
       (SELECT count(*) FROM setup_links l WHERE {_NOT_ENDED} AND l.expires_at <= :now) AS expired,
       (SELECT count(*) FROM setup_links l WHERE l.revoked_at IS NOT NULL) AS revoked,
       (SELECT count(*) FROM setup_links l WHERE l.completed_at IS NOT NULL AND {_IS_CONFIRMING})
           AS confirming"""

_SESSIONS = Query(
    f"""SELECT s.id, s.status, s.customer, coalesce(c.name, s.customer_name, m.billing_name) AS name,
           coalesce(c.email, s.customer_email) AS email, s.reference, s.created, s.expires_at,
           s.completed_at, CASE WHEN i.status = 'succeeded' THEN m.created END AS saved_at,
           s.link_id, i.status AS setup_status, i.last_error_message,
           m.id AS payment_method, m.type, m.brand, m.last4, m.is_detached,
           m.customer AS method_customer,
           s.needs_customer, s.status = 'complete' AND i.status IN {CONFIRMING!r}
               AS is_confirming,
           s.position AS page_time, s.position AS page_id
       FROM checkout_sessions s
       LEFT JOIN setup_intents i ON i.id = s.setup_intent
       LEFT JOIN payment_methods m ON m.id = i.payment_method
       LEFT JOIN customers c ON c.id = coalesce(s.customer, m.customer)""",
    "s.position",
    "s.position",
)
_SESSION_COUNTS = Query(
    f"""SELECT s.status, s.needs_customer,
           s.status = 'complete' AND s.setup_intent IN {CONFIRMING_SETUPS} AS is_confirming
       FROM checkout_sessions s""",
    "s.position",
    "s.position",
)
_SESSION_INTEGERS = (
    "created",
    "expires_at",
    "completed_at",
    "saved_at",
    "needs_customer",
    "is_confirming",
)
_TABLE = "checkout_sessions"
SESSION_STATES = ("complete", "confirming", "open", "expired", "needs_customer")
LINK_STATES = tuple(state.value for state in LinkState if state is not LinkState.FAILED)
"""Those that are counted. What failed after completion is rare, and costs a look at each one completed."""


class LinkReports:
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
        Setup links, newest first, with a `state` column: one of LinkState, and `open` of what is refused.

        `url` is Stripe's page while one is open; whoever has it can use it.
        """
        now = epoch(self._clock())
        query = _links_of(_LINKS, search, since, before)
        if customer is not None:
            query = query.where("l.customer = ?", customer)
        if state is not None:
            wanted, parameters = condition(LinkState(state), now)
            query = query.where(wanted, *parameters)
        with self._pool.reading() as database:
            page = page_of(database, query, cursor=cursor, rows=rows, integers=_LINK_INTEGERS)
        page.frame["state"] = [_link_state(row, now) for row in records(page.frame)]
        return page

    def find(self, link_id: str) -> dict[str, Any] | None:
        now = epoch(self._clock())
        query = _LINKS.where("l.id = ?", link_id)
        with self._pool.reading() as database:
            link = next(iter(rows_of(database, query)), None)
        return link | {"state": _link_state(link, now)} if link else None

    def counts(
        self, *, search: str = "", since: int | None = None, before: int | None = None
    ) -> Counts:
        """Of LINK_STATES; what is refused counts as open, too, and what failed as completed."""
        now = epoch(self._clock())
        with self._pool.reading() as database:
            if not search_text(search) and since is None and before is None:
                row = next(database.query(_ALL_LINKS, {"now": now}))
                others = ("open", "expired", "revoked", "confirming")
                row["completed"] = row["n"] - sum(row[name] for name in others)
                return Counts({state: row[state] for state in LINK_STATES}, row["n"])
            query = _links_of(replace(_LINK_COUNTS, parameters=(now,) * 3), search, since, before)
            tallies = tally(database, query, *LINK_STATES)
        if tallies is None:
            return UNCOUNTED
        totals = {
            state: sum(n for states, n in tallies.items() if states[place])
            for place, state in enumerate(LINK_STATES)
        }
        return Counts(totals, sum(tallies.values()))


class SessionReports:
    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool

    def page(
        self,
        *,
        state: str | None = None,
        search: str = "",
        since: int | None = None,
        before: int | None = None,
        cursor: str | None = None,
        rows: int = PAGE_ROWS,
    ) -> Page:
        """
        Setup sessions, newest first; `state` is one of SESSION_STATES, or None for all.

        `label` names the saved method; empty while there is none. `saved_at` is Stripe's time,
        `completed_at` when the mirror first saw the session completed.
        """
        query = _SESSIONS
        if state == "needs_customer":
            query = query.where("s.needs_customer = 1")
        elif state == "confirming":
            query = query.where(f"s.status = 'complete' AND s.setup_intent IN {CONFIRMING_SETUPS}")
        elif state is not None:
            query = query.where("s.status = ?", state)
        query = query.between("s.position", since, before)
        # The state is in the index, too, so that a rare one is found among many matches.
        query = query.searching(
            _TABLE, search, *([state] if state and state != "confirming" else [])
        )
        with self._pool.reading() as database:
            page = page_of(database, query, cursor=cursor, rows=rows, integers=_SESSION_INTEGERS)
        page.frame["label"] = [_method_label(row) for row in records(page.frame)]
        return page

    def find(self, session_id: str) -> dict[str, Any] | None:
        query = _SESSIONS.where("s.id = ?", session_id)
        with self._pool.reading() as database:
            session = next(iter(rows_of(database, query)), None)
        return session | {"label": _method_label(session)} if session else None

    def counts(
        self, *, search: str = "", since: int | None = None, before: int | None = None
    ) -> Counts:
        """Of SESSION_STATES."""
        with self._pool.reading() as database:
            if not search_text(search) and since is None and before is None:
                return self._all_counts(database)
            query = _SESSION_COUNTS.between("s.position", since, before).searching(_TABLE, search)
            tallies = tally(database, query, "status", "needs_customer", "is_confirming")
        if tallies is None:
            return UNCOUNTED
        counts = dict.fromkeys(SESSION_STATES, 0)
        for (status, needs_customer, is_confirming), n in tallies.items():
            counts[status] = counts.get(status, 0) + n
            counts["needs_customer"] += n if needs_customer else 0
            counts["confirming"] += n if is_confirming else 0
        return Counts(counts, sum(tallies.values()))

    def _all_counts(self, database: Database) -> Counts:
        rows = database.query("SELECT state, n FROM session_counts")
        totals = {str(row["state"]): int(row["n"]) for row in rows}
        every = sum(n for state, n in totals.items() if state != "needs_customer")
        totals["confirming"] = database.execute(
            f"""SELECT count(*) FROM checkout_sessions
                WHERE status = 'complete' AND setup_intent IN {CONFIRMING_SETUPS}"""
        ).fetchone()[0]
        return Counts({state: totals.get(state, 0) for state in SESSION_STATES}, every)


def _links_of(query: Query, search: str, since: int | None, before: int | None) -> Query:
    query = query.between("l.position", since, before)
    return query.searching("setup_links", search, key=reference_key)


def _link_state(row: dict[str, Any], now: int) -> str:
    if row["completed_at"] is not None:
        status = LinkStatus.COMPLETED
    elif row["revoked_at"] is not None:
        status = LinkStatus.REVOKED
    else:
        status = LinkStatus.EXPIRED if row["expires_at"] <= now else LinkStatus.OPEN
    return state_of(status, row["setup_status"]).value


def _method_label(row: dict[str, Any]) -> str:
    if row["payment_method"] is None:
        return ""
    return label_of(row["type"], row["brand"], row["last4"])
