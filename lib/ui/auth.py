"""
Sign-in: the form, the cookie and the end of a sign-in.

streamlit-authenticator is trusted for one thing, the signed cookie. Its own form is not used: it
would check the password against a copy of our hashes, count failures in a dictionary that is gone
with the run, strip spaces that belong to the password, and keep password managers out. Our
`UserService.sign_in` checks, counts, slows down and records instead, and the library is told the result.

The library's cookie carries one field, the user name, and cannot be revoked. So the name we give
it is a principal (lib/services/staff/sign_in_cookie.py), which `SessionService` judges. The credentials
handed to the library hold only the one principal of whoever is signed in at this moment.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, NoReturn
from uuid import uuid4

import streamlit as st
from streamlit_authenticator import Authenticate

from lib.clock import epoch
from lib.domain.actors import Actor
from lib.domain.identity import visible
from lib.domain.sessions import Ending
from lib.errors import NotSignedIn
from lib.services.staff.sessions import SessionService
from lib.services.staff.sign_in_cookie import cookie_name, principal_in
from lib.services.staff.users import UserService
from lib.settings import Settings
from lib.store.users import User
from lib.ui import device, single_sign_on

_ENDED = "auth_ended"
PROVIDER_REFUSED = "provider_refused"
"""Why a sign-in at the provider was in vain, until somebody is in."""
_BY_ITSELF = "auth_run_by_itself"
# A run that these buttons began was begun by the page itself (lib/ui/notice.py, assets/frame.js).
NOTICED = ("notice_page", "notice_drawer", "notice_theme")
_COOKIE_DUE = "auth_cookie_due"
_COOKIE_DROP = "auth_cookie_drop"
# The library keeps these in the session; `username` holds the principal.
_LIBRARY_KEYS = ("name", "username", "authentication_status", "email", "roles")
# A component in the browser writes and deletes the cookie, and any rerun would remove it before it
# has run. So it is drawn in every run until it reports back, under a key of its own each time: an
# earlier report must not pass for this one.


def claims_to_be_signed_in() -> bool:
    """Somebody did sign in here; whether that still counts says `current_actor` alone."""
    return bool(st.session_state.get("authentication_status"))


def current_actor(sessions: SessionService, *, is_act: bool) -> Actor | None:
    """
    The signed-in person as the table has them now, or None. Draws nothing.

    Args:
        is_act: a person did something, as far as the caller knows.
    """
    if not claims_to_be_signed_in():
        return None
    is_act = is_act and not _runs_by_itself()
    user = sessions.user_of(st.session_state.get("username"), is_act=is_act)
    if isinstance(user, Ending):
        _forget()
        st.session_state[_ENDED] = user.value
        return None
    return _actor(user)


def why_ended() -> str | None:
    """For the sign-in page: why the tab that was open is not any more."""
    return st.session_state.get(_ENDED)


def rerun_by_itself() -> NoReturn:
    """For fragments that run by the clock: draw the page anew without keeping the session open."""
    st.session_state[_BY_ITSELF] = True
    st.rerun()


def begin_run() -> None:
    """What the router says at the start: a fragment's wish for a new page lasts for one run."""
    by_itself = st.session_state.get(_BY_ITSELF)
    st.session_state[_BY_ITSELF] = "drawing" if by_itself is True else None


def end_run() -> None:
    """From here on there are only fragments, which people start."""
    st.session_state[_BY_ITSELF] = None


def _runs_by_itself() -> bool:
    return bool(st.session_state.get(_BY_ITSELF)) or any(map(st.session_state.get, NOTICED))


def remembered(sessions: SessionService, settings: Settings, *, now: datetime) -> Actor | None:
    """
    Whoever the browser's cookie names, if it is ours, in date and of the current session version.

    Draws nothing. The library would read the same cookie, but only beside its component, whose answer
    draws the page anew a second later and takes a click or an open dialog with it.
    """
    if is_leaving():
        return None
    cookie = st.context.cookies.get(cookie_name(settings.cookie_key), "")
    principal = principal_in(cookie, cookie_key=settings.cookie_key, now=epoch(now))
    user = sessions.user_of(principal, is_act=True)
    if isinstance(user, Ending):
        return None
    _begin(user, str(principal))
    return _actor(user)


def sign_in(
    users: UserService,
    sessions: SessionService,
    username: str,
    password: str,
    *,
    code: str,
    settings: Settings,
    now: datetime,
) -> None:
    """
    Raises:
        NotSignedIn: refused; the message is fit to show.
    """
    if not username or not password:
        raise NotSignedIn("Enter your user name and your password.")
    name = visible(username).lower()
    origin = device.origin(settings, name, now=now)
    remember(users.sign_in(name, password, origin=origin, code=code), sessions)


def remember(user: User, sessions: SessionService, *, proved_at: int | None = None) -> Actor:
    """
    Make this browser session the user's, and give it a cookie during the next runs.

    Args:
        proved_at: as `StaffSession.proved_at`.
    """
    _begin(user, sessions.begin(user, proved_at=proved_at))
    st.session_state.pop(_COOKIE_DROP, None)
    st.session_state[_COOKIE_DUE] = f"{_COOKIE_DUE}_{uuid4().hex}"
    return _actor(user)


def keep_cookie(sessions: SessionService, settings: Settings) -> None:
    """Write a new sign-in's cookie; costs nothing once it is written."""
    if _COOKIE_DUE in st.session_state:
        with st.sidebar:
            _write_cookie(sessions, settings)


# A fragment: the components' answers draw this anew, and not the page that somebody works on.
@st.fragment
def _write_cookie(sessions: SessionService, settings: Settings) -> None:
    report = st.session_state.get(_COOKIE_DUE)
    if report is None:
        return
    principal = str(st.session_state.get("username"))
    authenticator = _authenticator(sessions, settings, principal)
    manager = authenticator.cookie_controller.cookie_model.cookie_manager
    # The library never asks for `secure`, and the browser would send the cookie over http, too.
    is_https = (st.context.url or "").startswith("https://")
    set_cookie = partial(manager.set, secure=is_https or None)
    manager.set = partial(set_cookie, key=report)
    is_known = device.remember(
        set_cookie, settings, principal.partition(":")[0], key=f"{report}_device"
    )
    if not st.session_state.get(report):
        authenticator.cookie_controller.set_cookie()
    elif is_known:
        del st.session_state[_COOKIE_DUE]


def is_leaving() -> bool:
    """
    Whether the browser still has to delete the cookie.

    The next person must not sign in before: the deletion would take their cookie with it.
    """
    return _COOKIE_DROP in st.session_state


def sign_out(users: UserService, sessions: SessionService) -> None:
    """End every session of the person. A signed cookie stays valid until then, wherever it is."""
    actor = current_actor(sessions, is_act=True)
    if actor is not None:
        users.end_sessions(actor.username)
    _forget()
    st.session_state["logout"] = True
    st.session_state[_COOKIE_DROP] = f"{_COOKIE_DROP}_{uuid4().hex}"


def _actor(user: User) -> Actor:
    session = str(st.session_state.get("username")).rpartition(":")[2]
    return replace(user.actor, is_open_page=True, session=session)


def _begin(user: User, principal: str) -> None:
    # What the library's own login writes; its cookie is made from `username`.
    st.session_state["username"] = principal
    st.session_state["name"] = user.name
    st.session_state["email"] = user.email
    st.session_state["authentication_status"] = True
    st.session_state["logout"] = None
    st.session_state.pop(_ENDED, None)
    st.session_state.pop(PROVIDER_REFUSED, None)


def _authenticator(sessions: SessionService, settings: Settings, named: object) -> Any:  # noqa: ANN401 (untyped library)
    user = sessions.user_of(named)
    known = {} if isinstance(user, Ending) else {named: {"name": user.name, "email": user.email}}
    return Authenticate(
        {"usernames": known},
        cookie_name(settings.cookie_key),
        settings.cookie_key,
        # Roles, the account and both limits are looked up on every run anyway.
        settings.session_hours / 24,
        auto_hash=False,
        login_sleep_time=0,
    )


def drop_cookie(sessions: SessionService, settings: Settings) -> None:
    """Have the browser delete the cookie of whoever signed out; its answer draws the page anew."""
    report = st.session_state.get(_COOKIE_DROP)
    if report is None:
        return
    if st.session_state.get(report):
        del st.session_state[_COOKIE_DROP]
        single_sign_on.leave(settings)
        return
    authenticator = _authenticator(sessions, settings, None)
    manager = authenticator.cookie_controller.cookie_model.cookie_manager
    manager.delete = partial(manager.delete, key=report)
    # The library forgets to ask whether its copy of the cookies is loaded, and prints an error.
    manager.cookies.setdefault(cookie_name(settings.cookie_key), None)
    authenticator.cookie_controller.delete_cookie()


def _forget() -> None:
    for key in _LIBRARY_KEYS:
        st.session_state[key] = None
    st.session_state.pop(_COOKIE_DUE, None)
