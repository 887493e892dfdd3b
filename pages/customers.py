"""Find a customer, and see their methods, links and charges."""

import streamlit as st

from lib.ui import customer_page, drawers, filters, layout, navigation, sync_status, tables
from lib.ui.context import require
from lib.ui.formats import plural

ctx = require()
reports = ctx.services.reports.customers

if opened := st.query_params.get(customer_page.PARAM):
    customer_page.draw(ctx, opened)
    st.stop()

drawers.follow_address(customer_page.PARAM, customer_page.TABLE)
layout.header("Customers", "Find a customer, and see their methods, links and charges.")
with st.container(horizontal=True, vertical_alignment="center"):
    search = filters.search("customers_search", "Name, e-mail or id")
place = layout.paging("customers", search)
page = reports.page(search=search, cursor=place.older_than or place.newer_than)

if search:
    sync_status.not_searchable(ctx)
if page.frame.empty and search:
    layout.empty(
        "filter_alt_off", "No customer matches", "Check the spelling, or clear the search."
    )
    st.stop()
if page.frame.empty:
    with layout.empty(
        "group",
        "No customers yet",
        "Make a setup link for a new customer, or sync if Stripe has some already.",
    ):
        if links := navigation.find("setup_links"):
            st.page_link(links.path, label="Make a setup link", icon=":material/add_link:")
    st.stop()

chosen = tables.table(
    customer_page.rows(page.frame),
    {
        "shown": tables.text("Name", width=210),
        "email": tables.text("E-mail", width=240),
        "methods": tables.number("Saved methods", width=115),
        "last_charge_at": tables.ago("Last charge"),
        "created": tables.ago("Customer since"),
    },
    key=customer_page.TABLE,
    alt="Customers, newest first",
    timezone=ctx.timezone,
)
layout.pager(
    "customers", newer=page.newer, older=page.older, note=plural(len(page.frame), "customer")
)
if drawers.opened(customer_page.PARAM, chosen):
    st.rerun()
