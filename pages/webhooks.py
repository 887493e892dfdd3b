"""Follow what Stripe tells Onfile, and have it processed again where that did not work."""

import streamlit as st

from lib.ui import drawers, filters, layout, lists, tables, webhook_panel, webhook_words
from lib.ui.context import require

ctx = require()
reports = ctx.services.reports.webhooks
every = reports.counts()

with layout.header(
    "Webhooks", "Everything Stripe told Onfile: each message is kept first, then acted on."
):
    webhook_panel.replay_all(ctx, every.by_state["given_up"])

drawers.follow_address(webhook_panel.PARAM, webhook_panel.TABLE)
webhook_panel.not_set_up(ctx)
webhook_panel.thin(ctx)
if not every.every:
    webhook_panel.none_yet(ctx)
    st.stop()

with st.container(horizontal=True, vertical_alignment="center"):
    states = st.container(width="content")
    search = filters.search("webhooks_search", "Event, id …", width=150)
types = webhook_words.types_like(search)
counts = reports.counts(search=search, types=types) if search else every
with states:
    state = filters.states(
        "webhooks_state",
        counts.by_state or dict.fromkeys(webhook_panel.LABELS),
        labels=webhook_panel.LABELS,
    )
place = layout.paging("webhooks", state, search)
page = reports.page(
    state=state,
    search=search,
    types=types,
    cursor=place.older_than or place.newer_than,
)
chosen = None
if page.frame.empty:
    layout.empty(
        "filter_alt_off", "No delivery matches", "Clear the search, or choose another state."
    )
else:
    chosen = tables.table(
        webhook_panel.rows(page.frame, ctx),
        {
            "what": tables.text("What happened", width=205),
            "about": tables.text("About", width=195),
            "state": tables.state(width=108),
            "received_at": tables.date("Received", ctx.now),
            "tries": tables.number("Tries", width=48),
            "took": tables.text("Took", width=118),
        },
        key=webhook_panel.TABLE,
        alt="Webhook deliveries, newest first",
        timezone=ctx.timezone,
    )
    lists.foot("webhooks", page, of=counts.of(state), noun="delivery", several="deliveries")

opened = drawers.opened(webhook_panel.PARAM, chosen)
if opened:
    webhook_panel.drawer(opened)
