"""Whom to ask for a card, chosen by what Onfile knows of customers, or by a search."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import streamlit as st

from lib.clock import epoch
from lib.domain.days import day_of
from lib.domain.link_batches import LinkBatch
from lib.services.collect.link_choices import MOST_CUSTOMERS
from lib.ui import customer_page, outcome, tables
from lib.ui.context import PageContext
from lib.ui.formats import day, distinct, plural

KINDS = {
    "without": "No card that can be charged",
    "expiring": "Card expires before a day",
    "run": "Charge failed in a run",
    "search": "Search and mark",
}
_SHOWN = 100


def choose(ctx: PageContext, opened: Callable[[str], None]) -> None:
    """`opened` is called with the id of the batch that was made."""
    kind = st.pills(
        "Which customers",
        list(KINDS),
        key="new_links_kind",
        format_func=KINDS.__getitem__,
        default="without",
        required=True,
    )
    match kind:
        case "expiring":
            _expiring(ctx, opened)
        case "run":
            _of_run(ctx, opened)
        case "search":
            _of_search(ctx, opened)
        case _:
            st.caption(
                "Everybody who has nothing saved, or only what expired, was removed or must not be charged again."
            )
            name = f"No card, {day(ctx.now, ctx.timezone)}"
            _button(lambda: ctx.services.link_choices.without_card(name=name, by=ctx.actor), opened)


def _expiring(ctx: PageContext, opened: Callable[[str], None]) -> None:
    today = day_of(epoch(ctx.now), ctx.services.settings.timezone)
    before = st.date_input(
        "Expires before",
        value=today + timedelta(days=62),
        min_value=today,
        format="YYYY-MM-DD",
        key="new_links_before",
        width=200,
    )
    st.caption(
        "Customers whose every card will have expired by this day. A card is good to the end of its month; what expired "
        "already counts, too."
    )
    name = f"Cards that expire before {before:%-d %b %Y}"
    _button(
        lambda: ctx.services.link_choices.expiring_before(before, name=name, by=ctx.actor), opened
    )


def _of_run(ctx: PageContext, opened: Callable[[str], None]) -> None:
    frame = ctx.services.reports.runs.page().frame
    names = dict(zip(frame["id"], frame["name"], strict=True)) if not frame.empty else {}
    if not names:
        st.caption("There are no runs yet.")
        return
    shown = distinct(names, str)
    run_id = st.selectbox(
        "Run", list(shown), key="new_links_run", format_func=shown.__getitem__, width=420
    )
    st.caption(
        "For each charge of the run that failed and was not collected since. Most have a link already, which then is the answer."
    )
    name = f"Failed in {names[run_id]}"[:110]
    _button(
        lambda: ctx.services.link_choices.failed_in_run(run_id, name=name, by=ctx.actor), opened
    )


def _of_search(ctx: PageContext, opened: Callable[[str], None]) -> None:
    reports = ctx.services.reports.customers
    search = st.text_input("Name, e-mail or id", key="new_links_search", width=420)
    if not search.strip():
        return
    frame = reports.page(search=search, rows=_SHOWN).frame
    if frame.empty:
        st.caption("No customer matches.")
        return
    marked = tables.choose_many(
        customer_page.rows(frame),
        {
            "shown": tables.text("Name", width=260),
            "email": tables.text("E-mail", width=280),
            "methods": tables.number("Saved methods", width=115),
        },
        key="new_links_found",
        alt="Customers that the search found, newest first",
        timezone=ctx.timezone,
    )
    count = reports.count(search=search)
    many = "More than 10,000 customers" if count is None else plural(count, "customer")
    every = st.checkbox(
        f"All of this search ({many}), not only those that are marked", key="new_links_every"
    )
    if not (every or marked):
        st.caption("Mark customers above, or take all of the search.")
        return
    name = f"“{search.strip()[:60]}”, {day(ctx.now, ctx.timezone)}"
    _button(
        lambda: ctx.services.link_choices.these(
            reports.ids(search=search, limit=MOST_CUSTOMERS + 1) if every else marked,
            name=name,
            by=ctx.actor,
        ),
        opened,
    )


def _button(made: Callable[[], LinkBatch], opened: Callable[[str], None]) -> None:
    if st.button("Check them", key="new_links_choose", type="primary", icon=":material/rule:"):
        with outcome.show(rerun=False), st.spinner("Looking up customers and their cards …"):
            opened(made().id)
