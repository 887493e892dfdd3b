"""Setup links for the customers of a draft who have no card: made at once, and what became of them."""

from __future__ import annotations

from functools import partial

import streamlit as st

from lib.services.runs.draft_links import to_csv
from lib.services.runs.run_object import RunView
from lib.ui import downloads, navigation, outcome, refused_links
from lib.ui.context import PageContext
from lib.ui.formats import plural

_LINKS = "run_kinds_links"


def ask(ctx: PageContext, view: RunView) -> None:
    st.markdown("A setup link for each of these customers. Nothing is sent by Onfile.")
    refused_links.warn(ctx)
    if st.button(
        "Make setup links", key="run_kinds_links_make", type="primary", icon=":material/link:"
    ):
        with outcome.show() as toast:
            links = ctx.services.runs.draft_links.make(view.run.id, by=ctx.actor)
            st.session_state[_LINKS] = (view.run.id, links)
            new = sum(link.is_new for link in links)
            toast.message = f"{plural(new, 'link')} made, {len(links) - new:,} were there."


def made(view: RunView) -> None:
    """After the click: the addresses, to send them; they stand under Setup links, too."""
    run_id, links = st.session_state.get(_LINKS, ("", []))
    if run_id != view.run.id or not links:
        return
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.markdown(
            f":material/link: **{plural(len(links), 'setup link')}** to send. "
            "When a customer has saved a card, check the rows again.",
            width="stretch",
        )
        downloads.file(
            partial(to_csv, links),
            file_name=f"{view.run.name}-links.csv",
            key="run_kinds_links_file",
            label="Links (CSV)",
        )
        page = navigation.find("setup_links")
        if page is not None:
            st.page_link(page.path, label="Setup links", icon=":material/arrow_forward:")
