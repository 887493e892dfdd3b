"""See every saved card and bank account: usable, expiring, or why not."""

from functools import partial

import streamlit as st

from lib.domain import list_columns
from lib.reports.customers import METHOD_STATES
from lib.reports.paging import EXPORT_ROWS, whole
from lib.ui import (
    downloads,
    drawers,
    filters,
    layout,
    lists,
    method_panel,
    setup_link,
    sync_status,
    tables,
)
from lib.ui.context import require

ctx = require()
zone = ctx.services.settings.timezone
reports = ctx.services.reports.payment_methods

actions = layout.header(
    "Saved methods", "Saved cards and bank accounts: usable, expiring, or why not."
)

drawers.follow_address(method_panel.PARAM, method_panel.TABLE)
with st.container(horizontal=True, vertical_alignment="center"):
    period = filters.period("payment_methods_period", ctx.now, zone)
    search = filters.search("payment_methods_search", "Customer, last four or brand")
since, before = period.moments(zone)
counts = reports.counts(search=search, since=since, before=before)
state = filters.states(
    "payment_methods_state",
    counts.by_state or dict.fromkeys(METHOD_STATES),
    labels=method_panel.LABELS,
)
place = layout.paging("payment_methods", state, period, search)
read = partial(reports.page, state=state, search=search, since=since, before=before)
page = read(cursor=place.older_than or place.newer_than)

with actions:
    if not page.frame.empty:
        downloads.table(
            list_columns.METHODS,
            lambda: whole(read(rows=EXPORT_ROWS)).assign(
                state=lambda rows: method_panel.rows(rows)["badge"]
            ),
            name="Saved methods",
            key="payment_methods_export",
        )
chosen = None
if search:
    sync_status.not_searchable(ctx)
if not page.frame.empty:
    chosen = tables.table(
        method_panel.rows(page.frame),
        {
            "shown": tables.text("Customer", width=184),
            **method_panel.COLUMNS,
            "created": tables.date("Saved", ctx.now),
        },
        key=method_panel.TABLE,
        alt="Saved payment methods, newest first",
        timezone=ctx.timezone,
    )
    lists.foot(
        "payment_methods", page, of=counts.of(state), noun="method", period=period, timezone=zone
    )
elif reports.counts().every:
    layout.empty(
        "filter_alt_off",
        "No method matches",
        "Clear the search, or choose another state or period.",
    )
else:
    with layout.empty(
        "credit_card", "No saved methods yet", "A customer saves one through a setup link."
    ):
        setup_link.offer(ctx.actor)

opened = drawers.opened(method_panel.PARAM, chosen)
if opened:
    method_panel.drawer(opened)
