"""The Checkout Sessions minted for setup links, each a row before it is asked for."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlite_utils import Database

from lib.domain.links import UNTOUCHED, LinkSession


class LinkSessionStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def last_of(self, link_id: str) -> LinkSession | None:
        rows = self._database.query(
            "SELECT * FROM link_sessions WHERE link_id = ? ORDER BY number DESC LIMIT 1",
            (link_id,),
        )
        return next((_link_session(row) for row in rows), None)

    def of_session(self, session_id: str) -> LinkSession | None:
        rows = self._database.query(
            "SELECT * FROM link_sessions WHERE session_id = ?", (session_id,)
        )
        return next((_link_session(row) for row in rows), None)

    def may_be_ours(self, session_id: str) -> bool:
        """A session we made, or, while a request of ours has no answer, possibly made."""
        rows = self._database.query(
            """SELECT 1 FROM link_sessions WHERE session_id = ?
               UNION ALL SELECT 1 FROM checkout_sessions WHERE id = ?
               UNION ALL SELECT 1 FROM link_sessions
                   WHERE session_id IS NULL AND closed_at IS NULL LIMIT 1""",
            (session_id, session_id),
        )
        return next(iter(rows), None) is not None

    def of_nobody(self, link_id: str, *, after: int) -> list[LinkSession]:
        """Pages made, or perhaps made, that no person asked for, came back from or entered something on."""
        rows = self._database.query(
            f"""SELECT p.* FROM link_sessions p
               WHERE p.link_id = ?1 AND p.requested_at > ?2 AND p.by_person = 0
                 AND (p.session_id IS NOT NULL OR p.closed_at IS NULL)
                 AND NOT EXISTS (
                     SELECT 1 FROM checkout_sessions s JOIN setup_intents i ON i.id = s.setup_intent
                     WHERE s.id = p.session_id AND (i.last_error_code IS NOT NULL
                         OR i.status NOT IN {UNTOUCHED!r}))""",
            (link_id, after),
        )
        return [_link_session(row) for row in rows]

    def plan(
        self,
        link_id: str,
        *,
        number: int,
        idempotency_key: str,
        params: str,
        by_person: bool,
        at: int,
    ) -> None:
        self._database.execute(
            """INSERT INTO link_sessions (link_id, number, idempotency_key, params, by_person,
                   requested_at)
               VALUES (?, ?, ?, ?, ?, ?)""",
            (link_id, number, idempotency_key, params, int(by_person), at),
        )

    def mark_person(self, link_id: str) -> None:
        """A person came back from its last page."""
        self._database.execute(
            """UPDATE link_sessions SET by_person = 1 WHERE link_id = ?1 AND by_person = 0
                 AND number = (SELECT max(number) FROM link_sessions WHERE link_id = ?1)""",
            (link_id,),
        )

    def record(
        self,
        link_id: str,
        number: int,
        *,
        session_id: str,
        url: str | None,
        expires_at: int | None,
    ) -> None:
        self._database.execute(
            """UPDATE link_sessions SET session_id = ?, url = ?, expires_at = ?
               WHERE link_id = ? AND number = ? AND closed_at IS NULL""",
            (session_id, url, expires_at, link_id, number),
        )

    def close(self, link_id: str, *, at: int) -> None:
        """Forget the addresses of Checkout pages that no longer work or must not be used."""
        self._database.execute(
            """UPDATE link_sessions SET closed_at = ?, url = NULL
               WHERE link_id = ? AND closed_at IS NULL""",
            (at, link_id),
        )

    def close_these(self, session_ids: Sequence[str], *, at: int) -> None:
        self._database.execute(
            """UPDATE link_sessions SET closed_at = ?, url = NULL
               WHERE session_id IN (SELECT value FROM json_each(?)) AND closed_at IS NULL""",
            (at, json.dumps(session_ids)),
        )


def _link_session(row: dict[str, Any]) -> LinkSession:
    return LinkSession(**{name: row[name] for name in LinkSession.__slots__})
