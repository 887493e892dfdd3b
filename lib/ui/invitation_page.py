"""The page behind an invitation: the person sets their own password, and is signed in."""

from __future__ import annotations

import streamlit as st

from lib.errors import NotFound, RuleViolation
from lib.services.staff.passwords import RULE
from lib.ui import auth
from lib.ui.context import Services
from lib.ui.formats import escape

PARAMETER = "invitation"


def draw(services: Services, token: str) -> None:
    """Draw the page; reruns, without the token in the address, once the password is set."""
    _, middle, _ = st.columns([1, 1.1, 1])
    with middle:
        st.space("small")
        st.title("Onfile", anchor=False)
        try:
            user = services.invitations.invited(token)
        except NotFound as refusal:
            st.error(str(refusal), icon=":material/link_off:")
            if st.button("To the sign-in", key="invitation_leave"):
                _leave()
            return
        st.write(
            f"Welcome, {escape(user.name)}. Choose a password that only you know. Your user name is "
            f"**{escape(user.username)}**."
        )
        with st.form("invitation"):
            new = _password("New password", "invitation_password", RULE)
            again = _password("New password again", "invitation_again")
            click = st.form_submit_button(
                "Set password", key="invitation_submit", type="primary", width="stretch"
            )
        if click:
            _accept(services, token, new, again)


def _password(label: str, key: str, hint: str | None = None) -> str:
    return st.text_input(label, key=key, type="password", autocomplete="new-password", help=hint)


def _accept(services: Services, token: str, new: str, again: str) -> None:
    if new != again:
        st.error("The two passwords differ.", icon=":material/error:")
        return
    try:
        user = services.invitations.accept(token, new)
    except RuleViolation as refusal:
        st.error(escape(str(refusal)), icon=":material/error:")
        return
    # An invitation stands in for the password alone: the sign-in asks whoever has more for the rest.
    have_more = {*services.single_sign_on.identities(), *services.second_factors.everybody()}
    if user.username not in have_more:
        auth.remember(user, services.sessions)
    _leave()


def _leave() -> None:
    del st.query_params[PARAMETER]
    st.rerun()
