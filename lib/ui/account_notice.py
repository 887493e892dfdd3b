"""Changes of others to a person's account, above every page until they say that they have seen it."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import streamlit as st

from lib.domain.actors import Actor
from lib.ui.context import Services
from lib.ui.formats import escape, exact


def strip(actor: Actor, services: Services, zone: ZoneInfo) -> None:
    untold = services.account_changes.untold(actor)
    if not untold:
        return
    lines = [
        f"**{escape(who)}** {change.words} "
        + ("your account" if change.about == actor.username else f"the account of {escape(whose)}")
        + f" · {exact(change.at, zone)}"
        for change, who, whose in untold
    ]
    with st.container(border=True):
        st.warning(
            "  \n".join(["Somebody changed an account:", *lines])
            + "  \nIf you did not expect that, ask them, and tell another admin.",
            icon=":material/manage_accounts:",
        )
        st.button(
            "I have seen it",
            key="account_notice_seen",
            on_click=services.account_changes.note_seen,
            args=(untold[-1][0].id,),
            kwargs={"by": actor},
        )
