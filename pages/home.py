"""See what needs attention now, then the picture of the last month."""

import streamlit as st

from lib.domain.actors import Permission
from lib.ui import health_panel, layout, navigation, overview
from lib.ui.context import require
from lib.ui.formats import escape

ctx = require()

with layout.header(
    f"Hello, {escape(ctx.actor.name.split()[0])}", "What needs you now, then the picture."
):
    if ctx.actor.may(Permission.CHARGE) and st.button(
        "New charge", key="home_new_charge", type="primary", icon=":material/add_card:"
    ):
        st.switch_page(navigation.PAGES_DIR / "new_charge.py")

health_panel.line(ctx)
overview.waiting(ctx)
if overview.is_new(ctx):
    overview.start(ctx)
overview.picture(ctx)
overview.activity(ctx)
