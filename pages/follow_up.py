"""The way of each customer with their link, and whom to remind."""

import streamlit as st

from lib.domain.actors import Permission
from lib.domain.link_desk import TO_FOLLOW, Stage
from lib.reports.follow_up import PAGE_ROWS, BoardFilter
from lib.ui import board, filters, layout, setup_link
from lib.ui.context import require

ctx = require()
reports = ctx.services.reports.follow_up
actions = layout.header(
    "Follow up",
    "Who was asked for a card and has not saved one yet. Opened: they came back from the page; a mail scanner does not count.",
)
board.pages_to_end(ctx)
search = filters.search("follow_up_search", "Name, e-mail or reference")
counts, due = reports.counts(search)
stage = filters.states(
    "follow_up_stage",
    counts,
    labels=board.LABELS,
    rare=("confirming", "failed"),
)
is_open = stage is None or stage in TO_FOLLOW
with st.container(horizontal=True, vertical_alignment="center"):
    age = board.age() if is_open else None
    only_due = is_open and st.toggle(f"Only reminders that are due · {due:,}", key="follow_up_due")
which = BoardFilter(stage, age, only_due, search)
frame = reports.page(which)
if frame.empty and which != BoardFilter():
    layout.empty(
        "filter_alt_off", "No link matches", "Clear the search, or choose another stage or age."
    )
    st.stop()
if frame.empty:
    with layout.empty(
        "task_alt",
        "Nobody to follow up",
        "Links that were made in the last 60 days stand here until a card is saved.",
    ):
        setup_link.offer(ctx.actor)
    st.stop()
acts = st.container()
chosen = board.rows(ctx, frame)
total = len(frame) if len(frame) < PAGE_ROWS else len(reports.ids(which))
st.caption(f"{len(frame):,} of {total:,} links, the longest waiting first.")
if stage == Stage.SAVED and ctx.actor.may(Permission.MANAGE_LINKS):
    with acts:
        board.thank(ctx, which, chosen, total=total)
if is_open or stage == "ended":
    with actions:
        board.export(ctx, which)
    if ctx.actor.may(Permission.MANAGE_LINKS):
        with acts:
            board.act(ctx, which, chosen, total=total)
