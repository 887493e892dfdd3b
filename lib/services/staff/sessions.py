"""Staff sessions: begun by a sign-in, checked by every act, every fragment and every download."""

from __future__ import annotations

from lib.clock import Clock, epoch
from lib.domain.actors import Role
from lib.domain.sessions import Ending, SessionLimits, StaffSession, ending
from lib.domain.single_sign_on import is_proof
from lib.ids import new_id
from lib.settings import Settings
from lib.store.unit_of_work import UnitOfWork
from lib.store.users import User

# Acts follow each other faster than is worth a write each: a session ends up to this much early.
_RECORDED_EVERY_SECONDS = 15
# How long rows of the past stay; longer than any session may last.
_KEPT_SECONDS = 30 * 86_400


class SessionService:
    def __init__(self, uow: UnitOfWork, *, clock: Clock, settings: Settings) -> None:
        self._uow = uow
        self._clock = clock
        self.limits = SessionLimits(
            idle=settings.idle_minutes * 60, absolute=settings.session_hours * 3_600
        )

    def begin(self, user: User, *, proved_at: int | None = None) -> str:
        """
        The principal of a new session: what the signed cookie names.

        Args:
            proved_at: as `StaffSession.proved_at`.
        """
        now = epoch(self._clock())
        session = StaffSession(
            new_id("ses"), user.username, user.session_version, now, now, proved_at
        )
        with self._uow.write() as stores:
            stores.staff_sessions.forget(started_before=now - _KEPT_SECONDS)
            stores.staff_sessions.add(session)
        return session.principal

    def is_proved(self, session_id: str | None) -> bool:
        """Whether it began a moment ago with a proof at the provider of the single sign-on."""
        with self._uow.read() as stores:
            session = stores.staff_sessions.find(session_id or "")
        return session is not None and is_proof(session.proved_at, now=epoch(self._clock()))

    def user_of(self, named: object, *, is_act: bool = False) -> User | Ending:
        """
        The person whose session a cookie or a tab names, or why it is over.

        Args:
            is_act: somebody did something; what a page does by itself keeps no session open.
        """
        now = epoch(self._clock())
        with self._uow.read() as stores:
            session = stores.staff_sessions.find(str(named or "").rpartition(":")[2])
            user = stores.users.find(session.username) if session else None
        # The whole name is compared: a guessed id is as little use as a name without one.
        if session is None or user is None or named != session.principal:
            return Ending.LEFT
        if Role.SERVICE in user.roles:
            return Ending.LEFT
        over = ending(
            session,
            version=user.session_version,
            is_active=user.is_active,
            now=now,
            limits=self.limits,
        )
        if over is not None:
            return over
        if is_act and now - session.last_act_at >= _RECORDED_EVERY_SECONDS:
            with self._uow.write() as stores:
                stores.staff_sessions.record_act(session.id, at=now)
        return user
