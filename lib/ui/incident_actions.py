"""The ways out of an incident: keep its payment, refund it, cancel it, or have two people agree."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from lib.domain.actors import Permission
from lib.domain.incidents import IncidentProposal, PaymentEvidence, Resolution
from lib.domain.refunds import REASONS
from lib.money import format_money
from lib.services.incidents.view import IncidentView
from lib.ui import asked_again, badges, incident_words, outcome, second_look
from lib.ui.charge_words import Names
from lib.ui.context import PageContext
from lib.ui.formats import escape, when

_AGREED = "Settled by two people."


def decision(ctx: PageContext, view: IncidentView, names: Names) -> None:
    """What was proposed, and the form of the second person."""
    if view.proposal is not None:
        with st.container(border=True, gap="small"):
            proposed(ctx, view.proposal, names, key="incident_proposal")


def proposed(ctx: PageContext, proposal: IncidentProposal, names: Names, *, key: str) -> None:
    """Agree, disagree or take back: each only where it may."""
    how = incident_words.RESOLUTIONS[proposal.resolution]
    st.markdown(f"{badges.badge('proposed')} **{escape(how)}**")
    st.markdown(escape(proposal.reason))
    at = when(proposal.proposed_at, ctx.now, ctx.timezone)
    st.caption(escape(f"Proposed by {names.person(proposal.proposed_by)}, {at}"))
    key = f"{key}_{proposal.id}"
    proposals = ctx.services.incidents.proposals
    if second_look.may_decide(ctx, makers={proposal.proposed_by}):
        answer = second_look.form(ctx, key, yes="Agree")
        if answer is not None and answer.approves:
            with answer.beside, outcome.show(_AGREED):
                proposals.approve(proposal.incident_id, by=ctx.actor, password=answer.password)
        elif answer is not None:
            with answer.beside, outcome.show("Rejected. The incident is still open."):
                proposals.reject(
                    proposal.incident_id, by=ctx.actor, password=answer.password, note=answer.note
                )
    if second_look.take_back(
        ctx, maker=proposal.proposed_by, key=key, permission=Permission.SETTLE
    ):
        with outcome.show("Taken back."):
            proposals.withdraw(proposal.incident_id, by=ctx.actor)


def ways_out(ctx: PageContext, view: IncidentView) -> None:
    """Each that is open to this person; why not, where it is not open at all."""
    if not ctx.actor.may(Permission.SETTLE):
        st.caption("Settling it needs the role operator or approver.")
        return
    st.subheader("What may be done", anchor=False)
    may_charge = ctx.actor.may(Permission.CHARGE)
    payment = view.payment
    if view.is_of_a_payment and payment is not None:
        if view.why_not_adopt is not None:
            _closed("Keep the payment", view.why_not_adopt)
        elif view.needs_two or may_charge:
            _adopt(ctx, view, payment)
        if view.why_not_refund is not None:
            _closed("Refund it", view.why_not_refund)
        elif may_charge:
            _refund(ctx, view)
        if view.why_not_cancel is None and may_charge:
            _cancel(ctx, view, payment)
    if view.proposal is None:
        _accept(ctx, view)


def _closed(what: str, why: str) -> None:
    st.markdown(f"**{what}** :gray[{escape(why)}]")


def _adopt(ctx: PageContext, view: IncidentView, payment: PaymentEvidence) -> None:
    sum_ = format_money(payment.amount, payment.currency)
    for_ = f" for {view.incident.reference}" if view.incident.reference else ""
    says = f"The ledger takes {sum_} as paid{for_}, and the reference stays closed. No money moves."
    if view.needs_two:
        if view.proposal is None:
            sent = _form(ctx, view, "adopt", "Keep the payment", says, "Propose to keep it")
            if sent is not None:
                with outcome.show("Proposed. Somebody else has to agree."):
                    ctx.services.incidents.proposals.propose(
                        view.incident.id,
                        Resolution.ADOPTED,
                        reason=sent.reason,
                        by=ctx.actor_again(sent.password),
                    )
        return
    sent = _form(ctx, view, "adopt", "Keep the payment", says, f"Keep {sum_}")
    if sent is not None:
        with outcome.show("The payment stands."):
            ctx.services.incidents.payments.adopt(
                view.incident.id, reason=sent.reason, by=ctx.actor_again(sent.password)
            )


def _refund(ctx: PageContext, view: IncidentView) -> None:
    choices = view.refundable
    if not choices:
        return
    key = f"incident_refund_form_{view.incident.id}"
    with st.expander("Refund it", icon=":material/undo:"), st.form(key, border=False):
        st.markdown(
            "All of it goes back, once somebody else has approved. The incident closes by itself when Stripe says that it did."
        )
        words = {one.id: f"{format_money(one.amount, one.currency)} ({one.id})" for one in choices}
        chosen: str | None = choices[-1].id
        if len(choices) > 1:
            chosen = st.radio(
                "Which payment",
                list(words),
                index=None,
                format_func=words.__getitem__,
                key=f"{key}_payment",
            )
        else:
            st.markdown(escape(f"Back: {words[str(chosen)]}"))
        reasons = list(REASONS)
        why = st.selectbox(
            "Why",
            reasons,
            index=reasons.index(view.incident.refund_reason),
            format_func=REASONS.__getitem__,
            key=f"{key}_why",
        )
        note = st.text_input(
            "Note for whoever approves it", key=f"{key}_note", max_chars=500, autocomplete="off"
        )
        password = asked_again.field(ctx, f"{key}_password")
        click = st.form_submit_button("Ask for this refund", key=f"{key}_ask")
    if click and chosen is None:
        st.error("Choose which payment goes back.", icon=":material/error:")
    elif click:
        with outcome.show("Asked for. Somebody else has to approve it."):
            ctx.services.incidents.payments.refund(
                view.incident.id,
                note=note,
                by=ctx.actor_again(password),
                reason=why,
                payment_intent=chosen,
            )


def _cancel(ctx: PageContext, view: IncidentView, payment: PaymentEvidence) -> None:
    sum_ = format_money(payment.amount, payment.currency)
    says = f"Stripe is asked to cancel {payment.id}: nobody can pay these {sum_} with it any more."
    sent = _form(ctx, view, "cancel", "Cancel the payment at Stripe", says, "Cancel it at Stripe")
    if sent is not None:
        with outcome.show("Cancelled at Stripe."):
            ctx.services.incidents.payments.cancel(
                view.incident.id, reason=sent.reason, by=ctx.actor_again(sent.password)
            )


def _accept(ctx: PageContext, view: IncidentView) -> None:
    says = "For when it was settled in another way, or nothing is to do. Nothing changes at Stripe or in the ledger. Somebody else has to agree."
    sent = _form(ctx, view, "accept", "Leave it as it is", says, "Propose")
    if sent is not None:
        with outcome.show("Proposed. Somebody else has to agree."):
            ctx.services.incidents.proposals.propose(
                view.incident.id,
                Resolution.ACCEPTED,
                reason=sent.reason,
                by=ctx.actor_again(sent.password),
            )


@dataclass(frozen=True, slots=True)
class _Sent:
    reason: str
    password: str


def _form(
    ctx: PageContext, view: IncidentView, way: str, title: str, says: str, button: str
) -> _Sent | None:
    """What was typed, once the button is pressed."""
    key = f"incident_{way}_{view.incident.id}_{len(view.proposals)}"
    icons = {"adopt": "task_alt", "cancel": "block", "accept": "gavel"}
    with (
        st.expander(title, icon=f":material/{icons[way]}:"),
        st.form(f"{key}_form", border=False),
    ):
        st.markdown(escape(says))
        reason = st.text_input("Reason", key=f"{key}_reason", max_chars=500, autocomplete="off")
        password = asked_again.field(ctx, f"{key}_password")
        click = st.form_submit_button(escape(button), key=f"{key}_do")
    return _Sent(reason, password) if click else None
