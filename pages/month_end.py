"""Close a month, see what of it is not settled, and take its figures along."""

import streamlit as st

from lib.ui import layout, month_end_panel
from lib.ui.context import require

ctx = require()
months = ctx.services.months.months(by=ctx.actor)
actions = layout.header(
    "Month end",
    "A month's figures, kept as they were when somebody closed it.",
)
with st.container(horizontal=True, vertical_alignment="center"):
    line = month_end_panel.choose_month(months)
    closing = month_end_panel.choose_closing(ctx, line)
state = ctx.services.months.state(line.month, by=ctx.actor)
progress = st.empty()
with actions:
    month_end_panel.close_button(ctx, line, progress)
month_end_panel.figures(line, state, closing)
if closing is None:
    month_end_panel.not_closed(line)
    month_end_panel.sums_today(ctx, state)
else:
    month_end_panel.closing(ctx, line, closing)
    month_end_panel.differences(ctx, closing)
    month_end_panel.sums_of(ctx, closing)
