"""A person's own account: change the password."""

from __future__ import annotations

import streamlit as st

from lib.errors import InvalidInput
from lib.ui import auth, outcome
from lib.ui.context import require

_OPEN = "account_changing_password"


def open_password_dialog() -> None:
    st.session_state[_OPEN] = True


def password_dialog() -> None:
    """Draw the dialog while it is open; this session goes on, all others of the person end."""
    if st.session_state.get(_OPEN):
        _dialog()


def _close() -> None:
    st.session_state.pop(_OPEN, None)


@st.dialog("Change your password", on_dismiss=_close)
def _dialog() -> None:
    # A dialog reruns alone: the page's own check is as old as the page.
    ctx = require()
    actor, users = ctx.actor, ctx.services.users
    with st.form("account_password"):
        current = st.text_input(
            "Current password",
            key="account_current",
            type="password",
            autocomplete="current-password",
        )
        new = st.text_input(
            "New password",
            key="account_new",
            type="password",
            autocomplete="new-password",
            help="10 characters or more.",
        )
        again = st.text_input(
            "New password again",
            key="account_again",
            type="password",
            autocomplete="new-password",
        )
        click = st.form_submit_button("Change password", key="account_submit", type="primary")
    if click:
        with outcome.show("Password changed. You are signed out everywhere else."):
            if new != again:
                raise InvalidInput("The two new passwords differ.", field="password")
            users.sign_in(actor.username, current)
            auth.remember(users.set_password(actor.username, new, by=actor))
            _close()
