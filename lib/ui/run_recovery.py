"""The failures of a run, told once: by reason, row by row, with links, messages and another try."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial

import pandas as pd
import streamlit as st

from lib.domain.actors import Permission
from lib.domain.runs import OVER_STATES
from lib.services.messages.ask import RequestResult
from lib.services.runs.retry_run import LinkCounts
from lib.services.runs.run_object import RunView
from lib.ui import (
    charge_words,
    downloads,
    filters,
    message_words,
    outcome,
    refused_links,
    run_words,
    send_button,
    tables,
)
from lib.ui.context import PageContext
from lib.ui.formats import escape, plural

# As many as one looks through; more are taken together.
_SHOWN = 200
_MESSAGES = 20
REASON = "run_failures_reason"


def draw(ctx: PageContext, view: RunView) -> None:
    """For a run that was started and of which something failed or was blocked."""
    frame = ctx.services.reports.runs.failures(view.run.id)
    may = view.run.state in OVER_STATES and ctx.actor.may(Permission.CHARGE)
    if may:
        refused_links.warn(ctx)
    by_reason = frame["reason"].value_counts()
    reason = filters.states(
        REASON,
        {str(code): int(n) for code, n in by_reason.items() if code},
        labels=charge_words.REASONS,
    )
    matching = frame if reason is None else frame[frame["reason"] == reason]
    actions = st.container()
    chosen = _rows(ctx, view, matching, may=may)
    # A reason that is chosen, and no row: all rows of that reason.
    whole = [int(number) for number in matching["number"]] if reason else []
    if may:
        with actions:
            _actions(ctx, view, chosen or whole)
        if len(frame):
            _messages(ctx, view, frozenset(chosen or whole) or None)


def _actions(ctx: PageContext, view: RunView, chosen: list[int]) -> None:
    failed, numbers = view.failed_still, frozenset(chosen) or None
    about = plural(len(chosen), "row") if chosen else _failed(failed)
    drafted = plural(len(chosen), "row") if chosen else _everything(view)
    with st.container(horizontal=True, vertical_alignment="center"):
        if failed:
            if st.button(
                f"Make {plural(len(chosen), 'link')}" if chosen else "Make links",
                key="run_recover_links",
                type="primary",
                icon=":material/add_link:",
                help=f"A link to save a new card, for {about}. It costs nothing and charges nothing.",
            ):
                with outcome.show() as toast:
                    made = ctx.services.runs.retry_runs.create_links(
                        view.run.id, by=ctx.actor, numbers=numbers
                    )
                    toast.message = _made(made)
            downloads.file(
                partial(
                    ctx.services.runs.files.messages, view.run.id, numbers=numbers, by=ctx.actor
                ),
                key=f"run_messages_{len(chosen)}",
                label="Messages (CSV)",
                file_name=f"{view.run.name}-messages.csv",
            )
        if st.button(
            f"Try {plural(len(chosen), 'row')} again" if chosen else "Try again",
            key="run_recover_again",
            icon=":material/replay:",
            help=f"Makes a new draft of {drafted}, checked by what is known now. It needs an approval of its own.",
        ):
            with outcome.show("A draft of what did not work."):
                again = ctx.services.runs.retry_runs.create(
                    view.run.id, by=ctx.actor, numbers=numbers
                )
                st.query_params.from_dict({"run": again.id})


def _failed(count: int) -> str:
    return "the failed row" if count == 1 else f"all {count:,} failed rows"


def _everything(view: RunView) -> str:
    """What another try takes when no row is chosen: also what never got as far as failing."""
    parts = [
        f"{count:,} {word}"
        for count, word in (
            (view.failed_still, "failed"),
            (view.counts.get("blocked", 0), "blocked"),
            (view.counts.get("planned", 0), "never charged"),
        )
        if count
    ]
    last = parts.pop()
    listed = f"{', '.join(parts)} and {last}" if parts else last
    is_one = not parts and last.startswith("1 ")
    return f"the {listed[2:]} row" if is_one else f"all {listed} rows"


def _rows(ctx: PageContext, view: RunView, frame: pd.DataFrame, *, may: bool) -> list[int]:
    """The table; the numbers of the rows that were chosen in it."""
    if frame.empty:
        st.caption("Nothing failed at the bank. What was blocked stands under Rows.")
        return []
    sums = {str(code): int(n) for code, n in frame.groupby("currency")["amount"].sum().items()}
    words = f"{plural(len(frame), 'failed row')}, {run_words.totals(sums, most=len(sums))}."
    if len(frame) > _SHOWN:
        words += f" The first {_SHOWN} are shown."
    if may:
        words += f" With none chosen, Try again takes {_everything(view)}."
    arrived = {card.run_row for card in ctx.services.runs.new_cards.arrived(view.run.id)}
    if arrived:
        waiting = plural(len(arrived), "row waits", "rows wait")
        st.success(
            f"{waiting} for another try: the customer has saved a new card. Choose and try again.",
            icon=":material/credit_card:",
        )
    st.caption(escape(words))
    shown = frame.head(_SHOWN)
    columns = {
        "number": tables.number("Row", width=52),
        "name": tables.text("Customer", width=130),
        "reference": tables.text("Reference", width=100),
        "amount": tables.amount(width=92),
        "why": tables.text("What happened", width=215),
        "next_step": tables.text("What to do", width=260),
    }
    if arrived:
        columns["card"] = tables.text("New card", width=90)
        cards = ["New card saved" if number in arrived else "" for number in shown["number"]]
        shown = shown.assign(card=cards)
    alt = "Rows of this run that failed, with what happened and what to do next"
    if not may:
        tables.listing(
            shown, columns, key="run_failures", alt=alt, timezone=ctx.timezone, wraps=True
        )
        return []
    chosen = tables.choose_many(shown, columns, key="run_failed", alt=alt, timezone=ctx.timezone)
    return [int(number) for number in chosen]


def _messages(ctx: PageContext, view: RunView, numbers: Collection[int] | None) -> None:
    """To copy, one for each customer; all of them are in the file."""
    header, lines = ctx.services.runs.views.messages(view.run.id, numbers=numbers)
    if ctx.services.messages.requests.can_send and ctx.actor.may(Permission.MANAGE_LINKS):
        _send(ctx, view, numbers)
    with st.expander("Messages to copy", icon=":material/mail:"):
        shown = 0
        for line in lines:
            if shown == _MESSAGES:
                st.caption("More are in the CSV file.")
                break
            message = dict(zip(header, line, strict=True))
            st.markdown(
                f"**{escape(message['name'] or message['email'])}** · {escape(message['reference'])} · "
                f":gray[{escape(message['email'] or 'no e-mail address')}]"
            )
            st.code(message["message"], language=None, wrap_lines=True)
            shown += 1
        if not shown:
            st.caption("No customer has to do anything about these, or their links have ended.")


def _send(ctx: PageContext, view: RunView, numbers: Collection[int] | None) -> None:
    def send(doubted: Sequence[str] | None) -> RequestResult:
        composed = ctx.services.runs.views.composed(view.run.id, numbers=numbers)
        # An empty id stands for messages without a link.
        meant = (one for one in composed if doubted is None or (one.link_id or "") in doubted)
        return ctx.services.messages.requests.send_composed(
            meant, by=ctx.actor, in_doubt=doubted is not None
        )

    send_button.draw(
        "Send the messages",
        key=f"run_send_messages_{len(numbers) if numbers else 0}",
        send=send,
        in_words=message_words.result,
        about=view.run.id,
        hint="One to each customer, about all of theirs that failed, in their language. Each goes once.",
    )


def _made(links: LinkCounts) -> str:
    text = f"{plural(links.made, 'link')} made."
    if links.had:
        text += f" {plural(links.had, 'row')} had one already."
    if links.helpless:
        text += f" {plural(links.helpless, 'row')} cannot be mended by a new card."
    return text
