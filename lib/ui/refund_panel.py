"""Refunds of one charge: what was given back, asking for one, and deciding on it."""

from __future__ import annotations

import json

import streamlit as st

from lib.clock import epoch
from lib.domain.actors import Permission
from lib.domain.charges import NO_TRACE_SECONDS, ChargeState
from lib.domain.files import typed_sums
from lib.domain.mirror import Dispute
from lib.domain.refunds import BY_TWO_PEOPLE, REASONS, UNSETTLED_STATES, RefundOrder, RefundState
from lib.money import format_money
from lib.ui import (
    asked_again,
    badges,
    charge_words,
    outcome,
    refund_by_hand,
    second_look,
    typed_amount,
)
from lib.ui.charge_details import Details
from lib.ui.charge_words import Names
from lib.ui.context import PageContext
from lib.ui.formats import ago, escape, exact, when

_SAID: dict[RefundState, str] = {
    RefundState.REQUESTED: "Waits for a second person to approve it. Nothing was given back yet.",
    RefundState.SENDING: "Sent to Stripe. The answer is on its way.",
    RefundState.UNKNOWN: (
        "We do not know yet whether the money went back. Onfile is finding out; "
        "do not refund it in another way."
    ),
    RefundState.PENDING: "Stripe accepted it. The bank takes some days.",
    RefundState.SUCCEEDED: "Given back. It reaches the customer's statement in 5 to 10 days.",
    RefundState.FAILED: (
        "The bank did not take it: the customer has not got the money, and it is back on the "
        "Stripe balance. Pay it back in another way."
    ),
    RefundState.NOT_EXECUTED: "It did not happen; nothing was given back. It may be asked for again.",
}
_REFUSED: dict[str, str] = {
    "charge_already_refunded": "It was given back already, in the Stripe Dashboard perhaps.",
    "charge_disputed": "The customer disputed it at the bank, so it is decided there.",
    "insufficient_funds": "The Stripe balance does not suffice. Add funds in Stripe, then ask again.",
    "balance_insufficient": "The Stripe balance does not suffice. Add funds in Stripe, then ask again.",
}


def orders(details: Details) -> list[RefundOrder]:
    """Those of this charge, drawn near the top of its drawer; returns them."""
    if details.view.charge.state is not ChargeState.SUCCEEDED:
        return []
    refunds = details.ctx.services.refunds.of_charge(details.id)
    for order in refunds:
        with st.container(border=True, gap="small"):
            summary(details.ctx, order, details.names)
            actions(details.ctx, order, key="charge_refund")
    return refunds


def summary(ctx: PageContext, order: RefundOrder, names: Names) -> None:
    """What is given back, why, who asked and who decided."""
    money = format_money(order.amount, order.currency)
    st.markdown(f"{badges.badge(f'refund_{order.state.value}')} **{escape(money)}** back")
    request = (
        f"{names.person(order.requested_by)}, {when(order.requested_at, ctx.now, ctx.timezone)}"
    )
    st.markdown(f"{escape(REASONS[order.reason])}: {escape(order.note)}")
    lines = [f"Asked for by {request}."]
    if order.decided_by and order.decided_at:
        word = "Rejected" if order.state is RefundState.REJECTED else "Approved"
        by = f"{names.person(order.decided_by)}, {when(order.decided_at, ctx.now, ctx.timezone)}"
        why = f": {order.decision_note}" if order.decision_note else "."
        lines.append(f"{word} by {by}{why}")
    st.caption(escape(" ".join(lines)))
    text = _happened(order)
    if text:
        st.markdown(escape(text))
    if order.evidence == BY_TWO_PEOPLE:
        st.caption("Settled by two people, without evidence.")
    if order.state is RefundState.UNKNOWN and order.last_look is not None:
        _evidence(ctx, order)


def actions(ctx: PageContext, order: RefundOrder, *, key: str) -> None:
    """Decide, take back, look again: each only where it may."""
    key = f"{key}_{order.id}"
    refunds = ctx.services.refunds
    if order.state is RefundState.REQUESTED:
        if second_look.may_decide(ctx, makers={order.requested_by}):
            decision = second_look.form(ctx, key, yes="Approve and refund")
            if decision is not None and decision.approves:
                with decision.beside, outcome.show() as toast:
                    sent = refunds.approve(order.id, by=ctx.actor, password=decision.password)
                    label = badges.look(f"refund_{sent.state.value}").label.lower()
                    toast.message = f"{format_money(order.amount, order.currency)} back: {label}."
            elif decision is not None:
                with decision.beside, outcome.show("Rejected. Nothing was given back."):
                    refunds.reject(
                        order.id, by=ctx.actor, password=decision.password, note=decision.note
                    )
        if second_look.take_back(ctx, maker=order.requested_by, key=key):
            with outcome.show("Taken back. Nothing was given back."):
                refunds.withdraw(order.id, by=ctx.actor)
    elif (
        order.state in UNSETTLED_STATES
        and ctx.actor.may(Permission.SYNC)
        and st.button("Look now", key=f"{key}_look", icon=":material/search:")
    ):
        with outcome.show() as toast:
            look = ctx.services.refund_resolver.resolve(order.id, by=ctx.actor)
            toast.message = charge_words.LOOKED.get(look, "Found out.")
    if order.state is RefundState.UNKNOWN:
        refund_by_hand.draw(ctx, order, key=key)


def _evidence(ctx: PageContext, order: RefundOrder) -> None:
    """What the last look asked and found, and what follows from it."""
    seen = json.loads(order.last_look or "{}")
    for line in charge_words.look_lines(seen):
        st.markdown(f"- {escape(line)}")
    over = (order.sent_after or order.decided_at or 0) + NO_TRACE_SECONDS
    follows = (
        f"Still nothing {ago(over, ctx.now)}, and Onfile takes it that it did not happen."
        if over > epoch(ctx.now)
        else "With the next look that reads everything Onfile takes it that it did not happen."
    )
    st.caption(escape(f"Looked {ago(seen['at'], ctx.now)}. {follows}"))


def disputes(details: Details) -> list[Dispute]:
    """What the bank says about this charge, and what may be done about it; returns them."""
    if details.view.charge.state is not ChargeState.SUCCEEDED:
        return []
    cases = details.ctx.services.refunds.disputes(details.id)
    for dispute in cases:
        with st.container(border=True, gap="small"):
            st.markdown(escape(_dispute_words(dispute)))
            if dispute.is_open and dispute.due_by is not None:
                until = exact(dispute.due_by, details.ctx.timezone)
                st.caption(f"Answer it in the Stripe Dashboard until {escape(until)}.")
    return cases


def _dispute_words(dispute: Dispute) -> str:
    money = format_money(dispute.amount, dispute.currency)
    if dispute.is_inquiry and dispute.is_open:
        return (
            f"The customer's bank asks about {money} of this charge. No money was taken yet. The whole "
            "charge can be refunded at once, which ends the inquiry before it becomes a dispute."
        )
    if dispute.is_inquiry:
        return f"The bank asked about {money} of this charge, and the inquiry has ended."
    if dispute.status == "won":
        return f"A dispute over {money} was decided for you. The charge can be refunded as usual."
    if dispute.status == "lost":
        return f"A dispute over {money} was decided for the customer, who has the money back."
    if dispute.status == "prevented":
        return f"A dispute over {money} was prevented by a refund."
    return (
        f"The customer disputed {money} of this charge. The bank took the money and decides; a "
        "refund now would be refused."
    )


def ask(details: Details, *, earlier: list[RefundOrder], disputed: list[Dispute]) -> None:
    """The form, where something can be given back and nothing is under way."""
    is_paid = details.view.charge.state is ChargeState.SUCCEEDED
    if not is_paid or not details.ctx.actor.may(Permission.CHARGE):
        return
    if not all(dispute.allows_refund for dispute in disputed):
        return
    if any(order.is_open for order in earlier):
        return
    left = details.view.charge.amount - int(details.row["refunded"] or 0)
    if left <= 0:
        return
    code = details.view.charge.currency
    key = f"charge_refund_{details.id}_{left}"
    with (
        st.expander("Refund", icon=":material/undo:"),
        st.form(f"{key}_form", border=False),
    ):
        st.markdown(
            f"Up to {escape(format_money(left, code))} can be given back to "
            f"{escape(details.row['method'])}. Somebody else has to approve it."
        )
        typed = st.text_input(
            f"Amount in {code.upper()}",
            value=typed_amount.prefilled(left, code),
            key=f"{key}_amount",
            autocomplete="off",
        )
        # Nobody reviews it before it is asked for: what was said elsewhere is no answer here.
        sign = typed_amount.ask_in_form("Amount", f"{key}_amount", code)
        reason = st.selectbox(
            "Why",
            list(REASONS),
            index=None,
            format_func=REASONS.__getitem__,
            key=f"{key}_why",
            placeholder="Choose one",
        )
        note = st.text_input(
            "Note for whoever approves it", key=f"{key}_note", max_chars=500, autocomplete="off"
        )
        password = asked_again.field(details.ctx, f"{key}_password")
        click = st.form_submit_button("Ask for this refund", key=f"{key}_ask")
    if click:
        with outcome.show("Asked for. Somebody else has to approve it."):
            money = typed_sums.typed(typed, code, sign)
            by = details.ctx.actor_again(password)
            details.ctx.services.refunds.request(
                details.id, money=money, reason=reason or "", note=note, by=by
            )


def _happened(order: RefundOrder) -> str:
    if order.state is RefundState.REFUSED:
        return _REFUSED.get(order.code or "", f"Stripe did not accept it: {order.message}")
    if order.state is RefundState.NOT_EXECUTED and order.message:
        return f"Nothing was given back: {order.message}"
    return _SAID.get(order.state, "")
