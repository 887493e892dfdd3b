"""
Files on their way to the person who asked for them: fetched once, by that person, within two minutes.

They never pass through Streamlit's own store, which answers whoever knows an address.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

from lib.clock import Clock, epoch
from lib.domain.actors import Actor, Permission, Role
from lib.domain.sessions import Ending
from lib.errors import NotFound, NotSignedIn
from lib.ids import new_token
from lib.services.staff.sessions import SessionService
from lib.services.staff.users import UserService
from lib.store.unit_of_work import UnitOfWork

KEPT_SECONDS = 120
# Waiting at once, of all people: a file that nobody fetches is let go for a newer one.
_MOST_WAITING = 50


@dataclass(frozen=True, slots=True)
class Download:
    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class _Waiting:
    download: Download
    username: str
    session_version: int
    roles: frozenset[Role]
    until: int


class DownloadService:
    def __init__(
        self, uow: UnitOfWork, users: UserService, sessions: SessionService, *, clock: Clock
    ) -> None:
        self._uow = uow
        self._users = users
        self._sessions = sessions
        self._clock = clock
        self._lock = threading.Lock()
        self._waiting: dict[str, _Waiting] = {}

    def offer(
        self, download: Download, *, by: Actor, filters: dict[str, str], rows: int | None = None
    ) -> str:
        """
        A token under which the person fetches the file, once; on the audit log from now on.

        Args:
            filters: what the rows were chosen by.
            rows: how many there are, where it is a table.

        Raises:
            NotSignedIn: their account was disabled in the meantime.
        """
        by.must(Permission.VIEW)
        now = epoch(self._clock())
        user = self._users.find(by.username)
        if user is None or not user.is_active:
            raise NotSignedIn("Your sign-in has ended.")
        token = new_token()
        self.note(download, by=by, filters=filters, rows=rows)
        with self._lock:
            self._waiting = {key: one for key, one in self._waiting.items() if now < one.until}
            while len(self._waiting) >= _MOST_WAITING:
                del self._waiting[next(iter(self._waiting))]
            self._waiting[token] = _Waiting(
                download, user.username, user.session_version, by.roles, now + KEPT_SECONDS
            )
        return token

    def note(
        self, download: Download, *, by: Actor, filters: dict[str, str], rows: int | None = None
    ) -> None:
        """On the audit log: a file that leaves without a token, as one of the command line does."""
        with self._uow.write() as stores:
            stores.audit.record(
                at=epoch(self._clock()),
                actor=by.username,
                action="download",
                subject=download.name,
                detail={"bytes": len(download.content), "filters": filters, "rows": rows},
            )

    def fetch(self, token: str, *, named: str | None) -> Download:
        """
        The file, for whom the cookie names; nobody gets it a second time.

        Raises:
            NotSignedIn: the cookie names nobody who is signed in now.
            NotFound: no such file, fetched already, too late, somebody else's, or its person lost a role.
        """
        user = self._sessions.user_of(named)
        if isinstance(user, Ending):
            raise NotSignedIn("Sign in to download this file.")
        with self._lock:
            waiting = self._waiting.get(token)
            # What they were offered may not be for the roles that are left to them.
            is_theirs = (
                waiting is not None
                and (waiting.username, waiting.session_version)
                == (user.username, user.session_version)
                and waiting.roles.issubset(user.roles)
            )
            if waiting is None or not is_theirs:
                raise NotFound("This file is not here any more.")
            del self._waiting[token]
        if epoch(self._clock()) >= waiting.until:
            raise NotFound("This file is not here any more.")
        return waiting.download
