"""See charge runs, and open one to check, approve, execute and read what came of it."""

from functools import partial

import streamlit as st

from lib.domain import list_columns
from lib.reports.paging import EXPORT_ROWS, whole
from lib.ui import downloads, filters, layout, lists, run_page, run_words, tables
from lib.ui.context import require

ctx = require()
opened = st.query_params.get(run_page.PARAM)
if opened:
    run_page.draw(ctx, opened[:60])
    st.stop()

zone = ctx.services.settings.timezone
reports = ctx.services.reports.runs
actions = layout.header(
    "Runs", "Many charges at once: prepared by one person, approved by another, then charged."
)
with st.container(horizontal=True, vertical_alignment="center"):
    period = filters.period("runs_period", ctx.now, zone)
    search = filters.search("runs_search", "Name, file or id")
since, before = period.moments(zone)
counts = reports.counts(search=search, since=since, before=before)
state = filters.states("runs_state", counts, rare=tuple(counts))
place = layout.paging("runs", state, search, period)
read = partial(reports.page, state=state, search=search, since=since, before=before)
page = read(cursor=place.older_than or place.newer_than)
with actions:
    if not page.frame.empty:
        downloads.table(
            list_columns.RUNS,
            lambda: run_words.by_currency(whole(read(rows=EXPORT_ROWS))),
            name="Runs",
            key="runs_export",
        )
    run_words.new_run(ctx, key="runs_new")
if not page.frame.empty:
    chosen = tables.table(
        page.frame.assign(
            sums=[run_words.totals(totals) for totals in page.frame["totals"]],
            state=page.frame["state"].mask(
                page.frame["has_failures"].astype(bool), "finished_with_failures"
            ),
        ),
        {
            "name": tables.text("Run", width=160),
            "state": tables.state(width=160),
            "row_count": tables.number("Rows", width=50),
            "sums": tables.text("Total", width=200),
            "created_at": tables.date("Made", ctx.now),
            "created_by_name": tables.text("By", width=106),
            "finished_at": tables.date("Ended", ctx.now),
        },
        key=run_page.TABLE,
        alt="Charge runs, newest first",
        timezone=ctx.timezone,
    )
    lists.foot(
        "runs",
        page,
        of=counts[state] if state else sum(counts.values()),
        noun="run",
        sums=reports.sums(search=search, since=since, before=before),
        states=(state,) if state else (),
        period=period,
        timezone=zone,
    )
    if chosen:
        st.query_params[run_page.PARAM] = chosen
        st.rerun()
elif sum(reports.counts().values()):
    layout.empty(
        "filter_alt_off", "No run matches", "Clear the search, or choose another state or period."
    )
else:
    with layout.empty(
        "playlist_add_check",
        "No runs yet",
        "A run begins with a file of invoices. Onfile says what it finds, and a second person approves it.",
    ):
        run_words.new_run(ctx, key="runs_new_first")
