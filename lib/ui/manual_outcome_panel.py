"""Settling an unknown outcome by hand: what Stripe was asked, proposing an outcome, and agreeing to it."""

from __future__ import annotations

import json

import streamlit as st

from lib.clock import epoch
from lib.domain.actors import Permission
from lib.domain.charges import KEY_TAKEN, NO_TRACE_SECONDS, Attempt, ChargeState, Outcome
from lib.domain.manual_outcomes import EARLIEST_SECONDS, ManualOutcome
from lib.domain.payment_statuses import CANCELLABLE_STATUSES
from lib.ui import asked_again, badges, charge_words, outcome, second_look
from lib.ui.charge_details import Details
from lib.ui.charge_words import Names
from lib.ui.context import PageContext
from lib.ui.formats import ago, escape, when

_CHOICES = {
    Outcome.NOT_EXECUTED: "No money moved: it did not happen",
    Outcome.SUCCEEDED: "It was paid, by a payment I found in Stripe",
}


def evidence(ctx: PageContext, attempt: Attempt) -> None:
    """What the last look asked and found, and what follows from it."""
    seen = json.loads(attempt.last_look or "{}")
    if not seen:
        st.caption("Onfile has not looked yet.")
        return
    for line in charge_words.look_lines(seen):
        st.markdown(f"- {escape(line)}")
    if attempt.decline.code == KEY_TAKEN:
        st.markdown(
            "- Stripe did not execute this try, as it still knows an earlier one of the same debt. What became "
            "of that one is not known yet."
        )
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
    seen = json.loads(last.last_look or "{}")
    if seen.get("status") in CANCELLABLE_STATUSES:
        _cancel_payment(details, str(seen["payment_intent"]))
    proposed = [
        proposal
        for proposal in ctx.services.manual_outcomes.of_charge(details.id)
        if proposal.is_proposed
    ]
    for proposal in proposed:
        with st.container(border=True, gap="small"):
            summary(ctx, proposal, details.names)
            actions(ctx, proposal, key="charge_manual_outcome")
    if not proposed and "payment_intent" not in seen and ctx.actor.may(Permission.CHARGE):
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
    second_look.settle(ctx, ctx.services.manual_outcomes, proposal, key=key)


def _cancel_payment(details: Details, payment: str) -> None:
    """Which ends the try: it is what its payment says."""
    if not details.ctx.actor.may(Permission.CHARGE):
        return
    key = f"charge_cancel_payment_{details.seen}"
    with (
        st.expander("Cancel the open payment", icon=":material/block:"),
        st.form(f"{key}_form", border=False),
    ):
        st.markdown(
            f"Stripe is asked to cancel {escape(payment)}, {escape(details.sum)}. What is held on the card is "
            "let go, no money moves, and the charge may be tried again."
        )
        reason = st.text_input("Why", key=f"{key}_reason", max_chars=500, autocomplete="off")
        password = asked_again.field(details.ctx, f"{key}_password")
        beside = st.container()
        click = st.form_submit_button("Cancel the payment", key=key, icon=":material/block:")
    if click:
        with beside, outcome.show("The payment is cancelled. No money moved."):
            details.ctx.services.open_payments.cancel(
                details.id, reason=reason, by=details.ctx.actor_again(password)
            )


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
            "it says counts. Somebody else has to agree. After “never executed” the next try has the "
            "same key: should Stripe have executed this one after all, it charges nothing again."
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
        password = asked_again.field(ctx, f"{key}_password")
        click = st.form_submit_button("Propose", key=f"{key}_propose")
    if click:
        with outcome.show("Proposed. Somebody else has to agree."):
            ctx.services.manual_outcomes.propose(
                details.id,
                chosen or Outcome.UNKNOWN,
                reason=reason,
                by=ctx.actor_again(password),
                payment_intent=intent,
            )


def _follows(ctx: PageContext, attempt: Attempt) -> str:
    over = (attempt.sent_after or attempt.requested_at) + NO_TRACE_SECONDS
    if attempt.payment_intent is not None:
        return "Stripe knows the payment; only its outcome is open."
    return (
        f"Still nothing {ago(over, ctx.now)}, and Onfile takes it that it did not happen."
        if over > epoch(ctx.now)
        else "With the next look Onfile takes it that it did not happen."
    )
