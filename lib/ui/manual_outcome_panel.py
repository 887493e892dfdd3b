"""Settling an unknown outcome by hand: what Stripe was asked, proposing an outcome, and agreeing to it."""

from __future__ import annotations

import json

import streamlit as st

from lib.clock import epoch
from lib.domain.actors import Permission
from lib.domain.charges import NO_TRACE_SECONDS, Attempt, ChargeState, Outcome
from lib.domain.manual_outcomes import EARLIEST_SECONDS, ManualOutcome
from lib.ui import badges, outcome, second_look
from lib.ui.charge_details import Details
from lib.ui.charge_words import Names
from lib.ui.context import PageContext
from lib.ui.formats import ago, escape, when

_CHOICES = {
    Outcome.NOT_EXECUTED: "No money moved: it was never executed",
    Outcome.SUCCEEDED: "It was paid, by a payment I found in Stripe",
}


def evidence(ctx: PageContext, attempt: Attempt) -> None:
    """What the last look asked and found, and what follows from it."""
    seen = json.loads(attempt.last_look or "{}")
    if not seen:
        st.caption("Onfile has not looked yet.")
        return
    lines = []
    if "error" in seen:
        lines.append(f"Stripe could not be asked: {seen['error']}")
    if "same_key" in seen:
        answer = seen["same_key"]
        reply = f"answered {answer}" if isinstance(answer, int) else "gave no answer"
        lines.append(f"Asked again with the same key, which cannot charge twice: Stripe {reply}.")
    elif "payment_intent" in seen:
        status = str(seen["status"]).replace("_", " ")
        lines.append(
            f"Stripe holds the payment {seen['payment_intent']}: {status}. Cancel it in the Stripe "
            "Dashboard, or complete it there; Onfile then sees by itself how it ended."
        )
    elif "error" not in seen:
        lines.append("The key is too old to ask with it again: Stripe may have forgotten it.")
    if seen.get("events") == "none":
        lines.append("Stripe's event log: nothing with this key.")
    if seen.get("payments") == "none":
        lines.append("The customer's payments at Stripe: none with this charge's mark.")
    for line in lines:
        st.markdown(f"- {escape(line)}")
    st.caption(escape(f"Looked {ago(seen['at'], ctx.now)}. {_follows(ctx, attempt)}"))


def draw(details: Details) -> None:
    """In the drawer of a charge whose outcome is unknown."""
    last = details.view.last
    if details.view.charge.state is not ChargeState.UNKNOWN or last is None:
        return
    ctx = details.ctx
    with st.container(border=True, gap="small"):
        st.markdown("**What Stripe was asked**")
        evidence(ctx, last)
    proposed = [
        proposal
        for proposal in ctx.services.manual_outcomes.of_charge(details.id)
        if proposal.is_proposed
    ]
    for proposal in proposed:
        with st.container(border=True, gap="small"):
            summary(ctx, proposal, details.names)
            actions(ctx, proposal, key="charge_manual_outcome")
    if not proposed and ctx.actor.may(Permission.CHARGE):
        _propose(details, last)


def summary(ctx: PageContext, proposal: ManualOutcome, names: Names) -> None:
    """What is proposed, why, and by whom."""
    st.markdown(f"{badges.badge('proposed')} **{escape(_CHOICES[proposal.outcome])}**")
    st.markdown(escape(proposal.reason))
    payment = f" · payment {proposal.payment_intent}" if proposal.payment_intent else ""
    at = when(proposal.proposed_at, ctx.now, ctx.timezone)
    st.caption(escape(f"Proposed by {names.person(proposal.proposed_by)}, {at}{payment}"))


def actions(ctx: PageContext, proposal: ManualOutcome, *, key: str) -> None:
    """Agree, disagree or take back: each only where it may."""
    key = f"{key}_{proposal.id}"
    outcomes = ctx.services.manual_outcomes
    if second_look.may_decide(ctx, makers={proposal.proposed_by}):
        decision = second_look.form(key, yes="Agree")
        if decision is not None and decision.approves:
            with outcome.show("Settled by two people."):
                outcomes.approve(proposal.id, by=ctx.actor, password=decision.password)
        elif decision is not None:
            with outcome.show("Rejected. The outcome is still unknown."):
                outcomes.reject(
                    proposal.id, by=ctx.actor, password=decision.password, note=decision.note
                )
    if second_look.take_back(ctx, maker=proposal.proposed_by, key=key):
        with outcome.show("Taken back."):
            outcomes.withdraw(proposal.id, by=ctx.actor)


def _propose(details: Details, attempt: Attempt) -> None:
    ctx = details.ctx
    if epoch(ctx.now) - attempt.requested_at < EARLIEST_SECONDS:
        return
    key = f"charge_manual_outcome_{details.seen}"
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
        intent = st.text_input(
            "Payment in Stripe (pi_…), if it was paid", key=f"{key}_payment", autocomplete="off"
        )
        reason = st.text_input(
            "How do you know?", key=f"{key}_reason", max_chars=500, autocomplete="off"
        )
        click = st.form_submit_button("Propose", key=f"{key}_propose")
    if click:
        with outcome.show("Proposed. Somebody else has to agree."):
            ctx.services.manual_outcomes.propose(
                details.id,
                chosen or Outcome.UNKNOWN,
                reason=reason,
                by=ctx.actor,
                payment_intent=intent,
            )


def _follows(ctx: PageContext, attempt: Attempt) -> str:
    over = attempt.requested_at + NO_TRACE_SECONDS
    if attempt.payment_intent is not None:
        return "Stripe knows the payment; only its outcome is open."
    return (
        f"Still nothing {ago(over, ctx.now)}, and Onfile takes it for never executed."
        if over > epoch(ctx.now)
        else "With the next look Onfile takes it for never executed."
    )
