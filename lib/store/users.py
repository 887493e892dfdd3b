"""The staff table: roles, active flag, password hash, session version."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlite_utils import Database

from lib.domain.actors import Actor, Role


@dataclass(frozen=True, slots=True)
class User:
    username: str
    name: str
    email: str
    roles: frozenset[Role]
    password_hash: str
    password_is_own: bool
    """Chosen by the person, not by somebody who handed it over."""
    is_active: bool
    session_version: int
    last_sign_in_at: int | None
    created_at: int

    @property
    def actor(self) -> Actor:
        return Actor(self.username, self.name, self.roles)


class UserStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def count(self) -> int:
        return int(next(self._database.query("SELECT count(*) AS n FROM users"))["n"])

    def find(self, username: str) -> User | None:
        rows = self._database.query("SELECT * FROM users WHERE username = ?", (username,))
        return next((_user(row) for row in rows), None)

    def all(self) -> list[User]:
        return [_user(row) for row in self._database.query("SELECT * FROM users ORDER BY username")]

    def active_admins(self) -> int:
        return sum(1 for user in self.all() if user.is_active and Role.ADMIN in user.roles)

    def add(
        self,
        *,
        username: str,
        name: str,
        email: str,
        roles: frozenset[Role],
        password_hash: str,
        at: int,
    ) -> bool:
        """False when the user name is taken."""
        cursor = self._database.execute(
            """INSERT INTO users (username, name, email, roles, password_hash, created_at)
               VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (username) DO NOTHING""",
            (username, name, email, _roles_text(roles), password_hash, at),
        )
        return cursor.rowcount == 1

    def set_password_hash(self, username: str, password_hash: str, *, is_own: bool) -> bool:
        """Also ends every session signed in with the old password."""
        cursor = self._database.execute(
            """UPDATE users SET password_hash = ?, password_is_own = ?,
                   session_version = session_version + 1 WHERE username = ?""",
            (password_hash, int(is_own), username),
        )
        return cursor.rowcount == 1

    def set_roles(self, username: str, roles: frozenset[Role]) -> bool:
        cursor = self._database.execute(
            "UPDATE users SET roles = ? WHERE username = ?", (_roles_text(roles), username)
        )
        return cursor.rowcount == 1

    def set_active(self, username: str, *, active: bool) -> bool:
        """Disabling also ends the person's sessions."""
        cursor = self._database.execute(
            """UPDATE users SET is_active = ?, session_version = session_version + 1 WHERE username = ?""",
            (int(active), username),
        )
        return cursor.rowcount == 1

    def end_sessions(self, username: str) -> None:
        self._database.execute(
            "UPDATE users SET session_version = session_version + 1 WHERE username = ?",
            (username,),
        )

    def record_sign_in(self, username: str, *, at: int) -> None:
        self._database.execute(
            "UPDATE users SET last_sign_in_at = ? WHERE username = ?", (at, username)
        )


def _roles_text(roles: frozenset[Role]) -> str:
    return " ".join(sorted(roles))


def _user(row: dict[str, Any]) -> User:
    return User(
        username=row["username"],
        name=row["name"],
        email=row["email"],
        roles=frozenset(Role(role) for role in row["roles"].split()),
        password_hash=row["password_hash"],
        password_is_own=bool(row["password_is_own"]),
        is_active=bool(row["is_active"]),
        session_version=row["session_version"],
        last_sign_in_at=row["last_sign_in_at"],
        created_at=row["created_at"],
    )
