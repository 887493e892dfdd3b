"""See every message to customers, what became of it, and what keeps it from leaving."""

import streamlit as st

from lib.domain.actors import Permission
from lib.domain.outbox import MessageState
from lib.ui import drawers, filters, layout, lists, outbox_panel, outcome, tables
from lib.ui.context import require
from lib.ui.message_words import KINDS

ctx = require()
actions = layout.header(
    "Outbox", "Messages to customers: what was sent, what waits, what was refused."
)
drawers.follow_address(outbox_panel.PARAM, outbox_panel.TABLE)
status = outbox_panel.status(ctx)
outbox_panel.by_themselves(ctx)
search = filters.search("outbox_search", "Name, address or subject")
counts = {f"message_{state}": status.counts.get(state, 0) for state in MessageState}
shown = filters.states("outbox_state", counts, rare=[name for name in counts if not counts[name]])
state = shown.removeprefix("message_") if shown else None
place = layout.paging("outbox", state, search)
page = ctx.services.reports.outbox.page(
    state=state, search=search, cursor=place.older_than or place.newer_than
)

with actions:
    may_pause = ctx.actor.may(Permission.MANAGE_LINKS) and status.paused_by is None
    if (
        may_pause
        and status.counts.get(MessageState.WAITING)
        and st.button("Pause", key="outbox_pause", icon=":material/pause_circle:")
    ):
        with outcome.show("Paused. Nothing leaves until somebody goes on."):
            ctx.services.messages.outbox.pause(by=ctx.actor)

chosen = None
if not page.frame.empty:
    chosen = tables.table(
        page.frame.assign(kind=[KINDS[kind] for kind in page.frame["kind"]]),
        {
            "name": tables.text("Customer", width=150),
            "email": tables.text("Address", width=185),
            "state": tables.state(width=110),
            "kind": tables.text("Message", width=115),
            "subject": tables.text("Subject", width=215),
            "requested_at": tables.date("Asked for", ctx.now),
        },
        key=outbox_panel.TABLE,
        alt="Messages to customers, newest first",
        timezone=ctx.timezone,
    )
    total = None if search else sum(counts.values()) if shown is None else counts[shown]
    lists.foot("outbox", page, of=total, noun="message")
elif search or shown:
    layout.empty(
        "filter_alt_off", "No message matches", "Clear the search, or choose another state."
    )
else:
    layout.empty(
        "outbox",
        "No messages yet",
        "What you send from a setup link stands here, and what became of it. Nothing leaves by itself unless somebody switched that on above.",
    )

opened = drawers.opened(outbox_panel.PARAM, chosen)
if opened:
    outbox_panel.drawer(opened)
