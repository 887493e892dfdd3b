"""Follow every setup session at Stripe, and give a customer to methods that were saved without one."""

import streamlit as st

from lib.ui import (
    downloads,
    drawers,
    filters,
    layout,
    navigation,
    session_panel,
    sync_status,
    tables,
)
from lib.ui.context import require
from lib.ui.formats import plural

ctx = require()
reports = ctx.services.reports.sessions

actions = layout.header("Sessions", "Every setup session at Stripe, and what was saved.")

drawers.follow_address(session_panel.PARAM, session_panel.TABLE)
counts = reports.counts()
with st.container(horizontal=True, vertical_alignment="center"):
    state = filters.states(
        "sessions_state",
        counts,
        labels={"needs_customer": "Card without customer", "confirming": "Bank is confirming"},
    )
    since = filters.period("sessions_period", ctx.now)
    search = filters.search("sessions_search", "Name, e-mail, reference …", width=190)
place = layout.paging("sessions", state, st.query_params.get("sessions_period"), search)
page = reports.page(
    state=state, since=since, search=search, cursor=place.older_than or place.newer_than
)

with actions:
    downloads.table(
        lambda: reports.export(state=state, since=since, search=search),
        file_name="sessions.csv",
        key="sessions_export",
    )
    sync_status.bar()
chosen = None
if search:
    sync_status.not_searchable(ctx)
if not page.frame.empty:
    chosen = tables.table(
        session_panel.rows(page.frame),
        {
            "shown": tables.text("Customer", width=170),
            "label": tables.text("Saved method", width=120),
            "shown_state": tables.state(width=132),
            "reference": tables.text("Reference", width=85),
            "created": tables.ago("Made"),
            "saved_at": tables.time("Saved"),
        },
        key=session_panel.TABLE,
        alt="Setup sessions, newest first",
        timezone=ctx.timezone,
    )
    layout.pager(
        "sessions", newer=page.newer, older=page.older, note=plural(len(page.frame), "session")
    )
elif sum(counts.values()):
    layout.empty(
        "filter_alt_off",
        "No session matches",
        "Clear the search, or choose another state or period.",
    )
else:
    with layout.empty(
        "assignment",
        "No sessions yet",
        "A session begins with a setup link. Make one, or sync if Stripe has some already.",
    ):
        if links := navigation.find("setup_links"):
            st.page_link(links.path, label="Make a setup link", icon=":material/add_link:")

opened = drawers.opened(session_panel.PARAM, chosen)
if opened:
    session_panel.drawer(opened)
