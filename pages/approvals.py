"""Decide on what others prepared: runs, refunds, outcomes and incidents settled by hand, and, for admins, limits and roles."""

import streamlit as st

from lib.domain.actors import Permission
from lib.ui import admin_changes, approvals, layout
from lib.ui.context import require

ctx = require()
layout.header(
    "Approvals", "What waits for a second person. Nobody decides on what they asked for themself."
)
drawn = [
    approvals.runs(ctx),
    approvals.refunds(ctx),
    approvals.manual_outcomes(ctx),
    approvals.refund_outcomes(ctx),
    approvals.incidents(ctx),
    admin_changes.waiting(ctx),
]
if not any(drawn):
    layout.empty(
        "task_alt",
        "Nothing waits",
        "Runs that were submitted, refunds that were asked for, and what somebody proposed for an unknown outcome, a refund or an incident appear here.",
    )
elif not ctx.actor.may(Permission.APPROVE):
    st.caption("Deciding needs the role approver.")
