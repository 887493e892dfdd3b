"""Make links with which customers save a card, and see what became of earlier ones."""

import streamlit as st

from lib.domain.actors import Permission
from lib.ui import downloads, drawers, filters, layout, link_panel, new_link, tables
from lib.ui.context import require
from lib.ui.formats import plural

ctx = require()
reports = ctx.services.reports.links
may_make = ctx.actor.may(Permission.MANAGE_LINKS)

if may_make and (customer := st.query_params.get("customer")):
    # Another page named the customer; taken once, or closing the form would open it again.
    del st.query_params["customer"]
    new_link.open_form(customer)


def new_button(key: str) -> None:
    st.button(
        "New link", key=key, type="primary", icon=":material/add_link:", on_click=new_link.open_form
    )


actions = layout.header(
    "Setup links", "Make a link with which a customer saves a card. Nothing is charged."
)

drawers.follow_address(new_link.LINK_PARAM, link_panel.TABLE)
counts = reports.counts()
with st.container(horizontal=True, vertical_alignment="center"):
    state = filters.states("setup_links_state", counts)
    search = filters.search("setup_links_search", "Name, e-mail or reference")
place = layout.paging("setup_links", state, search)
page = reports.page(state=state, search=search, cursor=place.older_than or place.newer_than)

with actions:
    downloads.table(
        lambda: reports.export(state=state, search=search),
        file_name="setup-links.csv",
        key="setup_links_export",
    )
    if may_make:
        new_button("setup_links_open")
chosen = None
if not page.frame.empty:
    chosen = tables.table(
        link_panel.rows(ctx, page.frame),
        {"shown": tables.text("Customer", width="medium"), **link_panel.COLUMNS},
        key=link_panel.TABLE,
        alt="Setup links, newest first",
        timezone=ctx.timezone,
    )
    layout.pager(
        "setup_links", newer=page.newer, older=page.older, note=plural(len(page.frame), "link")
    )
elif sum(counts.values()):
    layout.empty("filter_alt_off", "No link matches", "Clear the search, or choose another state.")
else:
    with layout.empty(
        "add_link",
        "No links yet",
        "Make one and send it: the customer saves a card, and you can charge it later.",
    ):
        if may_make:
            new_button("setup_links_open_first")

new_link.drawer()
opened = drawers.opened(new_link.LINK_PARAM, chosen)
if opened and not new_link.is_open():
    link_panel.drawer(opened)
