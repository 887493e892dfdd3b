"""See charges and refunds whose outcome is not known yet, and have Onfile look again."""

import streamlit as st

from lib.domain.charges import ChargeState
from lib.domain.periods import ALWAYS
from lib.reports.charge_filter import EVERY, ChargeFilter
from lib.reports.frames import records
from lib.reports.sums import count_of
from lib.ui import (
    badges,
    charge_actions,
    charge_panel,
    charge_words,
    downloads,
    filters,
    layout,
    lists,
    manual_outcome_panel,
    unknown_refunds,
)
from lib.ui.context import require
from lib.ui.formats import ago, escape, exact, money

ctx = require()
STATES = ("unknown", "attempting")
ROWS = 20

zone = ctx.services.settings.timezone
reports = ctx.services.reports.charges
actions = layout.header(
    "Unknown",
    "Charges and refunds whose answer got lost. Onfile finds out by evidence; nothing is charged or given back twice.",
)
refunds = ctx.services.refund_resolver.unanswered()
period = ALWAYS
if "unknown_period" in st.query_params or count_of(reports.sums(EVERY), STATES):
    period = filters.period("unknown_period", ctx.now, zone)
since, before = period.moments(zone)
which = ChargeFilter(since=since, before=before)
place = layout.paging("unknown", period)
# Each has its own form, which takes longer to draw than a table's row.
page = reports.page(which, states=STATES, cursor=place.older_than or place.newer_than, rows=ROWS)
if not page.frame.empty:
    with actions:
        downloads.charges(
            lambda: reports.ids(which, states=STATES), name="Unknown", key="unknown_export"
        )
elif period != ALWAYS:
    layout.empty("filter_alt_off", "No charge of these days waits", "Choose another period.")
elif not refunds:
    layout.empty(
        "verified",
        "Every outcome is known",
        "When an answer from Stripe gets lost, the charge or refund waits here until Onfile has found out.",
    )
for row in records(page.frame):
    sent = row["requested_at"] or row["created_at"]
    with st.container(border=True):
        left, right = st.columns([5, 1], vertical_alignment="center")
        with left.container(gap="small"):
            st.markdown(
                f"{badges.badge(row['state'], detail=ago(sent, ctx.now))} "
                f"**{escape(money(row['amount'], row['currency']))}** · {escape(row['name'])}"
            )
            st.markdown(
                f"{escape(row['method'])} for {escape(row['reference'])}, sent "
                f"{escape(exact(sent, ctx.timezone))} by {escape(row['created_by_name'])}"
            )
            following = (
                f" · looks again {ago(row['next_look_at'], ctx.now)}" if row["next_look_at"] else ""
            )
            st.caption(escape(charge_words.looks(row["looks"]) + following))
            last = ctx.services.charges.view(row["id"]).last
            if last is not None and row["looks"]:
                manual_outcome_panel.evidence(ctx, last)
        with right.container(horizontal_alignment="right"):
            charge_actions.look_now(
                ctx, row["id"], ChargeState(row["state"]), key=f"unknown_look_{row['id']}"
            )
            if st.button("Details", key=f"unknown_open_{row['id']}", width="stretch"):
                st.query_params[charge_panel.PARAM] = row["id"]
if not page.frame.empty:
    sums = reports.sums(which)
    lists.foot(
        "unknown",
        page,
        of=count_of(sums, STATES),
        noun="charge",
        sums=sums,
        states=STATES,
        period=period,
        timezone=zone,
    )
    st.caption("Nothing can be charged for these references until the outcome is known.")

unknown_refunds.draw(ctx, refunds)
charge_panel.drawer(None, table_key="unknown_rows")
