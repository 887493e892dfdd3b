"""A staff session: from a sign-in until the person leaves, goes away, or may not be there any more."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class StaffSession:
    id: str
    username: str
    session_version: int
    """That of the account at the sign-in: a sign-out, a new password or a switched-off account ends it."""
    started_at: int
    last_act_at: int
    proved_at: int | None = None
    """When the person proved at the provider of a single sign-on who they are, by its own clock."""

    @property
    def principal(self) -> str:
        """What the signed cookie names."""
        return f"{self.username}:{self.session_version}:{self.id}"


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """In seconds."""

    idle: int
    absolute: int


class Ending(StrEnum):
    """Why a session is over, in the words of the sign-in page."""

    LEFT = "Your sign-in has ended. Sign in again to go on."
    IDLE = "You were signed out because nothing was done for a while. Sign in again to go on."
    TOO_LONG = "You were signed out because a sign-in lasts no longer. Sign in again to go on."
    DISABLED = "Your account was switched off. Ask an admin if that is a mistake."


def ending(
    session: StaffSession, *, version: int, is_active: bool, now: int, limits: SessionLimits
) -> Ending | None:
    """
    Args:
        version: the account's, at this moment.
    """
    if not is_active:
        return Ending.DISABLED
    if version != session.session_version:
        return Ending.LEFT
    if now - session.started_at >= limits.absolute:
        return Ending.TOO_LONG
    return Ending.IDLE if now - session.last_act_at >= limits.idle else None
