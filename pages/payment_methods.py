"""See every saved card and bank account: usable, expiring, or why not."""

import streamlit as st

from lib.ui import (
    downloads,
    drawers,
    filters,
    layout,
    method_panel,
    navigation,
    sync_status,
    tables,
)
from lib.ui.context import require
from lib.ui.formats import plural

ctx = require()
reports = ctx.services.reports.payment_methods

actions = layout.header(
    "Saved methods", "Saved cards and bank accounts: usable, expiring, or why not."
)

drawers.follow_address(method_panel.PARAM, method_panel.TABLE)
counts = reports.counts()
with st.container(horizontal=True, vertical_alignment="center"):
    state = filters.states("payment_methods_state", counts, labels=method_panel.LABELS)
    search = filters.search("payment_methods_search", "Customer, last four or brand", width=240)
place = layout.paging("payment_methods", state, search)
page = reports.page(state=state, search=search, cursor=place.older_than or place.newer_than)

with actions:
    downloads.table(
        lambda: reports.export(state=state, search=search),
        file_name="saved-methods.csv",
        key="payment_methods_export",
    )
chosen = None
if search:
    sync_status.not_searchable(ctx)
if not page.frame.empty:
    chosen = tables.table(
        method_panel.rows(page.frame),
        {"shown": tables.text("Customer", width=170), **method_panel.COLUMNS},
        key=method_panel.TABLE,
        alt="Saved payment methods, newest first",
        timezone=ctx.timezone,
    )
    layout.pager(
        "payment_methods",
        newer=page.newer,
        older=page.older,
        note=plural(len(page.frame), "method"),
    )
elif sum(counts.values()):
    layout.empty(
        "filter_alt_off", "No method matches", "Clear the search, or choose another state."
    )
else:
    with layout.empty(
        "credit_card", "No saved methods yet", "A customer saves one through a setup link."
    ):
        if links := navigation.find("setup_links"):
            st.page_link(links.path, label="Make a setup link", icon=":material/add_link:")

opened = drawers.opened(method_panel.PARAM, chosen)
if opened:
    method_panel.drawer(opened)
