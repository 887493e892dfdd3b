"""A ledger that is older than what was charged: red on every page, and the way out on Sync health."""

from __future__ import annotations

import streamlit as st

from lib.domain.actors import Permission
from lib.ui import asked_again, outcome, rebuild_panel
from lib.ui.context import PageContext, Services
from lib.ui.formats import escape

_BEHIND = (
    "**This database is older than what was charged.** Stripe knows payments of ours that are missing here. "
    "Nothing is charged or refunded until they are taken over. Onfile does that by itself; Sync health shows how far it is."
)
_RESTS = (
    "**Runs and waiting charges rest.** This database was older than what Stripe knows: what was cancelled or refused since then is not in it. "
    "An approver has to look at them and confirm on Sync health."
)


def strip(services: Services) -> None:
    """Above every page, while it is so."""
    damage = services.completeness.damage()
    if damage is not None:
        st.error(escape(damage), icon=":material/error:")
    elif services.completeness.behind_since() is not None:
        st.error(_BEHIND, icon=":material/history:")
    elif services.completeness.decisions_rest_since() is not None:
        st.warning(_RESTS, icon=":material/pause_circle:")


def panel(ctx: PageContext) -> None:
    """On Sync health: taking over what is missing, and what an approver confirms."""
    rebuild_panel.panel(ctx)
    completeness = ctx.services.completeness
    if (
        completeness.decisions_rest_since() is None
        or completeness.behind_since() is not None
        or not ctx.actor.may(Permission.APPROVE)
    ):
        return
    typed = asked_again.button(
        ctx,
        "I have looked: runs and waiting charges may go on",
        key="ledger_confirm_decisions",
        icon=":material/task_alt:",
    )
    if typed is not None:
        with outcome.show("Confirmed. Stopped runs can be resumed, and waiting charges go on."):
            completeness.confirm_decisions(by=ctx.actor_again(typed))
