"""The frame of every page: the environment, who is signed in, the way out."""

from __future__ import annotations

import streamlit as st

from lib.domain.actors import Actor
from lib.ui import auth, environment, navigation, notice, search_dialog, style
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
            if account := navigation.find("account"):
                st.page_link(
                    navigation.page(account),
                    label="Your account",
                    icon=":material/manage_accounts:",
                )
            st.button(
                "Sign out",
                key="frame_sign_out",
                icon=":material/logout:",
                type="tertiary",
                help="Ends your sign-in on every device.",
                on_click=auth.sign_out,
                args=(services.users, services.sessions),
            )
    search_dialog.button()
    notice.follow_theme()
