"""Find a customer, and see their methods, links and charges."""

from functools import partial

import streamlit as st

from lib.domain import list_columns
from lib.domain.periods import ALWAYS
from lib.reports.paging import EXPORT_ROWS, whole
from lib.ui import (
    customer_page,
    downloads,
    drawers,
    filters,
    layout,
    lists,
    setup_link,
    sync_status,
    tables,
)
from lib.ui.context import require

ctx = require()
zone = ctx.services.settings.timezone
reports = ctx.services.reports.customers

if opened := st.query_params.get(customer_page.PARAM):
    customer_page.draw(ctx, opened)
    st.stop()

drawers.follow_address(customer_page.PARAM, customer_page.TABLE)
actions = layout.header("Customers", "Find a customer, and see their methods, links and charges.")
with st.container(horizontal=True, vertical_alignment="center"):
    period = filters.period("customers_period", ctx.now, zone)
    search = filters.search("customers_search", "Name, e-mail or id")
since, before = period.moments(zone)
place = layout.paging("customers", search, period)
read = partial(reports.page, search=search, since=since, before=before)
page = read(cursor=place.older_than or place.newer_than)

if search:
    sync_status.not_searchable(ctx)
if page.frame.empty and (search or period != ALWAYS):
    layout.empty(
        "filter_alt_off",
        "No customer matches",
        "Check the spelling, clear the search, or choose another period.",
    )
    st.stop()
if page.frame.empty:
    with layout.empty(
        "group",
        "No customers yet",
        "The first comes with a setup link, or with a sync if Stripe has some already.",
    ):
        setup_link.offer(ctx.actor)
    st.stop()

with actions:
    downloads.table(
        list_columns.CUSTOMERS,
        lambda: whole(read(rows=EXPORT_ROWS)),
        name="Customers",
        key="customers_export",
    )
chosen = tables.table(
    customer_page.rows(page.frame),
    {
        "shown": tables.text("Name", width=180),
        "email": tables.text("E-mail", width=210),
        "methods": tables.number("Saved methods", width=115),
        "last_charge_at": tables.date("Last charge", ctx.now),
        "created": tables.date("Customer since", ctx.now),
    },
    key=customer_page.TABLE,
    alt="Customers, newest first",
    timezone=ctx.timezone,
)
of = reports.count(search=search, since=since, before=before)
lists.foot("customers", page, of=of, noun="customer", period=period, timezone=zone)
if drawers.opened(customer_page.PARAM, chosen):
    st.rerun()
