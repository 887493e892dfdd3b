"""See charge runs, and open one to check, approve, execute and read what came of it."""

import streamlit as st

from lib.ui import filters, layout, run_page, run_words, tables
from lib.ui.context import require
from lib.ui.formats import plural

ctx = require()
opened = st.query_params.get(run_page.PARAM)
if opened:
    run_page.draw(ctx, opened[:60])
    st.stop()

reports = ctx.services.reports.runs
actions = layout.header(
    "Runs", "Many charges at once: prepared by one person, approved by another, then executed."
)
with actions:
    run_words.new_run(ctx, key="runs_new")
counts = reports.counts()
with st.container(horizontal=True, vertical_alignment="center"):
    search = filters.search("runs_search", "Name, file or id")
state = filters.states("runs_state", {name: n for name, n in counts.items() if n})
place = layout.paging("runs", state, search)
page = reports.page(state=state, search=search, cursor=place.older_than or place.newer_than)
if not page.frame.empty:
    chosen = tables.table(
        page.frame.assign(sums=[run_words.totals(totals) for totals in page.frame["totals"]]),
        {
            "name": tables.text("Run", width=190),
            "state": tables.state(width=150),
            "row_count": tables.number("Rows", width=60),
            "sums": tables.text("Total", width=210),
            "created_at": tables.ago("Made"),
            "created_by_name": tables.text("By", width=120),
            "finished_at": tables.ago("Ended"),
        },
        key=run_page.TABLE,
        alt="Charge runs, newest first",
        timezone=ctx.timezone,
    )
    layout.pager("runs", newer=page.newer, older=page.older, note=plural(len(page.frame), "run"))
    if chosen:
        st.query_params[run_page.PARAM] = chosen
        st.rerun()
elif sum(counts.values()):
    layout.empty("filter_alt_off", "No run matches", "Clear the search, or choose another state.")
else:
    with layout.empty(
        "playlist_add_check",
        "No runs yet",
        "Upload a file of invoices, look at what Onfile finds, and have somebody approve it.",
    ):
        run_words.new_run(ctx, key="runs_new_first")
