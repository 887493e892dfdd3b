"""Staff sessions, shared by all tabs of one sign-in."""

from __future__ import annotations

from sqlite_utils import Database

from lib.domain.sessions import StaffSession


class StaffSessionStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, session: StaffSession) -> None:
        self._database.execute(
            """INSERT INTO staff_sessions (id, username, session_version, started_at, last_act_at, proved_at)
               VALUES (?, ?, ?, ?, ?, ?)""",
            (
                session.id,
                session.username,
                session.session_version,
                session.started_at,
                session.last_act_at,
                session.proved_at,
            ),
        )

    def find(self, session_id: str) -> StaffSession | None:
        rows = self._database.query("SELECT * FROM staff_sessions WHERE id = ?", (session_id,))
        return next((StaffSession(**row) for row in rows), None)

    def record_act(self, session_id: str, *, at: int) -> None:
        self._database.execute(
            "UPDATE staff_sessions SET last_act_at = ? WHERE id = ? AND last_act_at < ?",
            (at, session_id, at),
        )

    def forget(self, *, started_before: int) -> None:
        self._database.execute("DELETE FROM staff_sessions WHERE started_at < ?", (started_before,))
