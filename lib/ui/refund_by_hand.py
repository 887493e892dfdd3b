"""Settling a refund's unknown outcome by hand: proposing what became of it, and agreeing to that."""

from __future__ import annotations

import streamlit as st

from lib.clock import epoch
from lib.domain.actors import Permission
from lib.domain.manual_outcomes import EARLIEST_SECONDS
from lib.domain.refunds import RefundOrder, RefundOutcome, RefundState
from lib.ui import asked_again, badges, outcome, second_look
from lib.ui.charge_words import Names
from lib.ui.context import PageContext
from lib.ui.formats import escape, when

_CHOICES = {
    RefundState.NOT_EXECUTED: "Nothing was given back: it did not happen",
    RefundState.SUCCEEDED: "It was given back, by a refund I found in Stripe",
}


def draw(ctx: PageContext, order: RefundOrder, *, key: str) -> None:
    """Beside a refund whose outcome is unknown."""
    proposal = ctx.services.refunds_by_hand.proposed_for(order.id)
    if proposal is not None:
        with st.container(border=True, gap="small"):
            summary(ctx, proposal)
            actions(ctx, proposal, key=key)
    elif ctx.actor.may(Permission.CHARGE):
        _propose(ctx, order, key=f"{key}_by_hand")


def summary(ctx: PageContext, proposal: RefundOutcome) -> None:
    """What is proposed, why, and by whom."""
    names = Names({user.username: user.name for user in ctx.services.users.list()}, {})
    st.markdown(f"{badges.badge('proposed')} **{escape(_CHOICES[proposal.outcome])}**")
    st.markdown(escape(proposal.reason))
    refund = f" · refund {proposal.refund}" if proposal.refund else ""
    at = when(proposal.proposed_at, ctx.now, ctx.timezone)
    st.caption(escape(f"Proposed by {names.person(proposal.proposed_by)}, {at}{refund}"))


def actions(ctx: PageContext, proposal: RefundOutcome, *, key: str) -> None:
    """Agree, disagree or take back: each only where it may."""
    second_look.settle(ctx, ctx.services.refunds_by_hand, proposal, key=key)


def _propose(ctx: PageContext, order: RefundOrder, *, key: str) -> None:
    if epoch(ctx.now) - (order.decided_at or 0) < EARLIEST_SECONDS:
        return
    with (
        st.expander("Settle by hand", icon=":material/gavel:"),
        st.form(f"{key}_form", border=False),
    ):
        st.markdown(
            "For when you know more than Onfile can see. Stripe is asked once more first, and what "
            "it says counts. Somebody else has to agree."
        )
        chosen = st.radio(
            "What happened",
            list(_CHOICES),
            index=None,
            key=f"{key}_outcome",
            format_func=_CHOICES.__getitem__,
        )
        refund = st.text_input(
            "Refund in Stripe (re_…), if it was given back", key=f"{key}_refund", autocomplete="off"
        )
        reason = st.text_input(
            "How do you know?", key=f"{key}_reason", max_chars=500, autocomplete="off"
        )
        password = asked_again.field(ctx, f"{key}_password")
        beside = st.container()
        click = st.form_submit_button("Propose", key=f"{key}_propose")
    if click:
        with beside, outcome.show("Proposed. Somebody else has to agree."):
            ctx.services.refunds_by_hand.propose(
                order.id,
                chosen or RefundState.UNKNOWN,
                reason=reason,
                by=ctx.actor_again(password),
                refund=refund,
            )
