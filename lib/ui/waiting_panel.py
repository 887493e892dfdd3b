"""A charge that waits for a card: what it is, its link, and the two ways to end it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from lib.domain.actors import Permission
from lib.domain.waiting_charges import WaitEnd
from lib.services.messages.ask import RequestResult
from lib.ui import charge_panel, message_panel, message_words, outcome, send_button
from lib.ui.context import PageContext
from lib.ui.formats import ago, day, escape, money, plural

ENDED = {
    WaitEnd.TRIED: "Stripe did not take it. Open it to try again.",
    WaitEnd.CANCELLED: "It was cancelled before the card came.",
    WaitEnd.PAID_OTHERWISE: "It was paid otherwise before the card came.",
    WaitEnd.APPROVAL_ENDED: "Its approval had ended.",
    WaitEnd.REFUSED: "Our own rules kept it back. Open it to see why.",
}


def send_all(ctx: PageContext, rows: list[dict[str, Any]]) -> None:
    """To those who were not asked yet."""
    to_send = [
        row["link_id"]
        for row in rows
        if row["link_id"] and row["sent_at"] is None and row["revoked_at"] is None
    ]
    if not to_send or not ctx.actor.may(Permission.MANAGE_LINKS):
        return
    if not ctx.services.messages.requests.can_send:
        return

    def send(doubted: Sequence[str] | None) -> RequestResult:
        return ctx.services.messages.requests.send(
            doubted or to_send, by=ctx.actor, in_doubt=bool(doubted)
        )

    send_button.draw(
        f"Send {plural(len(to_send), 'link')}",
        key="waiting_send_all",
        send=send,
        in_words=message_words.result,
        kind="primary",
    )


def waiting(ctx: PageContext, row: dict[str, Any]) -> None:
    with st.container(border=True, gap="small"):
        _what(ctx, row)
        is_revoked = row["revoked_at"] is not None
        request = f"asked {ago(row['sent_at'], ctx.now)}" if row["sent_at"] else "not asked yet"
        if is_revoked:
            request = f"its link was revoked {ago(row['revoked_at'], ctx.now)}"
        ends = ctx.services.runs.approvals.standing(row["run_id"]).until
        until = f", until {day(ends, ctx.timezone)}" if ends else ", its run waits for approval"
        st.markdown(f"Waits since {escape(ago(row['since'], ctx.now))}{escape(until)} · {request}")
        with st.container(horizontal=True, vertical_alignment="center"):
            _open(row)
            if is_revoked and ctx.actor.may(Permission.MANAGE_LINKS):
                _new_link(ctx, row)
            if ctx.actor.may(Permission.CHARGE):
                _end(ctx, row)
        if row["link_id"] and not is_revoked:
            with st.expander("Link and message", icon=":material/mail:"):
                message_panel.of_link(ctx, row["link_id"], key=f"waiting_{row['charge_id']}")


def not_charged(ctx: PageContext, row: dict[str, Any]) -> None:
    with st.container(border=True, gap="small"):
        _what(ctx, row)
        saved = ago(row["completed_at"], ctx.now)
        st.markdown(f"Card saved {escape(saved)}, not charged. {ENDED[WaitEnd(row['end_reason'])]}")
        _open(row)


def _what(ctx: PageContext, row: dict[str, Any]) -> None:
    st.markdown(
        f"**{escape(money(row['amount'], row['currency']))}** · {escape(row['name'])} · "
        f"{escape(row['reference'])} · {escape(row['run_name'])}"
    )


def _open(row: dict[str, Any]) -> None:
    if st.button("Details", key=f"waiting_open_{row['charge_id']}"):
        st.query_params[charge_panel.PARAM] = row["charge_id"]


def _new_link(ctx: PageContext, row: dict[str, Any]) -> None:
    key = f"waiting_link_{row['charge_id']}"
    if st.button("Make a new link", key=key, icon=":material/add_link:"):
        with outcome.show("A new link was made. Send it below."):
            ctx.services.links.recover(row["charge_id"], by=ctx.actor)


def _end(ctx: PageContext, row: dict[str, Any]) -> None:
    service, charge_id = ctx.services.runs.waiting_charges, row["charge_id"]
    with st.popover("Paid otherwise", icon=":material/payments:"):
        st.markdown("Nothing is charged, and the link ends. The history says that it was paid.")
        if st.button("It was paid", key=f"waiting_paid_{charge_id}", type="primary"):
            with outcome.show("Noted as paid otherwise. Nothing is charged."):
                service.note_paid_otherwise(charge_id, by=ctx.actor)
    with st.popover("Cancel", icon=":material/cancel:"):
        st.markdown("Nothing is charged, and the link ends. The reference may be charged anew.")
        if st.button("Cancel this charge", key=f"waiting_cancel_{charge_id}", type="primary"):
            with outcome.show("Cancelled. Nothing is charged."):
                service.cancel(charge_id, by=ctx.actor)
