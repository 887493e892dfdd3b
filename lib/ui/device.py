"""Where the browser at the other end is, and whether the person has signed in with it before."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import streamlit as st

from lib.clock import epoch
from lib.services.staff.devices import VALID_DAYS, device_cookie_name, device_token, known_device
from lib.services.staff.guesses import SignInOrigin
from lib.services.staff.open_tabs import TAB_HEADER, OpenTabs
from lib.settings import Settings

# What the browser was given since it opened this tab: the tab knows the cookies of its beginning.
_GIVEN = "device_token"


def name_tab(tabs: OpenTabs, username: str | None) -> None:
    """Say whose the tab is, as what strangers may have open is less."""
    if name := st.context.headers.get(TAB_HEADER):
        tabs.belongs_to(name, username)


def origin(settings: Settings, username: str, *, now: datetime) -> SignInOrigin:
    """Of a sign-in as `username`. Behind a proxy the address is the one that uvicorn trusts it with."""
    return SignInOrigin(st.context.ip_address, _known(settings, username, now=now))


def remember(
    set_cookie: Callable[..., object], settings: Settings, username: str, *, key: str
) -> bool:
    """
    Give the browser its cookie with `set_cookie`, which draws a component named `key`.

    Returns whether the browser has one; call it in every run until then.
    """
    now = datetime.now(UTC)
    if st.session_state.get(key) or (
        key not in st.session_state and _known(settings, username, now=now)
    ):
        return True
    # The same in every run: another value would be another cookie.
    token = st.session_state.setdefault(
        f"{key}_token", device_token(username, cookie_key=settings.cookie_key, now=epoch(now))
    )
    st.session_state[_GIVEN] = token
    set_cookie(
        device_cookie_name(settings.cookie_key),
        token,
        key=key,
        expires_at=now + timedelta(days=VALID_DAYS),
    )
    return False


def _known(settings: Settings, username: str, *, now: datetime) -> str | None:
    """The id of this browser, where this person has signed in with it."""
    cookie = st.context.cookies.get(device_cookie_name(settings.cookie_key), "")
    for token in (cookie, st.session_state.get(_GIVEN, "")):
        device = known_device(token, username, cookie_key=settings.cookie_key, now=epoch(now))
        if device:
            return device
    return None
