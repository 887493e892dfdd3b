"""Setup links and the Checkout Sessions minted for them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlite_utils import Database

from lib.domain.identity import reference_key
from lib.domain.links import LinkSession, SetupLink


class LinkStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, link: SetupLink, *, form_key: str) -> None:
        self._database.execute(
            """INSERT INTO setup_links (id, token, form_key, customer, email, name, currency,
                   reference, reference_key, locale, charge_id, created_by, created_at, expires_at)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
            (
                link.id,
                link.token,
                form_key,
                link.customer,
                link.email,
                link.name,
                link.currency,
                link.reference,
                None if link.reference is None else reference_key(link.reference),
                link.locale,
                link.charge_id,
                link.created_by,
                link.created_at,
                link.expires_at,
            ),
        )

    def find(self, link_id: str) -> SetupLink | None:
        return self._one("SELECT * FROM setup_links WHERE id = ?", link_id)

    def existing(self, link_ids: Sequence[str]) -> set[str]:
        """Those of these that are links of ours."""
        rows = self._database.query(
            "SELECT id FROM setup_links WHERE id IN (SELECT value FROM json_each(?))",
            (json.dumps(link_ids),),
        )
        return {row["id"] for row in rows}

    def by_token(self, token: str) -> SetupLink | None:
        return self._one("SELECT * FROM setup_links WHERE token = ?", token)

    def by_form_key(self, form_key: str) -> SetupLink | None:
        """The link that this form already made: a double click or a rerun finds it again."""
        return self._one("SELECT * FROM setup_links WHERE form_key = ?", form_key)

    def open_recovery_of(self, charge_id: str) -> SetupLink | None:
        return self._one(
            """SELECT * FROM setup_links WHERE charge_id = ? AND revoked_at IS NULL
                   AND completed_at IS NULL""",
            charge_id,
        )

    def open_recoveries_of(self, charge_ids: Sequence[str]) -> dict[str, SetupLink]:
        """By charge."""
        rows = self._database.query(
            """SELECT * FROM setup_links WHERE charge_id IN (SELECT value FROM json_each(?))
                   AND revoked_at IS NULL AND completed_at IS NULL""",
            (json.dumps(charge_ids),),
        )
        return {row["charge_id"]: _link(row) for row in rows}

    def set_customer(self, link_id: str, customer_id: str) -> None:
        self._database.execute(
            "UPDATE setup_links SET customer = ? WHERE id = ? AND customer IS NULL",
            (customer_id, link_id),
        )

    def set_refusal(self, link_id: str, reason: str | None) -> None:
        """Why Stripe makes no page for it; None: it made one."""
        self._database.execute(
            "UPDATE setup_links SET refusal = ? WHERE id = ? AND refusal IS NOT ?",
            (reason, link_id, reason),
        )

    def revoke(self, link_id: str, *, at: int) -> bool:
        """False when the link was completed or revoked before."""
        cursor = self._database.execute(
            """UPDATE setup_links SET revoked_at = ?
               WHERE id = ? AND revoked_at IS NULL AND completed_at IS NULL""",
            (at, link_id),
        )
        return cursor.rowcount == 1

    def complete(self, link_id: str, *, session_id: str, at: int) -> bool:
        cursor = self._database.execute(
            """UPDATE setup_links SET completed_at = ?, completed_session = ?, revoked_at = NULL
               WHERE id = ? AND completed_at IS NULL""",
            (at, session_id, link_id),
        )
        return cursor.rowcount == 1

    def last_session(self, link_id: str) -> LinkSession | None:
        rows = self._database.query(
            "SELECT * FROM link_sessions WHERE link_id = ? ORDER BY number DESC LIMIT 1",
            (link_id,),
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

    def plan_session(
        self, link_id: str, *, number: int, idempotency_key: str, params: str, at: int
    ) -> None:
        self._database.execute(
            """INSERT INTO link_sessions (link_id, number, idempotency_key, params, requested_at)
               VALUES (?, ?, ?, ?, ?)""",
            (link_id, number, idempotency_key, params, at),
        )

    def record_session(
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

    def close_sessions(self, link_id: str, *, at: int) -> None:
        """Forget the addresses of Checkout pages that no longer work or must not be used."""
        self._database.execute(
            """UPDATE link_sessions SET closed_at = ?, url = NULL
               WHERE link_id = ? AND closed_at IS NULL""",
            (at, link_id),
        )

    def close_sessions_with(self, session_ids: Sequence[str], *, at: int) -> None:
        self._database.execute(
            """UPDATE link_sessions SET closed_at = ?, url = NULL
               WHERE session_id IN (SELECT value FROM json_each(?)) AND closed_at IS NULL""",
            (at, json.dumps(session_ids)),
        )

    def listing(self, *, limit: int) -> list[SetupLink]:
        rows = self._database.query(
            "SELECT * FROM setup_links ORDER BY created_at DESC, id DESC LIMIT ?", (limit,)
        )
        return [_link(row) for row in rows]

    def _one(self, sql: str, value: str) -> SetupLink | None:
        return next((_link(row) for row in self._database.query(sql, (value,))), None)


def _link(row: dict[str, Any]) -> SetupLink:
    return SetupLink(**{name: row[name] for name in SetupLink.__slots__})


def _link_session(row: dict[str, Any]) -> LinkSession:
    return LinkSession(**{name: row[name] for name in LinkSession.__slots__})
