"""After a run: choose failed rows, send their customers a link, and try them again."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial

import streamlit as st

from lib.domain.actors import Permission
from lib.domain.runs import OVER_STATES
from lib.services.runs.retry_run import LinkCounts
from lib.services.runs.view import RunView
from lib.ui import downloads, outcome, tables
from lib.ui.context import PageContext
from lib.ui.formats import escape, plural

# As many as one looks through; more are taken together.
_SHOWN = 200
_MESSAGES = 20


def draw(ctx: PageContext, view: RunView) -> None:
    """For a run that is over and of which something failed or was blocked."""
    failed = view.failed_still
    blocked = view.counts.get("blocked", 0)
    if (
        view.run.state not in OVER_STATES
        or not failed + blocked
        or not ctx.actor.may(Permission.CHARGE)
    ):
        return
    st.subheader("Bring failures back", anchor=False)
    everything = _everything(view)
    chosen = _choose(ctx, view, failed, everything) if failed else []
    numbers = frozenset(chosen) or None
    about = plural(len(chosen), "chosen row") if chosen else _failed(failed)
    drafted = plural(len(chosen), "chosen row") if chosen else everything
    with st.container(horizontal=True, vertical_alignment="center"):
        if failed:
            if st.button(
                "Make links",
                key="run_recover_links",
                icon=":material/add_link:",
                help=f"A link to save a new card, for {about}. It costs nothing and charges nothing.",
            ):
                with outcome.show() as toast:
                    made = ctx.services.runs.retry_runs.create_links(
                        view.run.id, by=ctx.actor, numbers=numbers
                    )
                    toast.message = _made(made)
            downloads.file(
                partial(ctx.services.runs.files.messages, view.run.id, numbers=numbers),
                key=f"run_messages_{len(chosen)}",
                label="Messages (CSV)",
                file_name=f"{view.run.name}-messages.csv",
            )
        if st.button(
            "Try again",
            key="run_recover_again",
            icon=":material/replay:",
            help=f"Makes a new draft of {drafted}, checked by what is known now. It needs an approval of its own.",
        ):
            with outcome.show("A draft of what did not work."):
                again = ctx.services.runs.retry_runs.create(
                    view.run.id, by=ctx.actor, numbers=numbers
                )
                st.query_params["run"] = again.id
    if failed:
        _messages(ctx, view, numbers)


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


def _choose(ctx: PageContext, view: RunView, failed: int, everything: str) -> list[int]:
    frame, more = ctx.services.reports.runs.rows(view.run.id, rows=_SHOWN, failed_still=True)
    arrived = {card.run_row for card in ctx.services.runs.new_cards.arrived(view.run.id)}
    text = f"Choose rows. With none chosen, Try again takes {everything}."
    if more is not None:
        text = f"The first {_SHOWN} of {failed:,} failed rows. {text}"
    if arrived:
        waiting = plural(len(arrived), "row waits", "rows wait")
        st.success(
            f"{waiting} for another try: the customer has saved a new card. Choose and try again.",
            icon=":material/credit_card:",
        )
    st.caption(text)
    cards = ["New card saved" if number in arrived else "" for number in frame["number"]]
    chosen = tables.choose_many(
        frame.assign(card=cards),
        {
            "number": tables.number("Row", width=52),
            "name": tables.text("Customer", width=110),
            "reference": tables.text("Reference", width=90),
            "amount": tables.amount(width=92),
            "why": tables.text("What happened", width=145),
            "next_step": tables.text("What to do", width=228),
            "card": tables.text("New card", width=90),
        },
        key="run_failed",
        alt="Rows of this run that failed",
        timezone=ctx.timezone,
    )
    return [int(number) for number in chosen]


def _messages(ctx: PageContext, view: RunView, numbers: Collection[int] | None) -> None:
    """To copy, one for each customer; all of them are in the file."""
    header, lines = ctx.services.runs.views.messages(view.run.id, numbers=numbers)
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


def _made(links: LinkCounts) -> str:
    text = f"{plural(links.made, 'link')} made."
    if links.had:
        text += f" {plural(links.had, 'row')} had one already."
    if links.helpless:
        text += f" {plural(links.helpless, 'row')} cannot be mended by a new card."
    return text
