"""The message of a link in its drawer: send it, or take it to another program; and what became of it."""

from __future__ import annotations

from collections.abc import Sequence

import segno
import streamlit as st

from lib.domain.actors import Permission
from lib.domain.outbox import WHY_NOT, MessageState, OutboxMessage
from lib.languages import LANGUAGES
from lib.services.messages.ask import RequestResult
from lib.services.messages.composed import Composed
from lib.ui import badges, send_button
from lib.ui.context import PageContext
from lib.ui.customer_mail import in_words as mail_in_words
from lib.ui.customer_mail import mail_address
from lib.ui.formats import escape, when
from lib.ui.message_words import KINDS, MEANING

_GOES_ONCE = frozenset(MessageState) - {MessageState.FAILED, MessageState.CANCELLED}


def of_link(ctx: PageContext, link_id: str, *, key: str) -> None:
    """For an open link: what was sent, the buttons to send, and the text itself."""
    composed = ctx.services.messages.composer.about_link(link_id)
    messages = ctx.services.messages.outbox.of_link(link_id)
    for message in messages:
        standing(ctx, message)
    if composed is None:
        return
    if ctx.actor.may(Permission.MANAGE_LINKS):
        _ways_to_send(ctx, composed, messages, key=key)
    _text(composed)


def standing(ctx: PageContext, message: OutboxMessage) -> None:
    """One message: its state, when, and the server's own words where it refused."""
    moment = when(message.settled_at or message.requested_at, ctx.now, ctx.timezone)
    st.markdown(
        f"{badges.badge(f'message_{message.state}')} {escape(KINDS[message.kind])} "
        f"to {escape(message.address)} · {escape(moment)}"
    )
    if message.reply and message.state in (MessageState.FAILED, MessageState.WAITING):
        st.caption(f"The mail server said: {escape(message.reply)}")
    elif message.reply and message.state is MessageState.CANCELLED:
        st.caption(escape(message.reply))
    if message.state in (MessageState.FAILED, MessageState.PERHAPS_SENT):
        st.caption(MEANING[message.state])


def sending(ctx: PageContext, composed: Composed, *, key: str) -> bool:
    """
    What was sent about this link, and the button where that may be done.

    Returns: whether Onfile has sent it, or can; otherwise it leaves by the clerk's own mail program.
    """
    messages = ctx.services.messages.outbox.of_link(composed.link_id or "")
    for message in messages:
        standing(ctx, message)
    may_send = _may_send(ctx, composed, messages)
    if may_send:
        _send_button(ctx, composed, key=key)
    return may_send or any(message.state in _GOES_ONCE for message in messages)


def _may_send(ctx: PageContext, composed: Composed, messages: list[OutboxMessage]) -> bool:
    has_gone = any(
        message.kind is composed.kind and message.state in _GOES_ONCE for message in messages
    )
    can_send = ctx.services.messages.requests.can_send
    return can_send and bool(composed.address) and not has_gone


def _ways_to_send(
    ctx: PageContext, composed: Composed, messages: list[OutboxMessage], *, key: str
) -> None:
    requests = ctx.services.messages.requests
    with st.container(horizontal=True, vertical_alignment="center"):
        if _may_send(ctx, composed, messages):
            _send_button(ctx, composed, key=key)
        if composed.address:
            st.link_button(
                "Open in your mail program",
                mail_address(composed),
                icon=":material/mail:",
                help=mail_in_words(composed),
            )
        if composed.url:
            with st.popover("QR code", icon=":material/qr_code_2:"):
                # Dark on light with a margin in both themes: cameras read it no other way.
                code = segno.make(composed.url, micro=False)
                st.image(code.svg_inline(scale=5, border=4, dark="#000", light="#fff"))
                st.caption("To print on an invoice, or to show at the desk.")
    if not composed.address:
        st.caption("No e-mail address is known: copy the message, or show the QR code.")
    elif not requests.can_send:
        st.caption("Onfile has no mail server (see Settings), so the message leaves by your own.")


def _send_button(ctx: PageContext, composed: Composed, *, key: str) -> None:
    link_id = composed.link_id or ""

    def send(doubted: Sequence[str] | None) -> RequestResult:
        return ctx.services.messages.requests.send(
            [link_id], by=ctx.actor, in_doubt=doubted is not None
        )

    def in_words(result: RequestResult) -> str:
        if result.failed:
            return WHY_NOT[result.failed[0][1]]
        return "In the outbox. It leaves within seconds."

    send_button.draw(
        f"Send to {composed.address}",
        key=f"{key}_send",
        send=send,
        in_words=in_words,
        about=link_id,
        kind="primary",
    )


def _text(composed: Composed) -> None:
    language = LANGUAGES[composed.language.code]
    with st.expander(f"Message ({language})", icon=":material/drafts:", expanded=True):
        st.markdown(f"**{escape(composed.message.subject)}**")
        st.code(composed.message.text, language=None, wrap_lines=True)
