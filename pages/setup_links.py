"""Make links with which customers save a card, and see what became of earlier ones."""

from functools import partial

import streamlit as st

from lib.domain import list_columns
from lib.domain.actors import Permission
from lib.reports.paging import EXPORT_ROWS, whole
from lib.ui import downloads, drawers, filters, layout, link_panel, lists, new_link, tables
from lib.ui.context import require

ctx = require()
reports = ctx.services.reports.links
zone = ctx.services.settings.timezone
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
with st.container(horizontal=True, vertical_alignment="center"):
    period = filters.period("setup_links_period", ctx.now, zone)
    search = filters.search("setup_links_search", "Name, e-mail or reference")
since, before = period.moments(zone)
counts = reports.counts(search=search, since=since, before=before)
state = filters.states("setup_links_state", counts.by_state, rare=("refused", "confirming"))
place = layout.paging("setup_links", state, period, search)
read = partial(reports.page, state=state, search=search, since=since, before=before)
page = read(cursor=place.older_than or place.newer_than)

with actions:
    if not page.frame.empty:
        downloads.table(
            list_columns.SETUP_LINKS,
            lambda: whole(read(rows=EXPORT_ROWS)).assign(
                created_by=lambda rows: link_panel.rows(ctx, rows)["maker"]
            ),
            name="Setup links",
            key="setup_links_export",
        )
    if may_make:
        new_button("setup_links_open")
chosen = None
if not page.frame.empty:
    chosen = tables.table(
        link_panel.rows(ctx, page.frame),
        {"shown": tables.text("Customer", width=200), **link_panel.columns(ctx)},
        key=link_panel.TABLE,
        alt="Setup links, newest first",
        timezone=ctx.timezone,
    )
    lists.foot("setup_links", page, of=counts.of(state), noun="link", period=period, timezone=zone)
elif reports.counts().every:
    layout.empty(
        "filter_alt_off", "No link matches", "Clear the search, or choose another state or period."
    )
else:
    with layout.empty(
        "add_link",
        "No links yet",
        "With a link that was sent to them, a customer saves a card, which can be charged later.",
    ):
        if may_make:
            new_button("setup_links_open_first")

new_link.drawer()
opened = drawers.opened(new_link.LINK_PARAM, chosen)
if opened and not new_link.is_open():
    link_panel.drawer(opened)
