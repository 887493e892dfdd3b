"""Make a charge run: from a file, from a spreadsheet's clipboard, and judged before anybody approves."""

import streamlit as st

from lib.domain.actors import Permission
from lib.ui import layout, new_run, replaced_file
from lib.ui.context import require

ctx = require(Permission.CHARGE)
with layout.header(
    "New run",
    "Nothing is charged here: Onfile reads the rows, checks each, and says what it finds.",
):
    new_run.template(ctx)
replaced = replaced_file.draft(ctx)
if replaced is not None:
    replaced_file.explain(replaced)
source = st.segmented_control(
    "Where the rows come from",
    [name for name in new_run.SOURCES if name != "open" or replaced is None],
    format_func=new_run.SOURCES.__getitem__,
    default="file",
    key="new_run_source",
    label_visibility="collapsed",
    required=True,
)
if source == "open":
    new_run.from_open_references(ctx)
    st.stop()
upload = new_run.upload(ctx) if source == "file" else new_run.pasted(ctx)
if upload is not None:
    new_run.check(ctx, upload)
