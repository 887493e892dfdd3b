"""Counts of wrong sign-ins, which outlive a restart."""

from __future__ import annotations

from sqlite_utils import Database


class SignInFailureStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def full_until(self, key: str, *, most: int, now: int) -> int | None:
        """Until when a count is at its most; None while it is below."""
        row = next(
            self._database.query(
                "SELECT until FROM sign_in_failures WHERE key = ? AND failures >= ? AND until > ?",
                (key, most, now),
            ),
            None,
        )
        return None if row is None else int(row["until"])

    def count(self, key: str, *, account: str | None, now: int, until: int) -> None:
        """One more; a count that was to be forgotten by `now` begins anew."""
        self._database.execute(
            """INSERT INTO sign_in_failures (key, account, failures, until) VALUES (?, ?, 1, ?)
               ON CONFLICT (key) DO UPDATE SET
                   failures = CASE WHEN until <= ? THEN 1 ELSE failures + 1 END,
                   until = CASE WHEN until <= ? THEN excluded.until ELSE until END""",
            (key, account, until, now, now),
        )

    def take_back(self, key: str) -> None:
        """One that proved to be none."""
        self._database.execute(
            "UPDATE sign_in_failures SET failures = failures - 1 WHERE key = ? AND failures > 0",
            (key,),
        )

    def forget(self, key: str) -> None:
        self._database.execute("DELETE FROM sign_in_failures WHERE key = ?", (key,))

    def forget_account(self, account: str) -> None:
        self._database.execute("DELETE FROM sign_in_failures WHERE account = ?", (account,))

    def sweep(self, *, now: int) -> None:
        self._database.execute("DELETE FROM sign_in_failures WHERE until <= ?", (now,))
