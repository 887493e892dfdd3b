"""See what needs attention now."""

import streamlit as st

from lib.ui import layout
from lib.ui.context import require
from lib.ui.formats import escape, plural

ctx = require()

layout.header(
    f"Hello, {escape(ctx.actor.name.split()[0])}", "What needs you now, then the picture."
)
staff = [user for user in ctx.services.users.list() if user.is_active]
layout.figures([layout.Figure("People who can sign in", len(staff), page="users")])
st.caption(f"{plural(len(staff), 'account')} active.")
