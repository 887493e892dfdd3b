"""See whether everything Stripe has is here, and verify it."""

import streamlit as st

from lib.ui import health_panel, layout, ledger_panel, sync_panel, verification_panel
from lib.ui.context import require

ctx = require()
health = health_panel.facts(ctx)
remarks = health_panel.reasons(health)

with layout.header(
    "Sync health", "Whether everything Stripe has is here, and when that was verified."
):
    sync_panel.buttons(ctx, health)

ledger_panel.panel(ctx)
health_panel.light(ctx, health, remarks)
sync_panel.jobs(ctx, codes={remark.code for remark in remarks})
health_panel.figures(ctx, health)
health_panel.news(ctx, health)
verification_panel.table(ctx)
st.space("small")
health_panel.reads(ctx, health)
sync_panel.last_runs(ctx)
