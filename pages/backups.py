"""See the last good backup and what is kept, and make one."""

import streamlit as st

from lib.domain.actors import Permission
from lib.domain.backups import remarks
from lib.ui import backups_panel, layout
from lib.ui.context import require

ctx = require(Permission.BACK_UP)
facts = ctx.services.backups.facts()

with layout.header("Backups", "Copies of everything Onfile knows, each checked when it was made."):
    backups_panel.button(ctx)

for remark in remarks(facts):
    backups_panel.remark(remark)
backups_panel.progress(ctx)
last = ctx.services.backups.newest_good()
kept = ctx.services.backups.kept()
if last is None and not kept:
    layout.empty(
        "backup",
        "No backup yet",
        "Onfile makes one a day by itself, the first within a minute of its start.",
    )
    st.stop()
backups_panel.figures(ctx, last, kept)
if last is not None:
    backups_panel.last_good(last)
backups_panel.table(ctx, kept)
st.caption(
    "To put one back: stop Onfile, then `python -m lib restore FILE --dry-run` says what would be lost. "
    "A copy on this machine dies with it: docs/operations.md shows how another place gets each change "
    "within seconds."
)
