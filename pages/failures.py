"""Work through charges that did not succeed: why, and what to do next."""

from datetime import timedelta

import streamlit as st

from lib.clock import epoch
from lib.reports.waiting import FAILURE_DAYS
from lib.ui import charge_panel, charge_words, failures, filters, layout, tables
from lib.ui.context import require
from lib.ui.formats import plural

ctx = require()
reports = ctx.services.reports.charges
TABLE = "failures_rows"

layout.header(
    "Failures",
    "Charges that did not work and were not made good since. Each says what to do next.",
)
with st.container(horizontal=True, vertical_alignment="center"):
    since = filters.period("failures_period", ctx.now, otherwise="Last 30 days")
    search = filters.search("failures_search", "Customer, reference or id")
since = since or epoch(ctx.now - timedelta(days=FAILURE_DAYS))
reasons = failures.by_reason(reports.reasons(since=since))
if reasons.empty:
    layout.empty(
        "task_alt",
        "Nothing failed",
        "Charges that a bank declines, or that the customer must confirm, are listed here with the way back.",
    )
    charge_panel.drawer(None, table_key=TABLE)
    st.stop()

failures.chart(reasons)
reason = failures.pick(reasons, key="failures_reason")
place = layout.paging("failures", reason, since, search)
page = reports.page(
    unresolved=True,
    reason=reason,
    search=search,
    since=since,
    cursor=place.older_than or place.newer_than,
)
chosen = None
if page.frame.empty:
    layout.empty(
        "filter_alt_off", "No failure matches", "Clear the search, or choose another reason."
    )
else:
    chosen = tables.table(
        page.frame.assign(
            why=[charge_words.reason(code) for code in page.frame["reason"]],
            next=[
                f"Charge again: {new} is saved" if new else step
                for new, step in zip(page.frame["new_method"], page.frame["next_step"], strict=True)
            ],
        ),
        {
            "name": tables.text("Customer", width=145),
            "amount": tables.amount(width=85),
            "state": tables.state(width=138),
            "why": tables.text("Reason", width=130),
            "next": tables.text("Next step", width=215),
            "outcome_at": tables.ago("Failed"),
            "reference": tables.text("Reference", width=130),
        },
        key=TABLE,
        alt="Charges that failed, newest first",
        timezone=ctx.timezone,
        wraps=True,
    )
    layout.pager(
        "failures", newer=page.newer, older=page.older, note=plural(len(page.frame), "failure")
    )
    st.caption("Choose a row for the recovery link, the message to the customer, and another try.")

charge_panel.drawer(chosen, table_key=TABLE)
