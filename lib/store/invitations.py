"""One-time invitations with which a person sets their own password."""

from __future__ import annotations

from dataclasses import dataclass

from sqlite_utils import Database


@dataclass(frozen=True, slots=True)
class Invitation:
    username: str
    made_by: str
    made_at: int
    expires_at: int


class InvitationStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, digest: str, invitation: Invitation) -> None:
        """Takes the place of the one that the person had."""
        self._database.execute(
            "UPDATE invitations SET ended_at = ? WHERE username = ? AND ended_at IS NULL",
            (invitation.made_at, invitation.username),
        )
        self._database.execute(
            """INSERT INTO invitations (digest, username, made_by, made_at, expires_at)
               VALUES (?, ?, ?, ?, ?)""",
            (
                digest,
                invitation.username,
                invitation.made_by,
                invitation.made_at,
                invitation.expires_at,
            ),
        )

    def open(self, digest: str, *, now: int) -> Invitation | None:
        """The one that nobody used and that is not out of date."""
        rows = self._database.query(
            """SELECT username, made_by, made_at, expires_at FROM invitations
               WHERE digest = ? AND ended_at IS NULL AND expires_at > ?""",
            (digest, now),
        )
        return next((Invitation(**row) for row in rows), None)

    def end(self, digest: str, *, at: int) -> None:
        self._database.execute("UPDATE invitations SET ended_at = ? WHERE digest = ?", (at, digest))
