"""The sign-in page: the form, ready-made accounts in practice mode, help when there are no accounts."""

from __future__ import annotations

import streamlit as st

from lib.errors import NotSignedIn, SecondFactorNeeded
from lib.services.staff.users import PRACTICE_PASSWORD, PRACTICE_USERS
from lib.settings import Mode
from lib.ui import auth, provider_sign_in
from lib.ui.context import Services
from lib.ui.formats import escape

_CODE_WANTED = "sign_in_code_wanted"


def draw(services: Services) -> None:
    """Draw the page; reruns after a sign-in so that no trace of the form stays."""
    _, middle, _ = st.columns([1, 1.1, 1])
    with middle:
        st.space("small")
        st.title("Onfile", anchor=False)
        st.caption("Save cards by link, charge them later, and always know what happened.")
        if services.settings.mode is not Mode.PRACTICE and not services.users.list():
            _no_accounts()
            return
        why = auth.why_ended()
        if why:
            st.info(why, icon=":material/lock_clock:")
        provider_sign_in.draw(services)
        with st.form("sign_in"):
            username = st.text_input("User name", key="sign_in_user", autocomplete="username")
            password = st.text_input(
                "Password", key="sign_in_password", type="password", autocomplete="current-password"
            )
            code = ""
            if st.session_state.get(_CODE_WANTED):
                code = st.text_input(
                    "Code from your app, or a recovery code",
                    key="sign_in_code",
                    autocomplete="one-time-code",
                )
            # One first way in; where there is a provider, that is its button.
            is_second = services.single_sign_on.provider is not None
            click = st.form_submit_button(
                "Sign in",
                key="sign_in_submit",
                type="secondary" if is_second else "primary",
                width="stretch",
            )
        if click:
            _try(services, username, password, code)
        if services.settings.mode is Mode.PRACTICE:
            _practice_accounts(services)


def _practice_accounts(services: Services) -> None:
    """Only for accounts that everybody may know: sign-in still goes through the password."""
    active = {user.username for user in services.users.list() if user.is_active}
    st.caption(
        f"Practice accounts: choose one, or type its name and the password **{PRACTICE_PASSWORD}**."
    )
    with st.container(gap="xsmall"):
        for username, name, roles in PRACTICE_USERS:
            if username in active and st.button(
                f"**{name}** · {username} · {', '.join(role.value for role in roles)}",
                key=f"sign_in_as_{username}",
                icon=":material/person:",
                width="stretch",
            ):
                _try(services, username, PRACTICE_PASSWORD)


def _try(services: Services, username: str, password: str, code: str = "") -> None:
    try:
        auth.sign_in(
            services.users,
            services.sessions,
            username,
            password,
            settings=services.settings,
            code=code,
            now=services.clock(),
        )
    except SecondFactorNeeded:
        st.session_state[_CODE_WANTED] = True
        st.rerun()
    except NotSignedIn as refusal:
        st.error(escape(str(refusal)), icon=":material/lock:")
    else:
        st.session_state.pop(_CODE_WANTED, None)
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
