"""Approved charges whose customers have no card yet, and cards that came too late to be charged."""

import streamlit as st

from lib.ui import charge_panel, downloads, layout, lists, waiting_panel
from lib.ui.context import require

ctx = require()
reports = ctx.services.reports.waiting_charges
actions = layout.header(
    "Waiting for a card",
    "Approved, and charged once as soon as the customer saves a card by the link of the charge.",
)
rows = reports.waiting()
with actions:
    if rows:
        downloads.charges(
            lambda: [row["charge_id"] for row in reports.waiting()],
            name="Waiting for a card",
            key="waiting_export",
        )
    waiting_panel.send_all(ctx, rows)
late = reports.not_charged()
if not rows:
    layout.empty(
        "credit_score",
        "No charge waits for a card",
        "Rows without a card wait here when their run is submitted with “Wait for cards”.",
    )
for row in lists.part("waiting_charges", rows, noun="charge"):
    waiting_panel.waiting(ctx, row)
if late:
    st.subheader("Card saved, not charged", anchor=False)
    for row in lists.part("waiting_late", late, noun="charge"):
        waiting_panel.not_charged(ctx, row)
charge_panel.drawer(st.query_params.get(charge_panel.PARAM), table_key="waiting")
