"""See what needs attention now, then the picture of the last month."""

import streamlit as st

from lib.domain.actors import Permission
from lib.ui import (
    health_panel,
    layout,
    limits_panel,
    month,
    notice,
    overview,
    page_table,
    rebuild_panel,
    run_announcement,
    start,
)
from lib.ui.context import require
from lib.ui.formats import escape

ctx = require()
notice.watch(ctx.services.reports.changes.waiting)

with layout.header(
    f"Hello, {escape(ctx.actor.name.split()[0])}", "What needs you now, then the picture."
):
    if ctx.actor.may(Permission.CHARGE) and st.button(
        "New charge", key="home_new_charge", type="primary", icon=":material/add_card:"
    ):
        st.switch_page(page_table.PAGES_DIR / "new_charge.py")

health_panel.line(ctx)
overview.incidents(ctx)
run_announcement.on_home(ctx)
rebuild_panel.question(ctx)
facts = ctx.services.reports.start.facts()
start.draw(ctx, facts)
limits_panel.on_home(ctx)
overview.waiting(ctx)
if facts.charges:
    month.draw(ctx)
    overview.picture(ctx)
overview.activity(ctx)
