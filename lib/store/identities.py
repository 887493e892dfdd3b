"""People as the provider of a single sign-on knows them, and which of its sign-ins were taken."""

from __future__ import annotations

from sqlite_utils import Database

from lib.domain.single_sign_on import Identity


class IdentityStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, username: str) -> Identity | None:
        rows = self._database.query(
            "SELECT issuer, subject FROM identities WHERE username = ?", (username,)
        )
        return next((Identity(**row) for row in rows), None)

    def is_linked(self, username: str, issuer: str | None) -> bool:
        """Whether the person is linked to this provider; nobody is to None."""
        identity = self.of(username)
        return identity is not None and identity.issuer == issuer

    def all(self) -> dict[str, Identity]:
        """By user name."""
        rows = self._database.query("SELECT username, issuer, subject FROM identities")
        return {row["username"]: Identity(row["issuer"], row["subject"]) for row in rows}

    def whose(self, identity: Identity) -> str | None:
        rows = self._database.query(
            "SELECT username FROM identities WHERE issuer = ? AND subject = ?",
            (identity.issuer, identity.subject),
        )
        return next((str(row["username"]) for row in rows), None)

    def link(self, username: str, identity: Identity, *, by: str, at: int) -> None:
        """
        In the place of whatever the person had.

        Raises:
            sqlite3.IntegrityError: it is somebody else's.
        """
        self.unlink(username)
        self._database.execute(
            """INSERT INTO identities (username, issuer, subject, linked_by, linked_at)
               VALUES (?, ?, ?, ?, ?)""",
            (username, identity.issuer, identity.subject, by, at),
        )

    def unlink(self, username: str) -> None:
        """Also whatever was expected of them."""
        for table in ("identities", "identity_invitations"):
            self._database.execute(f"DELETE FROM {table} WHERE username = ?", (username,))

    def expect(self, username: str, *, by: str, at: int, until: int) -> None:
        self._database.execute(
            """INSERT OR REPLACE INTO identity_invitations (username, made_by, made_at, expires_at)
               VALUES (?, ?, ?, ?)""",
            (username, by, at, until),
        )

    def expected(self, *, now: int) -> dict[str, str]:
        """Who made it, by the person whose first sign-in links them."""
        rows = self._database.query(
            "SELECT username, made_by FROM identity_invitations WHERE expires_at > ?", (now,)
        )
        return {row["username"]: row["made_by"] for row in rows}

    def take(self, digest: str, *, at: int) -> bool:
        """False: this sign-in was taken before."""
        cursor = self._database.execute(
            "INSERT INTO provider_sign_ins (digest, taken_at) VALUES (?, ?) ON CONFLICT DO NOTHING",
            (digest, at),
        )
        return cursor.rowcount == 1

    def is_taken(self, digest: str) -> bool:
        rows = self._database.query(
            "SELECT 1 AS one FROM provider_sign_ins WHERE digest = ?", (digest,)
        )
        return next(iter(rows), None) is not None

    def forget(self, *, taken_before: int) -> None:
        """For those that are too old to be taken anyway."""
        self._database.execute("DELETE FROM provider_sign_ins WHERE taken_at < ?", (taken_before,))
