"""The frame of every page: the environment, who is signed in, the way out."""

from __future__ import annotations

import streamlit as st

from lib.domain.actors import Actor
from lib.ui import account, auth, environment, style
from lib.ui.context import Services
from lib.ui.formats import escape


def sidebar(actor: Actor, services: Services) -> None:
    style.apply()
    environment.logo(services.settings.mode)
    with st.sidebar:
        environment.sign(services.settings.mode)
        with st.container(gap=None):
            st.markdown(f"**{escape(actor.name)}**")
            st.caption(", ".join(sorted(role.value for role in actor.roles)))
        with st.container(gap=None):
            st.button(
                "Change password",
                key="frame_password",
                icon=":material/key:",
                type="tertiary",
                on_click=account.open_password_dialog,
            )
            st.button(
                "Sign out",
                key="frame_sign_out",
                icon=":material/logout:",
                type="tertiary",
                help="Ends your sign-in on every device.",
                on_click=auth.sign_out,
                args=(services.users,),
            )
    account.password_dialog()
