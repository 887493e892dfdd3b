"""The warning that Stripe makes no setup links at present, wherever somebody makes or sends one."""

from __future__ import annotations

import streamlit as st

from lib.domain.actors import Permission
from lib.ui import navigation
from lib.ui.context import PageContext
from lib.ui.formats import escape, when


def warn(ctx: PageContext) -> None:
    """Nothing while links work, or to whom they are no concern."""
    refusal = ctx.services.links.refusal()
    if refusal is None or not ctx.actor.may(Permission.MANAGE_LINKS):
        return
    since = when(refusal.at, ctx.now, ctx.timezone)
    st.error(
        f"Setup links do not work: customers cannot save a card. Stripe refused the last one ({since}): "
        f"{escape(refusal.reason)}  \nMend it in the Stripe Dashboard or the settings, then open or make a "
        "link; this message goes when one works.",
        icon=":material/link_off:",
    )
    if spec := navigation.find("setup_links"):
        st.page_link(
            navigation.page(spec),
            label="See that link",
            icon=":material/link:",
            query_params={"link": refusal.link_id},
        )
