"""Changes of people to each other's accounts, and who has yet to be told."""

from __future__ import annotations

from collections.abc import Collection

from sqlite_utils import Database

from lib.domain.counterparts import AccountChange

_COLUMNS = "c.id, c.about, c.action, c.changed_by, c.at"


class AccountChangeStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self, about: str, action: str, *, changed_by: str, at: int, readers: Collection[str]
    ) -> None:
        """`readers`: the user names of those who see it at their next sign-in."""
        cursor = self._database.execute(
            "INSERT INTO account_changes (about, action, changed_by, at) VALUES (?, ?, ?, ?)",
            (about, action, changed_by, at),
        )
        self._database.conn.executemany(
            "INSERT INTO account_notices (username, change_id) VALUES (?, ?)",
            [(username, cursor.lastrowid) for username in sorted(readers)],
        )

    def of(self, usernames: Collection[str]) -> list[AccountChange]:
        """Of their accounts, oldest first."""
        rows = self._database.query(
            f"""SELECT {_COLUMNS} FROM account_changes c
                WHERE c.about IN ({", ".join("?" * len(usernames))}) ORDER BY c.id""",
            tuple(usernames),
        )
        return [AccountChange(**row) for row in rows]

    def untold(self, username: str) -> list[AccountChange]:
        rows = self._database.query(
            f"""SELECT {_COLUMNS} FROM account_notices n JOIN account_changes c ON c.id = n.change_id
                WHERE n.username = ? AND n.seen_at IS NULL ORDER BY c.id""",
            (username,),
        )
        return [AccountChange(**row) for row in rows]

    def note_seen(self, username: str, *, upto: int, at: int) -> None:
        self._database.execute(
            """UPDATE account_notices SET seen_at = ?
               WHERE username = ? AND change_id <= ? AND seen_at IS NULL""",
            (at, username, upto),
        )
