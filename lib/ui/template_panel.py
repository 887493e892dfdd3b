"""A template beside what it makes: its preview, its version, a test to oneself."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import uuid4

import streamlit as st

from lib.domain.messages import MessageKind, Template
from lib.errors import InvalidInput
from lib.languages import Language
from lib.store.message_templates import TemplateVersion
from lib.ui import outcome
from lib.ui.context import PageContext
from lib.ui.formats import escape, when

_TEST = "message_texts_test_key"


def version(ctx: PageContext, versions: Sequence[TemplateVersion], *, is_own: bool) -> None:
    """Who changed it last, or that nobody did."""
    if not versions:
        st.caption("The default. Nobody has changed it.")
        return
    people = {user.username: user.name for user in ctx.services.users.list()}
    newest = versions[0]
    who = people.get(newest.saved_by, newest.saved_by)
    moment = when(newest.saved_at, ctx.now, ctx.timezone)
    what = f"Version {newest.version}" if is_own else "The default again"
    st.caption(escape(f"{what}, {moment} by {who}."))


def overtaken(seen_key: str, *, is_newer: bool) -> None:
    """That somebody saved another version while this one was being written, and the way to it."""
    if not is_newer:
        return
    st.warning(
        "Somebody saved another version meanwhile. Copy what you wrote, then look at theirs.",
        icon=":material/history:",
    )
    st.button(
        "Show theirs",
        key="message_texts_show_newer",
        on_click=st.session_state.pop,
        args=(seen_key, None),
    )


def preview(ctx: PageContext, kind: MessageKind, language: Language, template: Template) -> None:
    """As a customer would read it, or what is wrong with it."""
    st.caption("Preview, with a made-up customer")
    try:
        message = ctx.services.messages.templates.preview(kind, language, template)
    except InvalidInput as error:
        st.error(escape(str(error)), icon=":material/edit_off:")
        return
    with st.container(border=True):
        st.markdown(f"**{escape(message.subject)}**")
        st.html(ctx.services.messages.composer.preview_html(message, kind, language))


def test_button(
    ctx: PageContext, kind: MessageKind, language: Language, *, is_changed: bool
) -> None:
    """Send what is saved to oneself."""
    if not ctx.services.messages.requests.can_send:
        return
    form_key = st.session_state.setdefault(_TEST, str(uuid4()))
    click = st.button(
        "Send me a test",
        key="message_texts_test",
        disabled=is_changed,
        help="Save first." if is_changed else "To your own address, with a made-up customer.",
    )
    if click:
        with outcome.show() as toast:
            message = ctx.services.messages.requests.send_test(
                kind, language, form_key=form_key, by=ctx.actor
            )
            # The next click is another test.
            st.session_state.pop(_TEST, None)
            toast.message = f"On its way to {message.address}."
