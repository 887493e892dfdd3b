"""For how long some things are kept, and removing what is older."""

from __future__ import annotations

from sqlite_utils import Database

from lib.domain.retention import RetentionRule
from lib.store.erasures import ERASED

# Links that ended, for good, before a moment, and still name somebody.
_ENDED_LINKS = """coalesce(completed_at, revoked_at, expires_at) < ?
    AND (name IS NOT NULL OR email IS NOT NULL)"""
_OLD_NOTES = f"written_at < ? AND text <> '{ERASED}'"


class RetentionStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def rules(self) -> dict[str, RetentionRule]:
        """Those that are set, by kind."""
        rows = self._database.query("SELECT * FROM retention ORDER BY kind")
        return {row["kind"]: RetentionRule(**row) for row in rows}

    def set(self, rule: RetentionRule) -> None:
        self._database.execute(
            """INSERT INTO retention (kind, days, set_by, set_at) VALUES (?, ?, ?, ?)
               ON CONFLICT (kind) DO UPDATE SET days = excluded.days, set_by = excluded.set_by,
                   set_at = excluded.set_at""",
            (rule.kind, rule.days, rule.set_by, rule.set_at),
        )

    def clear(self, kind: str) -> None:
        self._database.execute("DELETE FROM retention WHERE kind = ?", (kind,))

    def old_notes(self, before: int) -> int:
        return self._count(f"customer_notes WHERE {_OLD_NOTES}", before)

    def erase_notes(self, before: int) -> None:
        self._database.execute(
            f"UPDATE customer_notes SET text = '{ERASED}' WHERE {_OLD_NOTES}", (before,)
        )

    def ended_links(self, before: int) -> int:
        return self._count(f"setup_links WHERE {_ENDED_LINKS}", before)

    def erase_links(self, before: int) -> None:
        self._database.execute(
            f"""UPDATE link_sessions SET params = '{{}}', url = NULL
                WHERE link_id IN (SELECT id FROM setup_links WHERE {_ENDED_LINKS})""",
            (before,),
        )
        self._database.execute(
            f"UPDATE setup_links SET name = NULL, email = NULL, address_key = NULL WHERE {_ENDED_LINKS}",
            (before,),
        )

    def deleted_customers(self, before: int) -> list[str]:
        """
        Of which Stripe said before this moment that they are deleted, and so of all who share their
        addresses; without those that were erased.
        """
        rows = self._database.query(
            """SELECT id FROM customers c WHERE is_deleted = 1 AND synced_at_ms < ?1 * 1000
                   AND NOT EXISTS (SELECT 1 FROM erasures e WHERE e.id = c.id)
                   AND NOT EXISTS (SELECT 1 FROM customers o WHERE o.address_key = c.address_key
                       AND (o.is_deleted = 0 OR o.synced_at_ms >= ?1 * 1000)) ORDER BY id""",
            (before,),
        )
        return [row["id"] for row in rows]

    def _count(self, sql: str, before: int) -> int:
        return int(self._database.execute(f"SELECT count(*) FROM {sql}", (before,)).fetchone()[0])
