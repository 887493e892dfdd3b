"""The sign-in page: the form, ready-made accounts in practice mode, help when there are no accounts."""

from __future__ import annotations

import streamlit as st

from lib.errors import NotSignedIn
from lib.services.staff.users import PRACTICE_PASSWORD, PRACTICE_USERS, UserService
from lib.settings import Mode, Settings
from lib.ui import auth
from lib.ui.formats import escape


def draw(users: UserService, settings: Settings) -> None:
    """Draw the page; reruns after a sign-in so that no trace of the form stays."""
    _, middle, _ = st.columns([1, 1.1, 1])
    with middle:
        st.space("small")
        st.title("Onfile", anchor=False)
        st.caption("Save cards by link, charge them later, and always know what happened.")
        if settings.mode is not Mode.PRACTICE and not users.list():
            _no_accounts()
            return
        with st.form("sign_in"):
            username = st.text_input("User name", key="sign_in_user", autocomplete="username")
            password = st.text_input(
                "Password", key="sign_in_password", type="password", autocomplete="current-password"
            )
            click = st.form_submit_button(
                "Sign in", key="sign_in_submit", type="primary", width="stretch"
            )
        if click:
            _try(users, username, password)
        if settings.mode is Mode.PRACTICE:
            _practice_accounts(users)


def _practice_accounts(users: UserService) -> None:
    """Only for accounts that everybody may know: sign-in still goes through the password."""
    active = {user.username for user in users.list() if user.is_active}
    st.caption(
        f"Practice accounts: choose one, or type its name and the password `{PRACTICE_PASSWORD}`."
    )
    with st.container(gap="xsmall"):
        for username, name, roles in PRACTICE_USERS:
            if username in active and st.button(
                f"**{name}** · {username} · {', '.join(role.value for role in roles)}",
                key=f"sign_in_as_{username}",
                icon=":material/person:",
                width="stretch",
            ):
                _try(users, username, PRACTICE_PASSWORD)


def _try(users: UserService, username: str, password: str) -> None:
    try:
        auth.sign_in(users, username, password)
    except NotSignedIn as refusal:
        st.error(escape(str(refusal)), icon=":material/lock:")
    else:
        st.rerun()


def _no_accounts() -> None:
    st.info(
        "There are no accounts yet. Add the first admin on the machine that runs Onfile:",
        icon=":material/person_add:",
    )
    st.code(
        "python -m lib users add NAME --email you@example.com --role admin",
        language=None,
        wrap_lines=True,
    )
