"""The context that a page is given: the person who acts, the services, the time and the person's zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st

from lib import bootstrap
from lib.bootstrap import Services
from lib.domain.actors import Actor, Permission
from lib.errors import NotPermitted
from lib.ui import auth

__all__ = ["PageContext", "Services", "require", "services", "timezone_of"]


@dataclass(frozen=True, slots=True)
class PageContext:
    actor: Actor
    services: Services
    now: datetime
    timezone: ZoneInfo

    def actor_again(self, typed: str) -> Actor:
        """
        The person, once what they typed into `asked_again.field` was right: what acts before money ask for.

        Raises:
            NotSignedIn
        """
        return self.services.users.asked_again(self.actor, typed)


def require(
    permission: Permission = Permission.VIEW,
    *,
    by_itself: bool = False,
    before_second_factor: bool = False,
) -> PageContext:
    """
    The first statement of every page: who is signed in, or one refusal and the end of the run.

    Streamlit can be made to run a page file without the router, so no page may rely on it.

    Args:
        by_itself: of a fragment that runs by the clock: looking on keeps no session open.
        before_second_factor: also for somebody who has to turn one on first.
    """
    built = services()
    was_signed_in = auth.claims_to_be_signed_in()
    actor = auth.current_actor(built.sessions, is_act=not by_itself)
    if actor is None:
        if was_signed_in:
            # Over since the tab was drawn: the router takes the whole page away and says why.
            st.rerun()
        st.error("Sign in to see this page.", icon=":material/lock:")
        st.stop()
    try:
        actor.must(permission)
    except NotPermitted as refusal:
        note_denied(refusal, actor, built)
        st.error(str(refusal), icon=":material/lock:")
        st.stop()
    if not before_second_factor and built.second_factors.is_missing(actor):
        st.warning(
            "With a live key approvers and admins sign in with a second factor. Turn it on to go on.",
            icon=":material/phonelink_lock:",
        )
        st.page_link(
            bootstrap.ROOT / "pages" / "account.py", label="Your account", icon=":material/person:"
        )
        st.stop()
    return PageContext(
        actor=actor,
        services=built,
        now=built.clock(),
        timezone=timezone_of(actor, built),
    )


def note_denied(error: NotPermitted, actor: Actor, built: Services) -> None:
    """On the audit log, once for a tab: a page that is drawn again says nothing new."""
    door = urlsplit(st.context.url or "").path or "/"
    seen = st.session_state.setdefault("context_denied", set())
    if (door, str(error)) not in seen:
        seen.add((door, str(error)))
        built.audit.note_denied(error, by=actor, door=door)


def services() -> Services:
    """The process's services; tests replace `bootstrap.services`."""
    return bootstrap.services()


def timezone_of(actor: Actor, built: Services) -> ZoneInfo:
    """The zone that the person chose, else the installation's: never whatever a browser reports."""
    try:
        return ZoneInfo(built.preferences.timezone(actor) or built.settings.timezone)
    except (ZoneInfoNotFoundError, ValueError):
        # It was chosen before this machine's list of zones lost it.
        return ZoneInfo(built.settings.timezone)
