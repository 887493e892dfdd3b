"""The board of links: stages, ages, and what is done for one or for many of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from lib.domain.actors import Permission
from lib.domain.link_desk import AGES, TO_FOLLOW, Stage
from lib.domain.links import LinkPurpose
from lib.domain.messages import MessageKind
from lib.money import format_money
from lib.reports.follow_up import BoardFilter
from lib.reports.frames import records
from lib.services.collect.link_ends import ManyLinks
from lib.services.messages.ask import RequestResult
from lib.ui import badges, downloads, message_words, outcome, send_button, tables
from lib.ui.context import PageContext
from lib.ui.formats import countdown, plural, who
from lib.ui.message_words import KINDS

LABELS = {stage.value: badges.look(f"stage_{stage.value}").label for stage in Stage}
_AGES = {"new": "Up to 3 days", "week": "3 to 10 days", "old": "More than 10 days"}
_PURPOSES = {
    LinkPurpose.NEW_CARD: "New card",
    LinkPurpose.EXPIRING_CARD: "Card that expires",
    LinkPurpose.FAILED_CHARGE: "Failed charge",
}


def age() -> str | None:
    chosen: str | None = st.pills(
        "Since it was sent, or made",
        list(AGES),
        key="follow_up_age",
        format_func=_AGES.__getitem__,
        label_visibility="collapsed",
    )
    return chosen


def purpose(row: Mapping[str, Any]) -> str:
    """What a link is for: "Failed charge: $12.34"."""
    words = KINDS[MessageKind.CARD_FOR_CHARGE]
    if not row["for_charge"]:
        words = _PURPOSES[LinkPurpose(row["purpose"])]
    if row.get("amount") and row.get("currency"):
        return f"{words}: {format_money(int(row['amount']), row['currency'])}"
    return words


def rows(ctx: PageContext, frame: pd.DataFrame) -> list[str]:
    """Draws the links; the ids of those that are chosen."""
    entries = records(frame)
    people = {user.username: user.name for user in ctx.services.users.list()}
    shown = frame.assign(
        shown=[who(row) for row in entries],
        state=[f"stage_{row['stage']}" for row in entries],
        purpose=[purpose(row) for row in entries],
        reminder=[_reminder(row) for row in entries],
        left=[
            countdown(row["expires_at"], ctx.now) if row["stage"] in TO_FOLLOW else ""
            for row in entries
        ],
        why=[_why(row, people) for row in entries],
    )
    return tables.choose_many(
        shown,
        {
            "shown": tables.text("Customer", width=145),
            "state": tables.state("How far", width=100),
            "since": tables.date("Since", ctx.now),
            "reminder": tables.text("Reminder", width=85),
            "purpose": tables.text("For", width=140),
            "reference": tables.text("Reference", width=122),
            "left": tables.text("Expires", width=80),
            "why": tables.text("Who and why", width=150),
        },
        key="follow_up_rows",
        alt="Links to follow up, the longest waiting first",
        timezone=ctx.timezone,
    )


def _reminder(row: Mapping[str, Any]) -> str:
    if row["due"]:
        return "1st due" if row["due"] == 1 else "2nd due"
    return f"{plural(int(row['reminders']), 'reminder')} sent" if row["reminders"] else ""


def _why(row: Mapping[str, Any], people: Mapping[str, str]) -> str:
    maker = people.get(row["created_by"], row["created_by"])
    return f"{maker}, “{row['batch']}”" if row["batch"] else str(maker)


def pages_to_end(ctx: PageContext) -> None:
    """How far the pages of links that were revoked together have come."""
    if waiting := ctx.services.page_ends.waiting():
        st.info(
            f"{plural(waiting, 'page')} of revoked links {'is' if waiting == 1 else 'are'} still to be ended at Stripe. Onfile does it by itself.",
            icon=":material/hourglass_top:",
        )


def export(ctx: PageContext, which: BoardFilter) -> None:
    if ctx.actor.may(Permission.MANAGE_LINKS):
        downloads.file(
            partial(_merge, ctx, which),
            file_name="links-to-send.csv",
            key="follow_up_merge",
            label="File for a mail merge",
        )


def _merge(ctx: PageContext, which: BoardFilter) -> bytes:
    return ctx.services.link_files.mail_merge(
        ctx.services.reports.follow_up.ids(which), by=ctx.actor
    )


def act(ctx: PageContext, which: BoardFilter, chosen: Sequence[str], *, total: int) -> None:
    """What is done for the chosen links, or for all of the filter."""
    with st.container(border=True):
        every = st.checkbox(
            f"All {plural(total, 'link')} of this filter, not only those that are marked",
            key="follow_up_all",
        )
        count = total if every else len(chosen)
        ids = partial(ctx.services.reports.follow_up.ids, which) if every else lambda: list(chosen)
        if not count:
            st.caption("Mark links below to send or remind, to issue them again or to revoke them.")
            return
        _buttons(ctx, count, ids)


def thank(ctx: PageContext, which: BoardFilter, chosen: Sequence[str], *, total: int) -> None:
    """For who saved a card: one message each, whoever clicks again."""
    if not ctx.services.messages.requests.can_send:
        return
    with st.container(border=True):
        every = st.checkbox(
            f"All {plural(total, 'customer')} of this filter, not only those that are marked",
            key="follow_up_thank_all",
        )
        count = total if every else len(chosen)
        if not count:
            st.caption("Mark links below to thank whoever saved a card by them.")
            return
        ids = partial(ctx.services.reports.follow_up.ids, which) if every else lambda: list(chosen)
        _send(ctx, f"Thank {plural(count, 'customer')}", MessageKind.THANKS, ids)


def _buttons(ctx: PageContext, count: int, ids: Callable[[], list[str]]) -> None:
    ends, links = ctx.services.link_ends, plural(count, "link")
    with st.container(horizontal=True):
        if ctx.services.messages.requests.can_send:
            _send(ctx, f"Send {links}", None, ids)
            _send(ctx, f"Send {plural(count, 'reminder')}", MessageKind.REMINDER, ids)
        if st.button(
            f"Issue {links} again", key="follow_up_reissue", icon=":material/restart_alt:"
        ):
            with outcome.show() as toast:
                toast.message = _sentence(ends.reissue(ids(), by=ctx.actor), "issued again")
        with st.popover("Done by hand", icon=":material/edit_note:"):
            _by_hand(ctx, count, ids)
        with st.popover(f"Revoke {links}", icon=":material/link_off:"):
            _revoke(ctx, links, ids)


def _revoke(ctx: PageContext, links: str, ids: Callable[[], list[str]]) -> None:
    st.markdown(f"**Revoke {links}?**")
    st.markdown(
        "Whoever opens one reads that it no longer works, and no reminder goes out. Pages at Stripe that are open are ended one by one; what a customer saves before that counts all the same. A revoked link stays so; “Issue again” makes a new one."
    )
    if st.button(f"Revoke {links}", key="follow_up_revoke", type="primary"):
        with outcome.show() as toast:
            toast.message = _sentence(ctx.services.link_ends.revoke(ids(), by=ctx.actor), "revoked")


def _send(
    ctx: PageContext, label: str, kind: MessageKind | None, ids: Callable[[], list[str]]
) -> None:
    """A message of each kind goes once for each link, whoever clicks again."""

    def send(doubted: Sequence[str] | None) -> RequestResult:
        return ctx.services.messages.requests.send(
            doubted or ids(), by=ctx.actor, kind=kind, in_doubt=bool(doubted)
        )

    send_button.draw(
        label,
        key=f"follow_up_send_{kind or 'link'}",
        send=send,
        in_words=message_words.result,
        icon=":material/outgoing_mail:",
    )


def _by_hand(ctx: PageContext, count: int, ids: Callable[[], list[str]]) -> None:
    """What a person did with their own mail program, or on the telephone."""
    ends = ctx.services.link_ends
    if st.button(f"I sent {plural(count, 'link')}", key="follow_up_sent", icon=":material/send:"):
        with outcome.show() as toast:
            sent = ends.note_sent(ids(), by=ctx.actor)
            toast.message = f"{plural(sent, 'link')} counted as sent."
    if st.button(
        f"I reminded {plural(count, 'customer')}",
        key="follow_up_reminded",
        icon=":material/notifications:",
    ):
        with outcome.show() as toast:
            reminded = ends.note_reminded(ids(), by=ctx.actor)
            toast.message = f"{plural(reminded, 'customer')} counted as reminded."


def _sentence(many: ManyLinks, what: str) -> str:
    done = f"{plural(len(many.links), 'link')} {what}."
    if not many.failures:
        return done
    first = many.failures[0].message
    return f"{done} {plural(len(many.failures), 'link')} not: {first}"
