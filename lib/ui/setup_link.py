"""The way to where a customer is asked to save a card."""

from __future__ import annotations

import streamlit as st

from lib.domain.actors import Actor, Permission
from lib.ui import navigation


def offer(actor: Actor, customer_id: str | None = None) -> None:
    """A link to Setup links, for that customer if there is one yet; to those who may make links."""
    page = navigation.find("setup_links")
    if page is not None and actor.may(Permission.MANAGE_LINKS):
        st.page_link(
            navigation.page(page),
            label="Make a setup link",
            icon=":material/add_link:",
            query_params=None if customer_id is None else {"customer": customer_id},
        )
