"""The audit log, as pages show it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from lib.reports.paging import EXPORT_ROWS, PAGE_ROWS, Page, Query, page_of, records
from lib.store.connection_pool import ConnectionPool

# Entries are numbered in the order of time, so the number alone orders them, by the primary key.
_AUDIT = Query(
    """SELECT l.id, l.at, l.actor, coalesce(u.name, l.actor) AS actor_name, l.action, l.subject,
           coalesce(h.reference || ' · ' || coalesce(hc.name, hc.email, h.customer),
               c.name, c.email, k.reference || ' · ' || coalesce(k.name, k.email, 'nobody yet'),
               k.name, k.email, m.brand || ' ···· ' || m.last4, r.name, w.name) AS about,
           l.detail, l.hash, l.id AS page_time, l.id AS page_id
       FROM audit_log l
       LEFT JOIN users u ON u.username = l.actor
       LEFT JOIN charges h ON h.id = l.subject
       LEFT JOIN customers hc ON hc.id = h.customer
       LEFT JOIN customers c ON c.id = l.subject
       LEFT JOIN setup_links k ON k.id = l.subject
       LEFT JOIN payment_methods m ON m.id = l.subject
       LEFT JOIN runs r ON r.id = l.subject
       LEFT JOIN users w ON w.username = substr(l.subject, 6)""",
    "l.id",
    "l.id",
)


class AuditReports:
    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool

    def page(
        self,
        *,
        search: str = "",
        actor: str | None = None,
        actions: Sequence[str] = (),
        cursor: str | None = None,
        rows: int = PAGE_ROWS,
    ) -> Page:
        """
        Entries, newest first; `about` names what an entry is about, empty where nothing has a name.

        Args:
            actions: beginnings of actions, such as "charge." or "link.create"; none for all.
        """
        query = _AUDIT.matching(
            search,
            (
                "l.actor",
                "u.name",
                "l.action",
                "l.subject",
                "l.detail",
                "h.reference",
                "hc.name",
                "hc.email",
                "c.name",
                "c.email",
                "k.name",
                "k.email",
                "r.name",
            ),
        )
        if actor:
            query = query.where("l.actor = ?", actor)
        if actions:
            query = query.where(
                f"({' OR '.join(['l.action LIKE ?'] * len(actions))})",
                *(f"{action}%" for action in actions),
            )
        with self._pool.reading() as database:
            page = page_of(database, query, cursor=cursor, rows=rows, integers=("at", "id"))
        page.frame["about"] = [about or "" for about in page.frame["about"]]
        return page

    def find(self, entry_id: int) -> dict[str, Any] | None:
        with self._pool.reading() as database:
            query = _AUDIT.where("l.id = ?", entry_id)
            frame = page_of(database, query, rows=1, integers=("at", "id")).frame
        return next(iter(records(frame)), None)

    def export(
        self, *, search: str = "", actor: str | None = None, actions: Sequence[str] = ()
    ) -> pd.DataFrame:
        """With every entry's digest, so that the chain can be checked outside."""
        frame = self.page(search=search, actor=actor, actions=actions, rows=EXPORT_ROWS).frame
        return frame.drop(columns=["page_time", "page_id"])
