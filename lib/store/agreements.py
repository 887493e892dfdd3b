"""Agreements as staff wrote them, and what each customer agreed to. Nothing of it is ever changed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sqlite_utils import Database

from lib.domain.agreements import SavedAgreement

MARK = "onfile_agreement"
"""Of a Session's metadata: the version and the language of the text that its page shows."""


class AgreementStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def written(self) -> tuple[int | None, dict[str, str]]:
        """The newest version with its texts by language; None and nothing while staff wrote none."""
        rows = list(
            self._database.query(
                """SELECT version, language, text FROM agreement_texts
                   WHERE version = (SELECT max(version) FROM agreement_texts)"""
            )
        )
        return (rows[0]["version"] if rows else None), {r["language"]: r["text"] for r in rows}

    def write(self, texts: Mapping[str, str], *, by: str, at: int) -> int:
        """The next version, of all languages that staff wrote; its number."""
        version = self._last_version() + 1
        for language, text in texts.items():
            self._database.execute(
                """INSERT INTO agreement_texts (version, language, text, made_by, made_at)
                   VALUES (?, ?, ?, ?, ?)""",
                (version, language, text, by, at),
            )
        return version

    def _last_version(self) -> int:
        """Also of those that are known only by who agreed to them, as the file was lost."""
        rows = self._database.query(
            """SELECT max(coalesce((SELECT max(version) FROM agreement_texts), 0),
                   coalesce((SELECT max(cast(version AS INTEGER)) FROM agreements), 0)) AS last"""
        )
        return int(next(iter(rows))["last"])

    def keep(self, link_id: str, session_id: str, *, at: int) -> bool:
        """
        What the page of this session said, as it was asked for; False where it is kept, or not known.

        Of a page that was made without this file Stripe tells it; what that lacks is kept as empty.
        """
        rows = self._database.query(
            """SELECT params FROM link_sessions WHERE link_id = ?1 AND session_id = ?2
                   AND params <> '{}'
               UNION ALL SELECT page_params FROM checkout_sessions
                   WHERE link_id = ?1 AND id = ?2 AND page_params IS NOT NULL""",
            (link_id, session_id),
        )
        params: dict[str, Any] = next((json.loads(row["params"]) for row in rows), {})
        text = params.get("custom_text", {}).get("submit", {}).get("message", "")
        version, _, language = params.get("metadata", {}).get(MARK, "").partition(" ")
        if not text and not language:
            return False
        return (
            self._database.execute(
                """INSERT INTO agreements (session_id, link_id, version, language, text, agreed_at)
                   VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING""",
                (session_id, link_id, version, language, text, at),
            ).rowcount
            == 1
        )

    def of_method(self, method_id: str) -> SavedAgreement | None:
        """The last one by which this method was saved."""
        rows = self._database.query(
            """SELECT a.* FROM setup_intents i
               JOIN checkout_sessions s ON s.setup_intent = i.id
               JOIN agreements a ON a.session_id = s.id
               WHERE i.payment_method = ? ORDER BY a.agreed_at DESC LIMIT 1""",
            (method_id,),
        )
        return next((SavedAgreement(**row) for row in rows), None)
