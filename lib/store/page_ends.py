"""Pages at Stripe that are to be ended, and those that were."""

from __future__ import annotations

from sqlite_utils import Database


class PageEndStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def want(self, link_id: str, *, at: int) -> None:
        """The page of this link that is open at Stripe, where there is one."""
        self._database.execute(
            """INSERT INTO page_ends (session_id, link_id, wanted_at, expires_at, not_before)
               SELECT session_id, link_id, ?1, expires_at, ?1 FROM link_sessions
               WHERE link_id = ?2 AND closed_at IS NULL AND session_id IS NOT NULL AND expires_at > ?1
               ON CONFLICT (session_id) DO NOTHING""",
            (at, link_id),
        )

    def waiting(self) -> int:
        rows = self._database.query("SELECT count(*) AS n FROM page_ends WHERE ended_at IS NULL")
        return int(next(iter(rows))["n"])

    def due(self, *, now: int, limit: int) -> list[str]:
        """Sessions, the longest waiting first; what a wrong clock put far ahead is due."""
        rows = self._database.query(
            """SELECT session_id FROM page_ends WHERE ended_at IS NULL
                   AND (not_before <= ?1 OR not_before > ?1 + 3600)
               ORDER BY wanted_at, session_id LIMIT ?2""",
            (now, limit),
        )
        return [row["session_id"] for row in rows]

    def expire(self, *, now: int) -> None:
        """Those that ended of their own accord meanwhile."""
        self._database.execute(
            "UPDATE page_ends SET ended_at = ?1 WHERE ended_at IS NULL AND expires_at <= ?1", (now,)
        )

    def end(self, session_id: str, *, at: int) -> None:
        self._database.execute(
            "UPDATE page_ends SET ended_at = ? WHERE session_id = ? AND ended_at IS NULL",
            (at, session_id),
        )

    def postpone(self, *, until: int) -> None:
        """All that wait: Stripe cannot be asked."""
        self._database.execute(
            "UPDATE page_ends SET not_before = ? WHERE ended_at IS NULL", (until,)
        )
