"""See how fresh the mirror of Stripe is, and fetch it now."""

import streamlit as st

from lib.ui import layout, sync_panel
from lib.ui.context import require
from lib.ui.formats import when

ctx = require()

with layout.header(
    "Sync", "Onfile mirrors Stripe. Webhooks make it quick; this reading makes it right."
):
    sync_panel.buttons(ctx)

done = ctx.services.sync.last_done_at()
st.caption(f"Last complete reading: {when(done, ctx.now, ctx.timezone)}" if done else "No complete reading yet.")  # fmt: skip
sync_panel.job(ctx)
sync_panel.webhooks(ctx)
