"""See whether everything Stripe has is here, and verify it."""

import streamlit as st

from lib.ui import health_panel, layout, ledger_panel, sync_panel, verification_panel
from lib.ui.context import require

ctx = require()
found = health_panel.facts(ctx)
remarks = health_panel.reasons(found)

with layout.header(
    "Sync health", "Whether everything Stripe has is here, and when that was verified."
):
    sync_panel.buttons(ctx, found)

ledger_panel.panel(ctx)
health_panel.light(ctx, found, remarks)
sync_panel.jobs(ctx, told={remark.code for remark in remarks})
health_panel.figures(ctx, found)
health_panel.news(ctx, found)
verification_panel.table(ctx)
st.space("small")
health_panel.reads(ctx, found)
sync_panel.last_runs(ctx)
