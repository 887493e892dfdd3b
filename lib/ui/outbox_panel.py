"""One message in the drawer, and what holds the outbox as a whole."""

from __future__ import annotations

from functools import partial

import streamlit as st

from lib.domain.actors import SYSTEM, Permission
from lib.domain.message_rules import MessageRule
from lib.domain.outbox import MessageState, OutboxMessage
from lib.languages import ENGLISH, LANGUAGES, first_of
from lib.services.messages.outbox import OutboxStatus
from lib.ui import badges, drawers, layout, navigation, outcome
from lib.ui.context import PageContext, require
from lib.ui.formats import escape, plural, when
from lib.ui.layout import Fact
from lib.ui.message_words import KINDS, MEANING, RULES

PARAM, TABLE = "message", "outbox_rows"


def status(ctx: PageContext) -> OutboxStatus:
    """What keeps messages from leaving, with the button that ends it; returns how it stands."""
    outbox = ctx.services.messages.outbox
    now = outbox.status()
    may = ctx.actor.may(Permission.MANAGE_LINKS)
    if not ctx.services.messages.requests.can_send:
        st.info(
            "Onfile has no mail server: messages are copied at their link, or opened in your mail program. An admin sets "
            "ONFILE_SMTP_URL and ONFILE_MAIL_FROM.",
            icon=":material/mail_off:",
        )
    if now.held_since is not None:
        st.error(
            "An older database was put back, or this one was rebuilt, so nothing leaves: what is due here may have been "
            "sent since. Look at what stands as “Perhaps sent”, then release the outbox.",
            icon=":material/history:",
        )
        if may and st.button("Release the outbox", key="outbox_release", type="primary"):
            with outcome.show("Messages leave again."):
                outbox.release(by=ctx.actor)
    if now.paused_by is not None:
        st.warning("The outbox is paused.", icon=":material/pause_circle:")
        if may and st.button("Let messages leave again", key="outbox_go_on", type="primary"):
            with outcome.show("Messages leave again."):
                outbox.go_on(by=ctx.actor)
    if now.trouble is not None:
        st.error(
            f"The mail server takes nothing at present. {escape(now.trouble.reason)}  \nNo message is lost: Onfile tries "
            "again by itself.",
            icon=":material/cloud_off:",
        )
        if may and st.button("Try now", key="outbox_try_now"):
            with outcome.show("Onfile asks the mail server again."):
                outbox.try_now(by=ctx.actor)
    return now


def by_themselves(ctx: PageContext) -> None:
    """What Onfile sends without a click each: a switch for each rule, and who set it."""
    rules = ctx.services.messages.rules
    may = ctx.actor.may(Permission.MANAGE_LINKS) and ctx.services.messages.requests.can_send
    people = {user.username: user.name for user in ctx.services.users.list()}
    standing = rules.all()
    on = [rule for rule, switched in standing.items() if switched is not None]
    title = " and ".join(RULES[rule].title.lower() for rule in on) if on else "nothing"
    with st.expander(f"Sent without a click: {title}", icon=":material/autorenew:"):
        for rule, switched in standing.items():
            words = RULES[rule]
            st.markdown(f"**{words.title}.** {words.meaning}")
            if switched is not None:
                moment = when(switched.at, ctx.now, ctx.timezone)
                name = escape(people.get(switched.by, switched.by))
                st.caption(f"Switched on by {name}, {moment}.")
            elif rule is MessageRule.REMINDERS and (due := rules.reminders_due()):
                st.caption(f"{plural(due, 'reminder')} would go at once.")
            if may:
                _switch(ctx, rule, is_on=switched is not None)


def _switch(ctx: PageContext, rule: MessageRule, *, is_on: bool) -> None:
    rules, title = ctx.services.messages.rules, RULES[rule].title
    if is_on:
        if st.button(f"Stop: {title.lower()} by a click only", key=f"rule_off_{rule}"):
            with outcome.show(f"{title} go by a person's click only."):
                rules.switch_off(rule, by=ctx.actor)
    elif st.button(f"Let {title.lower()} go by themselves", key=f"rule_on_{rule}"):
        with outcome.show(f"{title} go by themselves from now on."):
            rules.switch_on(rule, by=ctx.actor)


def drawer(message_id: str) -> None:
    drawers.show("Message", partial(_panel, message_id), on_close=_close)


def _close() -> None:
    drawers.close(PARAM, TABLE)


def _panel(message_id: str) -> None:
    ctx = require()
    message = ctx.services.messages.outbox.show(message_id)
    st.markdown(badges.badge(f"message_{message.state}"))
    st.write(MEANING[message.state])
    if message.reply and message.state is MessageState.CANCELLED:
        st.caption(escape(message.reply))
    elif message.reply:
        st.caption(f"The mail server said: {escape(message.reply)}")
    if ctx.actor.may(Permission.MANAGE_LINKS):
        _acts(ctx, message)
    people = {user.username: user.name for user in ctx.services.users.list()}
    people[SYSTEM.username] = f"{SYSTEM.name}, by itself"
    asked_for = when(message.requested_at, ctx.now, ctx.timezone)
    language = first_of([message.language]) or ENGLISH
    layout.facts(
        [
            Fact("To", f"{message.name} {message.address}".strip()),
            Fact("Kind", KINDS[message.kind] + (", a test to oneself" if message.is_test else "")),
            Fact("Language", LANGUAGES[language.code]),
            Fact(
                "Asked for",
                f"{asked_for} by {people.get(message.requested_by, message.requested_by)}",
            ),
        ]
    )
    st.markdown(f"**{escape(message.subject)}**")
    as_text, as_page = st.tabs(["Text", "As a page"])
    with as_text:
        st.code(message.body, language=None, wrap_lines=True)
    with as_page, st.container(border=True):
        st.html(ctx.services.messages.composer.html(message))
    links = navigation.find("setup_links")
    if message.link_id and links:
        st.page_link(
            navigation.page(links),
            label="Open the link",
            icon=":material/link:",
            query_params={"link": message.link_id},
        )
    layout.raw([Fact("Message", message.id), Fact("Link", message.link_id)])


def _acts(ctx: PageContext, message: OutboxMessage) -> None:
    outbox = ctx.services.messages.outbox
    if message.state is MessageState.WAITING:
        if st.button("Cancel this message", key="outbox_cancel", icon=":material/block:"):
            with outcome.show("Cancelled. It does not leave."):
                outbox.cancel([message.id], by=ctx.actor)
    elif message.state is MessageState.PERHAPS_SENT:
        with st.container(horizontal=True):
            if st.button("It was sent", key="outbox_was_sent", type="primary"):
                with outcome.show("Stands as sent."):
                    outbox.decide([message.id], was_sent=True, by=ctx.actor)
            if st.button("Send it, perhaps again", key="outbox_send_again"):
                with outcome.show("It leaves within seconds."):
                    outbox.decide([message.id], was_sent=False, by=ctx.actor)
