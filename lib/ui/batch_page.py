"""One list of customers who are asked for a card: its rows judged, made, and what became of them."""

from __future__ import annotations

from functools import partial

import pandas as pd
import streamlit as st

from lib.domain.link_batches import (
    TO_MAKE,
    BatchState,
    LinkRow,
    LinkRowState,
    first_message,
)
from lib.errors import NotFound
from lib.services.collect.batch_views import BatchView, LinkRowView
from lib.ui import badges, downloads, filters, layout, navigation, new_link, outcome, tables
from lib.ui.context import PageContext, require
from lib.ui.formats import escape, plural, when
from lib.ui.layout import Figure

PARAM = "batch"
TABLE = "batch_rows"
BADGES = {
    BatchState.DRAFT: "draft",
    BatchState.MAKING: "running",
    BatchState.MADE: "done",
    BatchState.DISCARDED: "cancelled",
}
# What a person looks through; all are in the file of results.
_SHOWN_ROWS = 500
_AMBIGUOUS = "customer_ambiguous"


def draw(ctx: PageContext, batch_id: str) -> None:
    st.button(
        "All lists", key="batch_back", type="tertiary", icon=":material/arrow_back:", on_click=_back
    )
    try:
        view = ctx.services.link_batches.views.view(batch_id)
    except NotFound:
        layout.empty("search_off", "No such list", "Check the address, or go back to all lists.")
        return
    batch = view.batch
    source = f", from {batch.file_name}" if batch.file_name else ""
    made = when(batch.created_at, ctx.now, ctx.timezone)
    maker = ctx.services.users.find(batch.created_by)
    who = maker.name if maker else batch.created_by
    actions = layout.header(escape(batch.name), escape(f"Made by {who}, {made}{source}"))
    match batch.state:
        case BatchState.DRAFT:
            _draft(ctx, view)
        case BatchState.MAKING:
            _progress(batch_id)
        case BatchState.MADE:
            with actions:
                _results(ctx, batch_id)
            _made(view)
        case BatchState.DISCARDED:
            st.info("This list was discarded. No link was made.", icon=":material/delete:")
    _rows(ctx, view)


def _back() -> None:
    st.query_params.pop(PARAM, None)


def _draft(ctx: PageContext, view: BatchView) -> None:
    counts, batch = view.counts, view.batch
    layout.figures(
        [
            Figure("Links to make", f"{counts.of(*TO_MAKE):,}"),
            Figure("Asked already", f"{counts.of(LinkRowState.EXISTING):,}"),
            Figure(
                "Not asked again",
                f"{counts.of(LinkRowState.HAS_CARD, LinkRowState.ENDED):,}",
                help="They have a card that can be charged, or their last link was revoked or expired.",
            ),
            Figure("Cannot be made", f"{counts.of(LinkRowState.FAILED):,}"),
        ]
    )
    with_card, ended = counts.of(LinkRowState.HAS_CARD), counts.of(LinkRowState.ENDED)
    despite_card = bool(with_card) and st.checkbox(
        f"Also ask {plural(with_card, 'customer')} who {'has' if with_card == 1 else 'have'} a card that can be charged",
        key=f"batch_despite_card_{batch.id}",
    )
    renew = bool(ended) and st.checkbox(
        f"Also ask again {plural(ended, 'customer')} whose last link was revoked or expired",
        key=f"batch_renew_{batch.id}",
    )
    links = counts.of(*TO_MAKE) + despite_card * with_card + renew * ended
    with st.container(horizontal=True):
        if st.button(
            f"Make {plural(links, 'link')}" if links else "Finish: no link to make",
            key="batch_make",
            type="primary",
            icon=":material/add_link:",
        ):
            with outcome.show():
                ctx.services.link_batches.start(
                    batch.id, despite_card=despite_card, renew=renew, by=ctx.actor
                )
        if st.button("Discard", key="batch_discard", icon=":material/delete:"):
            with outcome.show("List discarded. No link was made."):
                ctx.services.link_batches.discard(batch.id, by=ctx.actor)
                _back()
    st.caption(
        "Nothing is sent: send the links afterwards, from the list of links or with the file of results. "
        "A link costs Stripe nothing before its customer opens it."
    )


@st.fragment(run_every="1s")
def _progress(batch_id: str) -> None:
    """The worker makes the links, so that a page may be closed and come back."""
    ctx = require(by_itself=True)
    view = ctx.services.link_batches.views.view(batch_id)
    if view.batch.state is not BatchState.MAKING:
        st.rerun()
    counts = view.counts
    st.progress(
        counts.decided / max(counts.rows, 1),
        text=f"{counts.decided:,} of {counts.rows:,} rows. You may close this page; it goes on.",
    )


def _made(view: BatchView) -> None:
    counts = view.counts
    layout.figures(
        [
            Figure("Links made", f"{counts.of(LinkRowState.CREATED):,}"),
            Figure("Asked already", f"{counts.of(LinkRowState.EXISTING):,}"),
            Figure("Not asked again", f"{counts.of(LinkRowState.HAS_CARD, LinkRowState.ENDED):,}"),
            Figure("Could not be made", f"{counts.of(LinkRowState.FAILED):,}"),
        ]
    )


def _results(ctx: PageContext, batch_id: str) -> None:
    for kind, label in (("xlsx", "Results as Excel"), ("csv", "Results as CSV")):
        name = f"links.{kind}"
        downloads.file(
            partial(_file, ctx, batch_id, name), file_name=name, key=f"batch_{kind}", label=label
        )


def _file(ctx: PageContext, batch_id: str, name: str) -> bytes:
    return ctx.services.link_files.results(batch_id, name)[1]


def _rows(ctx: PageContext, view: BatchView) -> None:
    counts = {state.value: view.counts.of(state) for state in LinkRowState}
    state = filters.states(
        "batch_state",
        {name: n for name, n in counts.items() if n},
        labels={name: badges.look(f"link_{name}").label for name in counts},
    )
    states = (LinkRowState(state),) if state else ()
    rows = ctx.services.link_batches.views.rows(view.batch.id, states=states, limit=_SHOWN_ROWS)
    if not rows:
        return
    chosen = tables.table(
        pd.DataFrame([_entry(row) for row in rows]),
        {
            "row": tables.number("Row", width=60),
            "state": tables.state(width=140),
            "who": tables.text("Customer or address", width=200),
            "name": tables.text("Name", width=110),
            "reference": tables.text("Reference", width=100),
            "why": tables.text("What was found", width=310),
        },
        key=TABLE,
        alt="Rows of the list, as the file has them",
        timezone=ctx.timezone,
        wraps=True,
    )
    total = sum(counts.values()) if state is None else counts[state]
    if total > len(rows):
        st.caption(f"{len(rows):,} of {total:,} rows; the others are in the file of results.")
    row = next((one for one in rows if str(one.row.number) == chosen), None)
    if row is not None:
        _opened(ctx, view, row)


def _entry(view: LinkRowView) -> dict[str, object]:
    row = view.row
    why = first_message(row.findings)
    return {
        "id": str(row.number),
        "row": row.number,
        "state": f"link_{row.state.value}",
        "who": row.request.who,
        "name": row.request.name or "",
        "reference": row.request.reference or "",
        "why": why.message if why else "",
    }


def _opened(ctx: PageContext, view: BatchView, opened: LinkRowView) -> None:
    """The link of a row; or the choice of whom it means."""
    row = opened.row
    if opened.link is not None and (links := navigation.find("setup_links")):
        st.page_link(
            navigation.page(links),
            label=f"Open the link of row {row.number}",
            icon=":material/link:",
            query_params={new_link.LINK_PARAM: opened.link.id},
        )
    is_ambiguous = any(finding.code == _AMBIGUOUS for finding in row.findings)
    if view.batch.state is not BatchState.DRAFT or not is_ambiguous or "@" not in row.request.who:
        return
    with outcome.show(rerun=False):
        twins = ctx.services.customers.twins(row.request.who)
        with st.container(border=True):
            st.markdown(f"**Whom does row {row.number} mean?**")
            for twin in twins:
                if st.button(escape(twin.customer.label), key=f"batch_twin_{twin.customer.id}"):
                    _choose(ctx, view, row, twin.customer.id)
                st.caption(escape(f"{twin.customer.id}: {twin.details}"))


def _choose(ctx: PageContext, view: BatchView, row: LinkRow, customer: str) -> None:
    with outcome.show(f"Row {row.number} is decided."):
        ctx.services.link_batches.choose_customer(view.batch.id, row.number, customer, by=ctx.actor)
