"""Decide on what others prepared: runs, refunds, and outcomes settled by hand."""

import streamlit as st

from lib.domain.actors import Permission
from lib.ui import approvals, layout
from lib.ui.context import require

ctx = require()
layout.header(
    "Approvals", "What waits for a second person. Nobody decides on what they asked for themself."
)
drawn = [approvals.runs(ctx), approvals.refunds(ctx), approvals.manual_outcomes(ctx)]
if not any(drawn):
    layout.empty(
        "task_alt",
        "Nothing waits",
        "Runs that were submitted, refunds that were asked for, and outcomes that somebody proposed appear here.",
    )
elif not ctx.actor.may(Permission.APPROVE):
    st.caption("Deciding needs the role approver.")
