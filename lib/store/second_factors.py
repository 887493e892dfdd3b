"""Second factors and recovery codes of staff."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlite_utils import Database


@dataclass(frozen=True, slots=True)
class SecondFactor:
    username: str
    secret: str
    """Encrypted."""
    on_since: int
    last_step: int


class SecondFactorStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, username: str) -> SecondFactor | None:
        rows = self._database.query("SELECT * FROM second_factors WHERE username = ?", (username,))
        return next((SecondFactor(**row) for row in rows), None)

    def everybody(self) -> frozenset[str]:
        """Who has one."""
        rows = self._database.query("SELECT username FROM second_factors")
        return frozenset(row["username"] for row in rows)

    def put(self, factor: SecondFactor, recovery_digests: Iterable[str]) -> None:
        """In the place of whatever the person had."""
        self.remove(factor.username)
        self._database.execute(
            """INSERT INTO second_factors (username, secret, on_since, last_step)
               VALUES (?, ?, ?, ?)""",
            (factor.username, factor.secret, factor.on_since, factor.last_step),
        )
        for digest in recovery_digests:
            self._database.execute(
                "INSERT INTO recovery_codes (username, digest) VALUES (?, ?)",
                (factor.username, digest),
            )

    def remove(self, username: str) -> bool:
        """False when there was none."""
        self._database.execute("DELETE FROM recovery_codes WHERE username = ?", (username,))
        cursor = self._database.execute(
            "DELETE FROM second_factors WHERE username = ?", (username,)
        )
        return cursor.rowcount == 1

    def use_step(self, username: str, step: int) -> bool:
        """False when a code of that half minute, or a later one, was taken before."""
        cursor = self._database.execute(
            "UPDATE second_factors SET last_step = ? WHERE username = ? AND last_step < ?",
            (step, username, step),
        )
        return cursor.rowcount == 1

    def use_recovery_code(self, username: str, digest: str, *, at: int) -> bool:
        """False when there is no such code, or it was used."""
        cursor = self._database.execute(
            """UPDATE recovery_codes SET used_at = ?
               WHERE username = ? AND digest = ? AND used_at IS NULL""",
            (at, username, digest),
        )
        return cursor.rowcount == 1

    def recovery_codes_left(self, username: str) -> int:
        rows = self._database.query(
            "SELECT count(*) AS n FROM recovery_codes WHERE username = ? AND used_at IS NULL",
            (username,),
        )
        return int(next(rows)["n"])
