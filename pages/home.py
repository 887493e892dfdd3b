"""See what needs attention now, and where everything is."""

import streamlit as st

from lib.ui import layout, navigation
from lib.ui.context import require
from lib.ui.formats import escape

ctx = require()

layout.header(
    f"Hello, {escape(ctx.actor.name.split()[0])}", "What needs you now, then the picture."
)
sections: dict[str, list[navigation.PageSpec]] = {}
for spec in navigation.existing():
    if spec.section and ctx.actor.may(spec.permission):
        sections.setdefault(spec.section, []).append(spec)

with st.grid(3):
    for section, pages in sections.items():
        with st.container(border=True, height="stretch"):
            st.markdown(f"**{section}**")
            for spec in pages:
                with st.container(gap=None):
                    st.page_link(spec.path, label=spec.title, icon=f":material/{spec.icon}:")
                    st.caption(spec.help)
