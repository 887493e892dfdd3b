"""Setup links for the customers of a draft who have no card: made at once, and what became of them."""

from __future__ import annotations

from functools import partial

import streamlit as st

from lib.services.runs.draft_links import DraftLinksMade, to_csv
from lib.services.runs.run_object import RunView
from lib.ui import downloads, navigation, outcome, refused_links
from lib.ui.context import PageContext
from lib.ui.formats import escape, plural

_LINKS = "run_kinds_links"
_MOST = 20


def ask(ctx: PageContext, view: RunView) -> None:
    st.markdown("A setup link for each of these customers. Nothing is sent by Onfile.")
    refused_links.warn(ctx)
    if st.button(
        "Make setup links", key="run_kinds_links_make", type="primary", icon=":material/link:"
    ):
        with outcome.show() as toast:
            done = ctx.services.runs.draft_links.make(view.run.id, by=ctx.actor)
            st.session_state[_LINKS] = (view.run.id, done)
            toast.message = (
                f"{plural(done.new, 'link')} made, {len(done.links) - done.new:,} were there."
            )
            if done.none:
                toast.message += f" None for {plural(len(done.none), 'customer')}."


def made(view: RunView) -> None:
    """After the click: who got none, and the addresses, to send them; they stand under Setup links, too."""
    run_id, done = st.session_state.get(_LINKS, ("", DraftLinksMade()))
    if run_id != view.run.id:
        return
    _without(done)
    links = done.links
    if not links:
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
            st.page_link(
                navigation.page(page), label="Setup links", icon=":material/arrow_forward:"
            )


def _without(done: DraftLinksMade) -> None:
    """Each customer with the reason; a customer with a twin is chosen in the row, where both stand beside each other."""
    if not done.none:
        return
    lines = [one.in_words() for one in done.none[:_MOST]]
    if len(done.none) > _MOST:
        lines.append(
            f"And {len(done.none) - _MOST:,} more; “runs links” on the command line lists all."
        )
    items = "\n".join(f"- {escape(line)}" for line in lines)
    st.warning(
        f"No link for {plural(len(done.none), 'customer')}:\n\n{items}", icon=":material/link_off:"
    )
