"""
Streamlit's half of the single sign-on: what it is told of the provider, what that said of this browser, the
way there and the way out.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import streamlit as st

from lib.services.staff.provider_check import trouble_of
from lib.settings import Settings

SIGN_IN, AGAIN = "onfile", "again"
"""The two ways to the provider; Streamlit takes no underscore in a name."""
# Nothing else is looked at, so nothing else is asked for.
_SCOPE = "openid email"


def auth_secrets(settings: Settings) -> dict[str, Any] | None:
    """As `.streamlit/secrets.toml` would have it, which holds none of this; None: there is no provider."""
    provider = settings.provider
    if provider is None:
        return None
    client = {
        "client_id": provider.client_id,
        "client_secret": provider.client_secret,
        "server_metadata_url": provider.metadata_url,
    }
    # Known to all processes over this data folder, and worthless to whoever learns it for the other cookie.
    cookie_secret = hmac.new(
        settings.cookie_key.encode(), b"single sign-on", hashlib.sha256
    ).hexdigest()
    return {
        "auth": {
            "redirect_uri": f"{settings.dashboard_url}/oauth2callback",
            "cookie_secret": cookie_secret,
            SIGN_IN: {**client, "client_kwargs": {"scope": _SCOPE}},
            # `prompt` asks whoever sits there, and `max_age` has the provider say when that was.
            AGAIN: {
                **client,
                "client_kwargs": {"scope": _SCOPE, "prompt": "login"},
                "authorize_params": {"max_age": 0},
            },
        }
    }


def claims() -> dict[str, object]:
    """Of the ID token, which Streamlit has checked when the browser came back; empty: it was never there."""
    user: dict[str, object] = dict(st.user.to_dict())
    return user if user.get("is_logged_in") is True else {}


def go(settings: Settings, *, again: bool = False) -> str:
    """
    Send the browser to the provider. Returns why not, where that cannot be done now: Streamlit would end on a bare page.

    Args:
        again: whoever sits there has to prove who they are, also where the provider knows the browser.
    """
    if settings.provider is None:
        return ""
    trouble = trouble_of(settings.provider)
    if not trouble:
        st.login(AGAIN if again else SIGN_IN)
    return trouble


def leave(settings: Settings) -> None:
    """End Streamlit's cookie, and the provider's session where it has an address for that."""
    if settings.provider is not None and claims():
        st.logout()
