"""Follow every setup session at Stripe, and give a customer to methods that were saved without one."""

from functools import partial

import streamlit as st

from lib.domain import list_columns
from lib.reports.collect import SESSION_STATES
from lib.reports.paging import EXPORT_ROWS, whole
from lib.ui import (
    badges,
    downloads,
    drawers,
    filters,
    layout,
    lists,
    session_panel,
    setup_link,
    sync_status,
    tables,
)
from lib.ui.context import require

ctx = require()
zone = ctx.services.settings.timezone
reports = ctx.services.reports.sessions

actions = layout.header("Sessions", "Every setup session at Stripe, and what was saved.")

drawers.follow_address(session_panel.PARAM, session_panel.TABLE)
with st.container(horizontal=True, vertical_alignment="center"):
    period = filters.period("sessions_period", ctx.now, zone)
    search = filters.search("sessions_search", "Name, e-mail, reference …")
since, before = period.moments(zone)
counts = reports.counts(search=search, since=since, before=before)
state = filters.states(
    "sessions_state",
    counts.by_state or dict.fromkeys(SESSION_STATES),
    labels={"needs_customer": badges.look("unattached").label, "confirming": "Bank is confirming"},
)
place = layout.paging("sessions", state, period, search)
read = partial(reports.page, state=state, search=search, since=since, before=before)
page = read(cursor=place.older_than or place.newer_than)

with actions:
    if not page.frame.empty:
        downloads.table(
            list_columns.SESSIONS,
            lambda: whole(read(rows=EXPORT_ROWS)).assign(
                state=lambda rows: session_panel.rows(rows)["shown_state"]
            ),
            name="Sessions",
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
            "shown": tables.text("Customer", width=200),
            "label": tables.text("Saved method", width=150),
            "shown_state": tables.state(width=150),
            "reference": tables.text("Reference", width=130),
            "created": tables.date("Made", ctx.now),
            "saved_at": tables.date("Saved", ctx.now),
        },
        key=session_panel.TABLE,
        alt="Setup sessions, newest first",
        timezone=ctx.timezone,
    )
    lists.foot("sessions", page, of=counts.of(state), noun="session", period=period, timezone=zone)
elif reports.counts().every:
    layout.empty(
        "filter_alt_off",
        "No session matches",
        "Clear the search, or choose another state or period.",
    )
else:
    with layout.empty(
        "assignment",
        "No sessions yet",
        "A session begins with a setup link, or comes with a sync if Stripe has some already.",
    ):
        setup_link.offer(ctx.actor)

opened = drawers.opened(session_panel.PARAM, chosen)
if opened:
    session_panel.drawer(opened)
