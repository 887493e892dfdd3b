"""The context that a page is given: the person who acts, the services, the time and the operator's zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st

from lib import bootstrap
from lib.bootstrap import Services
from lib.domain.actors import Actor, Permission
from lib.errors import NotPermitted
from lib.ui import auth

__all__ = ["PageContext", "Services", "operator_timezone", "require", "services"]


@dataclass(frozen=True, slots=True)
class PageContext:
    actor: Actor
    services: Services
    now: datetime
    timezone: ZoneInfo


def require(permission: Permission = Permission.VIEW) -> PageContext:
    """
    The first statement of every page: who is signed in, or one refusal and the end of the run.

    Streamlit can be made to run a page file without the router, so no page may rely on it.
    """
    built = services()
    actor = auth.current_actor(built.users)
    if actor is None:
        st.error("Sign in to see this page.", icon=":material/lock:")
        st.stop()
    try:
        actor.must(permission)
    except NotPermitted as refusal:
        st.error(str(refusal), icon=":material/lock:")
        st.stop()
    return PageContext(actor=actor, services=built, now=built.clock(), timezone=operator_timezone())


def services() -> Services:
    """The process's services; tests replace `bootstrap.services`."""
    return bootstrap.services()


def operator_timezone() -> ZoneInfo:
    """The zone the browser reports, or UTC when it reports none or one unknown here."""
    try:
        return ZoneInfo(st.context.timezone or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")
