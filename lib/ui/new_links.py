"""The steps of links for many: rows in, columns agreed, and the batch that is judged."""

from __future__ import annotations

from datetime import UTC

import pandas as pd
import streamlit as st

from lib.domain.files.link_files import COLUMNS
from lib.domain.link_batches import BatchState, LinkRowState
from lib.services.collect.batch_views import BatchView
from lib.services.collect.link_files import LinkUpload
from lib.ui import batch_page, file_choices, navigation, outcome, tables, uploads
from lib.ui.context import PageContext
from lib.ui.formats import day, escape

SOURCES = {"file": "Upload a file", "paste": "Paste rows", "customers": "Choose customers"}
_READ = "new_links_read"
_SHOWN_ROWS = 8


def upload(ctx: PageContext) -> LinkUpload | None:
    file = st.file_uploader(
        "CSV or XLSX file",
        key="new_links_file",
        # Any kind can be chosen: what is not read is told how to save it.
        type=None,
        help="A heading, then one row for each customer: an e-mail address or a customer's id.",
    )
    if file is None:
        _explain()
        return None
    return uploads.read_file(_READ, file, ctx.services.link_files.open)


def pasted(ctx: PageContext) -> LinkUpload | None:
    text = st.text_area(
        "Rows with their heading",
        key="new_links_pasted",
        height=200,
        placeholder="email\tname\treference\tlanguage\nbilling@example.com\tAcme Ltd\tINV-1\tde",
    )
    # A click leaves the field, which is what hands its text over; not everybody knows Ctrl+Enter.
    st.button("Read the rows", key="new_links_read_pasted", icon=":material/content_paste:")
    if not text.strip():
        _explain()
        return None
    return uploads.read_once(_READ, text, lambda: ctx.services.link_files.open_pasted(text))


def check(ctx: PageContext, upload: LinkUpload) -> None:
    """Everything that can be said of the file without asking anybody, and the button that goes on."""
    file_choices.notes(upload.sheet)
    columns = uploads.columns(COLUMNS, upload.sheet, upload.guess, digest=upload.digest)
    choices = file_choices.made(upload.digest)
    parsed = upload.parsed(columns, choices=choices)
    file_choices.ask_hidden(upload.digest, parsed.hidden_question, parsed.reading)
    _first_rows(upload)
    if parsed.hidden_question:
        return
    st.caption(escape(parsed.reading.in_words()))
    name = (upload.file_name or "").rpartition(".")[0] or f"Links of {day(ctx.now, ctx.timezone)}"
    with st.form("new_links_form", border=False):
        wanted = st.text_input("Name", value=name, key="new_links_name", max_chars=80)
        if st.form_submit_button(
            "Check all rows", key="new_links_check", type="primary", icon=":material/rule:"
        ):
            with outcome.show(rerun=False), st.spinner("Looking up customers and their cards …"):
                batch = ctx.services.link_files.draft(
                    upload, name=wanted, by=ctx.actor, columns=columns, choices=choices
                )
                open_batch(batch.id)


def open_batch(batch_id: str) -> None:
    page = navigation.find("new_links")
    if page is not None:
        st.switch_page(page.path, query_params={batch_page.PARAM: batch_id})


def earlier(ctx: PageContext) -> None:
    """Batches of before, and those whose links nobody made yet."""
    views = ctx.services.link_batches.views.newest()
    if not views:
        return
    st.subheader("Earlier lists", anchor=False)
    frame = pd.DataFrame([_entry(view) for view in views])
    chosen = tables.table(
        frame,
        {
            "name": tables.text("Name", width=260),
            "state": tables.state(width=120),
            "created_at": tables.date("Made", ctx.now),
            "rows": tables.number("Rows", width=80),
            "links": tables.number("Links made", width=100),
            "maker": tables.text("Made by", width=150),
        },
        key="new_links_batches",
        alt="Earlier lists of customers who were asked for a card, newest first",
        timezone=ctx.timezone,
    )
    if chosen:
        open_batch(chosen)


def _entry(view: BatchView) -> dict[str, object]:
    batch = view.batch
    return {
        "id": batch.id,
        "name": batch.name,
        "state": batch_page.BADGES[batch.state],
        "created_at": batch.created_at,
        "rows": view.counts.rows,
        "links": 0 if batch.state is BatchState.DRAFT else view.counts.of(LinkRowState.CREATED),
        "maker": batch.created_by,
    }


def _first_rows(upload: LinkUpload) -> None:
    header, rows = upload.sheet.header, upload.sheet.rows[:_SHOWN_ROWS]
    frame = pd.DataFrame([row.cells for row in rows], columns=range(len(header)))
    frame = frame.rename(columns=str).assign(row=[row.number for row in rows])
    tables.listing(
        frame,
        {
            "row": tables.number("Row", width=60),
            **{str(at): tables.text(name or f"Column {at + 1}") for at, name in enumerate(header)},
        },
        key="new_links_rows",
        alt="The first rows of the file as they were read",
        timezone=UTC,
    )
    if len(upload.sheet.rows) > len(rows):
        st.caption(f"{len(rows)} of {len(upload.sheet.rows):,} rows.")


def _explain() -> None:
    with st.expander("What the file needs", icon=":material/table:"):
        st.dataframe(
            pd.DataFrame(
                {
                    "Column": [column.label for column in COLUMNS],
                    "Needed": ["one of the two", "one of the two", "", "", "", ""],
                    "For example": [
                        "billing@example.com",
                        "cus_…",
                        "Acme Ltd",
                        "INV-2026-0117",
                        "eur, where more than cards may be saved",
                        "de",
                    ],
                }
            ),
            hide_index=True,
            height="content",
            alt="The columns of a file of links, which of them are needed, and an example of each",
        )
        st.caption(
            "The order does not matter, and other names are recognised in several languages. Further columns come "
            "back in the results. An address that nobody has becomes a customer when the link is first opened."
        )
