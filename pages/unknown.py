"""See charges whose outcome is not known yet, and have Onfile look again."""

import streamlit as st

from lib.domain.charges import ChargeState
from lib.reports.paging import records
from lib.ui import badges, charge_actions, charge_panel, charge_words, layout, manual_outcome_panel
from lib.ui.context import require
from lib.ui.formats import ago, escape, exact, money, plural

ctx = require()
STATES = ("unknown", "attempting")

layout.header(
    "Unknown",
    "Charges whose answer got lost. Onfile finds out by evidence; nothing is charged twice.",
)
place = layout.paging("unknown")
page = ctx.services.reports.charges.page(states=STATES, cursor=place.older_than or place.newer_than)
if page.frame.empty:
    layout.empty(
        "verified",
        "Every outcome is known",
        "When an answer from Stripe gets lost, the charge waits here until Onfile has found out.",
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
    layout.pager(
        "unknown",
        newer=page.newer,
        older=page.older,
        note=plural(len(page.frame), "charge waits", "charges wait"),
    )
    st.caption("Nothing can be charged for these references until the outcome is known.")

charge_panel.drawer(None, table_key="unknown_rows")
