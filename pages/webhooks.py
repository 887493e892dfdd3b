"""Follow what Stripe tells Onfile, and have it processed again where that did not work."""

import streamlit as st

from lib.ui import drawers, filters, layout, tables, webhook_panel, webhook_words
from lib.ui.context import require
from lib.ui.formats import plural

ctx = require()
reports = ctx.services.reports.webhooks
counts = reports.counts()

with layout.header(
    "Webhooks", "Everything Stripe told Onfile: each message is kept first, then acted on."
):
    webhook_panel.replay_all(ctx, counts["given_up"])

drawers.follow_address(webhook_panel.PARAM, webhook_panel.TABLE)
webhook_panel.not_set_up(ctx)
webhook_panel.thin(ctx)
if not sum(counts.values()):
    webhook_panel.none_yet(ctx)
    st.stop()

with st.container(horizontal=True, vertical_alignment="center"):
    state = filters.states("webhooks_state", counts, labels=webhook_panel.LABELS)
    search = filters.search("webhooks_search", "Event, id …", width=150)
place = layout.paging("webhooks", state, search)
page = reports.page(
    state=state,
    search=search,
    types=webhook_words.types_like(search),
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
            "received_at": tables.ago("Received"),
            "tries": tables.number("Tries", width=48),
            "took": tables.text("Took", width=118),
        },
        key=webhook_panel.TABLE,
        alt="Webhook deliveries, newest first",
        timezone=ctx.timezone,
    )
    layout.pager(
        "webhooks",
        newer=page.newer,
        older=page.older,
        note=plural(len(page.frame), "delivery", "deliveries"),
    )

opened = drawers.opened(webhook_panel.PARAM, chosen)
if opened:
    webhook_panel.drawer(opened)
