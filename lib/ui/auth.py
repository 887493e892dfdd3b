"""
Sign-in: the form, the cookie and the end of a sign-in.

streamlit-authenticator is trusted for one thing, the signed cookie. Its own form is not used: it
would check the password against a copy of our hashes, count failures in a dictionary that is gone
with the run, strip spaces that belong to the password, and keep password managers out. Our
`UserService.sign_in` checks, counts, locks and records instead, and the library is told the result.

The library's cookie carries one field, the user name, and cannot be revoked. So the name we give
it is a *principal*, "alice:3": user name and session version. The credentials handed to the library
hold only today's principals of active users. A cookie of an earlier version names nobody.
"""

from __future__ import annotations

import hashlib
from functools import partial
from typing import Any
from uuid import uuid4

import streamlit as st
from jwt import InvalidTokenError
from streamlit_authenticator import Authenticate, LoginError

from lib.domain.actors import Actor
from lib.errors import NotSignedIn
from lib.services.staff.users import UserService
from lib.settings import Settings
from lib.store.users import User

# A working day. Roles, the active flag and the session version are read on every run anyway.
COOKIE_DAYS = 0.5
_COOKIE_DUE = "auth_cookie_due"
_COOKIE_DROP = "auth_cookie_drop"
# The library keeps these in the session; `username` holds the principal.
_LIBRARY_KEYS = ("name", "username", "authentication_status", "email", "roles")
# A component in the browser writes and deletes the cookie, and any rerun would remove it before it
# has run. So it is drawn in every run until it reports back, under a key of its own each time: an
# earlier report must not pass for this one.


def principal(user: User) -> str:
    return f"{user.username}:{user.session_version}"


def current_actor(users: UserService) -> Actor | None:
    """The signed-in person as the table has them now, or None. Draws nothing."""
    if not st.session_state.get("authentication_status"):
        return None
    user = _user(users, st.session_state.get("username"))
    if user is None:
        _forget()
        return None
    return user.actor


def remembered(users: UserService, settings: Settings) -> bool:
    """
    Sign in from the cookie, if it is ours, in date and of the current session version.

    Draws the library's invisible cookie component, so `st.navigation` must have run before.
    """
    authenticator = _authenticator(users, settings)
    _drop_cookie(authenticator, settings)
    try:
        authenticator.login(location="unrendered")
    except (LoginError, InvalidTokenError, KeyError, TypeError):
        # Not signed by us, tampered with, or issued before the session version changed.
        return False
    return current_actor(users) is not None


def sign_in(users: UserService, username: str, password: str) -> None:
    """
    Raises:
        NotSignedIn: refused; the message is fit to show.
    """
    if not username or not password:
        raise NotSignedIn("Enter your user name and your password.")
    remember(users.sign_in(username.strip().lower(), password))


def remember(user: User) -> None:
    """Make this browser session the user's, and give it a cookie during the next runs."""
    # What the library's own login writes; its cookie is made from `username`.
    st.session_state["username"] = principal(user)
    st.session_state["name"] = user.name
    st.session_state["email"] = user.email
    st.session_state["authentication_status"] = True
    st.session_state["logout"] = None
    st.session_state.pop(_COOKIE_DROP, None)
    st.session_state[_COOKIE_DUE] = f"{_COOKIE_DUE}_{uuid4().hex}"


def keep_cookie(users: UserService, settings: Settings) -> None:
    """Write a new sign-in's cookie; costs nothing once it is written."""
    report = st.session_state.get(_COOKIE_DUE)
    if report is None:
        return
    if st.session_state.get(report):
        del st.session_state[_COOKIE_DUE]
        return
    authenticator = _authenticator(users, settings)
    manager = authenticator.cookie_controller.cookie_model.cookie_manager
    # The library never asks for `secure`, and the browser would send the cookie over http, too.
    is_https = (st.context.url or "").startswith("https://")
    manager.set = partial(manager.set, key=report, secure=is_https or None)
    with st.sidebar:
        authenticator.cookie_controller.set_cookie()


def is_leaving() -> bool:
    """
    Whether the browser still has to delete the cookie.

    The next person must not sign in before: the deletion would take their cookie with it.
    """
    return _COOKIE_DROP in st.session_state


def sign_out(users: UserService) -> None:
    """End every session of the person. A signed cookie stays valid until then, wherever it is."""
    actor = current_actor(users)
    if actor is not None:
        users.end_sessions(actor.username)
    _forget()
    st.session_state["logout"] = True
    st.session_state[_COOKIE_DROP] = f"{_COOKIE_DROP}_{uuid4().hex}"


def cookie_name(settings: Settings) -> str:
    """Browsers share cookies between ports of one host; two installations must not collide."""
    return "onfile_" + hashlib.sha256(settings.cookie_key.encode()).hexdigest()[:8]


def _user(users: UserService, named: object) -> User | None:
    username, separator, version = str(named or "").rpartition(":")
    if not separator:
        return None
    user = users.find(username)
    if user is None or not user.is_active or version != str(user.session_version):
        return None
    return user


def _authenticator(users: UserService, settings: Settings) -> Any:  # noqa: ANN401 (untyped library)
    credentials = {
        "usernames": {
            principal(user): {"name": user.name, "email": user.email}
            for user in users.list()
            if user.is_active
        }
    }
    return Authenticate(
        credentials,
        cookie_name(settings),
        settings.cookie_key,
        COOKIE_DAYS,
        auto_hash=False,
        login_sleep_time=0,
    )


def _drop_cookie(authenticator: Any, settings: Settings) -> None:  # noqa: ANN401
    report = st.session_state.get(_COOKIE_DROP)
    if report is None:
        return
    if st.session_state.get(report):
        del st.session_state[_COOKIE_DROP]
        return
    manager = authenticator.cookie_controller.cookie_model.cookie_manager
    manager.delete = partial(manager.delete, key=report)
    # The library forgets to ask whether its copy of the cookies is loaded, and prints an error.
    manager.cookies.setdefault(cookie_name(settings), None)
    authenticator.cookie_controller.delete_cookie()


def _forget() -> None:
    for key in _LIBRARY_KEYS:
        st.session_state[key] = None
    st.session_state.pop(_COOKIE_DUE, None)
