"""See what Stripe has and this ledger did not expect, and open one to settle it."""

from functools import partial

import pandas as pd
import streamlit as st

from lib.domain import list_columns
from lib.reports.paging import EXPORT_ROWS, whole
from lib.ui import downloads, filters, incident_page, incident_words, layout, lists, tables
from lib.ui.context import require

ctx = require()
opened = st.query_params.get(incident_words.PARAM)
if opened:
    incident_page.draw(ctx, opened[:60])
    st.stop()


def worded(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(
        title=[incident_words.kind(kind) for kind in frame["kind"]],
        how=[incident_words.how(one) for one in frame["resolution"]],
    )


reports = ctx.services.reports.incidents
zone = ctx.services.settings.timezone
actions = layout.header(
    "Incidents",
    "What Stripe has and this ledger did not expect: with its evidence, until it is settled.",
)
period = filters.period("incidents_period", ctx.now, zone)
since, before = period.moments(zone)
counts = reports.counts(since=since, before=before)
state = filters.states("incidents_state", counts, labels={"open": "Open", "settled": "Settled"})
place = layout.paging("incidents", state, period)
read = partial(reports.page, state=state, since=since, before=before)
page = read(cursor=place.older_than or place.newer_than)
if not page.frame.empty:
    over = state == "settled"
    with actions:
        downloads.table(
            list_columns.INCIDENTS,
            lambda: worded(whole(read(rows=EXPORT_ROWS))),
            name="Incidents",
            key="incidents_export",
        )
    chosen = tables.table(
        worded(page.frame),
        {
            "title": tables.text("What", width=160),
            **(
                {"how": tables.text("How", width=160)}
                if over
                else {"state": tables.state(width=160)}
            ),
            "name": tables.text("Customer", width=170),
            "reference": tables.text("Reference", width=120),
            "amount": tables.amount("Amount", width=100),
            **(
                {"settled_at": tables.date("Settled", ctx.now)}
                if over
                else {"found_at": tables.date("Since", ctx.now)}
            ),
        },
        key=incident_page.TABLE,
        alt="Incidents, newest first",
        timezone=ctx.timezone,
    )
    lists.foot(
        "incidents",
        page,
        of=counts[state] if state else sum(counts.values()),
        noun="incident",
        period=period,
        timezone=zone,
    )
    if chosen:
        st.query_params[incident_words.PARAM] = chosen
        st.rerun()
elif sum(reports.counts().values()):
    layout.empty(
        "task_alt",
        "None is settled" if state == "settled" else "Nothing is open" if state else "None found",
        "Choose another state or period to see the others.",
    )
else:
    layout.empty(
        "verified",
        "No incidents",
        "A payment that this ledger did not expect, or could not take over, appears here with its evidence.",
    )
