"""Setup links and Checkout Sessions, as pages show them."""

from __future__ import annotations

from typing import Any

import pandas as pd

from lib.clock import Clock, epoch
from lib.domain.confirmations import CONFIRMING
from lib.domain.identity import address_key, reference_key
from lib.domain.payment_methods import label_of
from lib.reports.paging import EXPORT_ROWS, PAGE_ROWS, Page, Query, page_of, records
from lib.store.confirmations import CONFIRMING_SETUPS
from lib.store.connection_pool import ConnectionPool

_LINKS = Query(
    """SELECT l.id, l.token, l.customer, coalesce(c.name, l.name) AS name,
           coalesce(c.email, l.email) AS email, l.reference, l.currency, l.charge_id,
           l.created_by, l.created_at, l.expires_at, l.completed_at, l.revoked_at, l.refusal,
           s.session_id, s.url, s.expires_at AS session_expires_at,
           i.status AS setup_status, l.created_at AS page_time, l.id AS page_id
       FROM setup_links l
       LEFT JOIN checkout_sessions d ON d.id = l.completed_session
       LEFT JOIN setup_intents i ON i.id = d.setup_intent
       LEFT JOIN customers c ON c.id = l.customer
       LEFT JOIN link_sessions s ON s.link_id = l.id AND s.closed_at IS NULL""",
    "l.created_at",
    "l.id",
)
_LINK_INTEGERS = (
    "created_at",
    "expires_at",
    "completed_at",
    "revoked_at",
    "session_expires_at",
)

_SESSIONS = Query(
    """SELECT s.id, s.status, s.customer, coalesce(c.name, s.customer_name, m.billing_name) AS name,
           coalesce(c.email, s.customer_email) AS email, s.reference, s.created, s.expires_at,
           s.completed_at, CASE WHEN i.status = 'succeeded' THEN m.created END AS saved_at,
           s.link_id, i.status AS setup_status, i.last_error_message,
           m.id AS payment_method, m.type, m.brand, m.last4, m.is_detached,
           m.customer AS method_customer,
           s.needs_customer, s.status = 'complete' AND i.status IN ('processing', 'requires_action')
               AS is_confirming,
           s.position AS page_time, s.position AS page_id
       FROM checkout_sessions s
       LEFT JOIN setup_intents i ON i.id = s.setup_intent
       LEFT JOIN payment_methods m ON m.id = i.payment_method
       LEFT JOIN customers c ON c.id = coalesce(s.customer, m.customer)""",
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
# Of a SetupIntent whose Session is complete: the bank did not confirm.
_FAILED = ("requires_payment_method", "canceled")
LINK_STATES = ("open", "completed", "expired", "revoked")


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
        cursor: str | None = None,
        rows: int = PAGE_ROWS,
    ) -> Page:
        """
        Setup links, newest first, with a `state` column (open, completed, expired, revoked).

        `url` is Stripe's page while one is open; whoever has it can use it.
        """
        now = epoch(self._clock())
        query = _LINKS.matching(
            search,
            (
                "coalesce(c.name, l.name)",
                "coalesce(c.email, l.email)",
                "l.reference",
                "l.id",
                "l.customer",
            ),
            {"l.reference_key": reference_key, "c.address_key": address_key},
        )
        if customer is not None:
            query = query.where("l.customer = ?", customer)
        match state:
            case "open":
                query = query.where(
                    "l.completed_at IS NULL AND l.revoked_at IS NULL AND l.expires_at > ?", now
                )
            case "completed":
                query = query.where("l.completed_at IS NOT NULL")
            case "revoked":
                query = query.where("l.revoked_at IS NOT NULL")
            case "expired":
                query = query.where(
                    "l.completed_at IS NULL AND l.revoked_at IS NULL AND l.expires_at <= ?", now
                )
        with self._pool.reading() as database:
            page = page_of(database, query, cursor=cursor, rows=rows, integers=_LINK_INTEGERS)
        page.frame["state"] = [_link_state(row, now) for row in records(page.frame)]
        return page

    def export(self, *, state: str | None = None, search: str = "") -> pd.DataFrame:
        """Without the addresses: whoever has one can save a card on it."""
        frame = self.page(state=state, search=search, rows=EXPORT_ROWS).frame
        return frame.drop(columns=["page_time", "page_id", "token", "url"])

    def find(self, link_id: str) -> dict[str, Any] | None:
        now = epoch(self._clock())
        query = _LINKS.where("l.id = ?", link_id)
        with self._pool.reading() as database:
            frame = page_of(database, query, rows=1, integers=_LINK_INTEGERS).frame
        link = next(iter(records(frame)), None)
        return link | {"state": _link_state(link, now)} if link else None

    def counts(self) -> dict[str, int]:
        now = epoch(self._clock())
        with self._pool.reading() as database:
            row = next(
                database.query(
                    """SELECT sum(completed_at IS NOT NULL) AS completed,
                           sum(revoked_at IS NOT NULL) AS revoked,
                           sum(completed_at IS NULL AND revoked_at IS NULL AND expires_at > :now)
                               AS open,
                           sum(completed_at IS NULL AND revoked_at IS NULL AND expires_at <= :now)
                               AS expired FROM setup_links""",
                    {"now": now},
                )
            )
        return {name: int(row[name] or 0) for name in LINK_STATES}


class SessionReports:
    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool

    def page(
        self,
        *,
        state: str | None = None,
        search: str = "",
        since: int | None = None,
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
        if since is not None:
            query = query.where("s.position >= ?", since << 20)
        # The state is in the index, too, so that a rare one is found among many matches.
        query = query.searching(
            _TABLE, search, *([state] if state and state != "confirming" else [])
        )
        with self._pool.reading() as database:
            page = page_of(database, query, cursor=cursor, rows=rows, integers=_SESSION_INTEGERS)
        page.frame["label"] = [_method_label(row) for row in records(page.frame)]
        return page

    def export(
        self, *, state: str | None = None, search: str = "", since: int | None = None
    ) -> pd.DataFrame:
        frame = self.page(state=state, search=search, since=since, rows=EXPORT_ROWS).frame
        return frame.drop(columns=["page_time", "page_id", "is_detached", "method_customer"])

    def find(self, session_id: str) -> dict[str, Any] | None:
        query = _SESSIONS.where("s.id = ?", session_id)
        with self._pool.reading() as database:
            frame = page_of(database, query, rows=1, integers=_SESSION_INTEGERS).frame
        session = next(iter(records(frame)), None)
        return session | {"label": _method_label(session)} if session else None

    def counts(self) -> dict[str, int]:
        with self._pool.reading() as database:
            rows = database.query("SELECT state, n FROM session_counts")
            totals = {str(row["state"]): int(row["n"]) for row in rows}
            totals["confirming"] = database.execute(
                f"""SELECT count(*) FROM checkout_sessions
                    WHERE status = 'complete' AND setup_intent IN {CONFIRMING_SETUPS}"""
            ).fetchone()[0]
        return {state: totals.get(state, 0) for state in SESSION_STATES}


def _link_state(row: dict[str, Any], now: int) -> str:
    if row["completed_at"] is not None:
        if row["setup_status"] in CONFIRMING:
            return "confirming"
        return "failed" if row["setup_status"] in _FAILED else "completed"
    if row["revoked_at"] is not None:
        return "revoked"
    return "expired" if row["expires_at"] <= now else "open"


def _method_label(row: dict[str, Any]) -> str:
    if row["payment_method"] is None:
        return ""
    return label_of(row["type"], row["brand"], row["last4"])
