"""The audit log, as pages show it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlite_utils import Database

from lib.domain.actors import Actor
from lib.domain.audit_readers import OF_ACCOUNTS, reads_everything
from lib.domain.identity import search_text
from lib.domain.reference_keys import reference_key
from lib.reports.counts import MOST_COUNTED, MOST_WALKED, count_rows
from lib.reports.paging import PAGE_ROWS, Page, Query, page_of, rows_of
from lib.store.connection_pool import ConnectionPool

_AUDIT = Query(
    """SELECT h.id, h.at, h.actor, coalesce(u.name, h.actor) AS actor_name, h.action, h.subject,
           coalesce(g.reference || ' · ' || coalesce(gc.name, gc.email, g.customer),
               c.name, c.email, k.reference || ' · ' || coalesce(k.name, k.email, 'nobody yet'),
               k.name, k.email, m.brand || ' ···· ' || m.last4, r.name, w.name) AS about,
           h.detail, h.hash, h.at AS page_time, h.id AS page_id
       FROM audit_log h
       LEFT JOIN users u ON u.username = h.actor
       LEFT JOIN charges g ON g.id = h.subject
       LEFT JOIN customers gc ON gc.id = g.customer
       LEFT JOIN customers c ON c.id = h.subject
       LEFT JOIN setup_links k ON k.id = h.subject
       LEFT JOIN payment_methods m ON m.id = h.subject
       LEFT JOIN runs r ON r.id = h.subject
       LEFT JOIN users w ON w.username = substr(h.subject, 6)""",
    "h.at",
    "h.id",
    found_in="FROM audit_log h",
)
# Whose names and ids an entry may be about, each with its own index.
_ABOUT: dict[str, Callable[[str], str] | None] = {
    "charges": reference_key,
    "customers": None,
    "setup_links": reference_key,
    "payment_methods": None,
    "runs": None,
}
MOST_OF_A_KIND = 1_000
"""A search that means more customers or charges finds the entries about the newest of them."""
READ_ENTRIES = 20_000
"""So many of the newest are searched by every word in them, all others by whom and what they are about."""


@dataclass(frozen=True, slots=True)
class About:
    """What a search finds that entries may be about."""

    ids: list[str]
    is_part: bool
    """There is more than `MOST_OF_A_KIND`; entries about the rest are not found."""


class AuditReports:
    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool

    def about(self, search: str, *, before: int | None = None) -> About:
        """
        For whoever reads more than one thing of a search; `page` and `count` ask it themselves otherwise.

        Args:
            before: of what is more than `MOST_OF_A_KIND`, only what was there by then.
        """
        ids: list[str] = []
        is_part = False
        with self._pool.reading() as database:
            for kind, key in _ABOUT.items():
                newest = _newest(database, kind, key, search, None)
                if len(newest) > MOST_OF_A_KIND:
                    is_part = True
                    if before is not None:
                        newest = _newest(database, kind, key, search, before)
                ids += newest[:MOST_OF_A_KIND]
        return About(ids, is_part)

    def page(
        self,
        *,
        search: str = "",
        about: About | None = None,
        actor: str | None = None,
        actions: Sequence[str] = (),
        since: int | None = None,
        before: int | None = None,
        cursor: str | None = None,
        rows: int = PAGE_ROWS,
        reader: Actor | None = None,
    ) -> Page:
        """
        Entries, newest first; `about` names what an entry is about, empty where nothing has a name.

        Args:
            search: a customer's name or address, a reference, an id; of the newest `READ_ENTRIES`, any text.
            actions: beginnings of actions, such as "charge." or "link.create"; none for all.
            reader: who reads them; what others did to accounts, and were refused, is for admins.
        """
        query = _narrowed(reader, actor=actor, actions=actions, since=since, before=before)
        if text := search_text(search):
            about = about or self.about(text, before=before)
        with self._pool.reading() as database:
            if text and about:
                query = _searched(database, query, text, about)
            page = page_of(database, query, cursor=cursor, rows=rows, integers=("at", "id"))
        page.frame["about"] = [about or "" for about in page.frame["about"]]
        return page

    def count(
        self,
        *,
        search: str = "",
        about: About | None = None,
        actor: str | None = None,
        actions: Sequence[str] = (),
        since: int | None = None,
        before: int | None = None,
        reader: Actor | None = None,
    ) -> int | None:
        """Entries on all pages of such a list; None where there are more than are counted."""
        query = _narrowed(reader, actor=actor, actions=actions, since=since, before=before)
        if text := search_text(search):
            about = about or self.about(text, before=before)
            with self._pool.reading() as database:
                query = _searched(database, query, text, about)
            return count_rows(self._pool, query.ids, most=MOST_COUNTED)
        if not query.conditions:
            with self._pool.reading() as database:
                return int(database.execute("SELECT count(*) FROM audit_log").fetchone()[0])
        is_of_all = not (actor or actions) and (reader is None or reads_everything(reader))
        return count_rows(self._pool, query.ids, most=MOST_WALKED if is_of_all else MOST_COUNTED)

    def find(self, entry_id: int, *, reader: Actor | None = None) -> dict[str, Any] | None:
        """One entry; None where there is none, or none for this reader."""
        with self._pool.reading() as database:
            query = _for(reader, _AUDIT.where("h.id = ?", entry_id))
            return next(iter(rows_of(database, query)), None)


def _newest(
    database: Database,
    kind: str,
    key: Callable[[str], str] | None,
    search: str,
    before: int | None,
) -> list[str]:
    query = Query(f"SELECT x.id FROM {kind} x", "x.position", "x.position")
    query = query.searching(kind, search, key=key)
    query = query.between(query.time_column, None, before)
    rows = database.query(
        f"{query.sql} ORDER BY {query.time_column} DESC LIMIT ?",
        (*query.parameters, MOST_OF_A_KIND + 1),
    )
    return [str(row["id"]) for row in rows]


def _narrowed(
    reader: Actor | None,
    *,
    actor: str | None,
    actions: Sequence[str],
    since: int | None,
    before: int | None,
) -> Query:
    query = _for(reader, _AUDIT)
    if actor:
        query = query.where("h.actor = ?", actor)
    if actions:
        # A range, as the index has it, is found faster than LIKE finds a beginning.
        query = query.where(
            f"({' OR '.join(['(h.action >= ? AND h.action < ?)'] * len(actions))})",
            *(end for action in actions for end in (action, f"{action}\x7f")),
        )
    if since is not None:
        query = query.where("h.at >= ?", since)
    return query if before is None else query.where("h.at < ?", before)


def _for(reader: Actor | None, query: Query) -> Query:
    """As `audit_readers.reads`."""
    if reader is None or reads_everything(reader):
        return query
    others = " AND ".join(["h.action NOT LIKE ?"] * len(OF_ACCOUNTS))
    return query.where(
        f"(({others}) OR h.actor = ? OR h.subject = ?)",
        *(f"{beginning}%" for beginning in OF_ACCOUNTS),
        reader.username,
        f"user:{reader.username}",
    )


def _searched(database: Database, query: Query, text: str, about: About) -> Query:
    """Entries that an index has for it, and the newest that say it."""
    newest = f"{query.ids.sql} ORDER BY h.at DESC, h.id DESC LIMIT {READ_ENTRIES}"
    people = [
        row["username"]
        for row in database.query("SELECT username, name FROM users")
        if text.casefold() in f"{row['username']}\n{row['name']}".casefold()
    ]
    words = Query("SELECT h.id FROM audit_log h", "h.at", "h.id").matching(
        text, ("h.action", "h.subject", "h.detail")
    )
    return query.where(
        f"""h.id IN (
            SELECT id FROM audit_log WHERE subject IN (SELECT value FROM json_each(?))
            UNION SELECT id FROM audit_log WHERE subject >= ? AND subject < ?
            UNION SELECT h.id FROM audit_log h WHERE h.id IN ({newest})
                AND (h.actor IN (SELECT value FROM json_each(?)) OR {words.conditions[0]}))""",
        json.dumps(about.ids),
        text,
        f"{text}\x7f",
        *query.parameters,
        json.dumps(people),
        *words.parameters,
    )
