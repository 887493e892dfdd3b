"""The steps of a new run: rows in, columns agreed, a first look, and the draft."""

from __future__ import annotations

from functools import partial

import pandas as pd
import streamlit as st

from lib.domain.files.run_columns import COLUMNS
from lib.services.runs.files import RunUpload
from lib.ui import (
    downloads,
    file_choices,
    file_preview,
    layout,
    navigation,
    outcome,
    pickers,
    replaced_file,
    run_page,
    run_words,
    uploads,
)
from lib.ui.context import PageContext
from lib.ui.formats import day, escape, plural
from lib.ui.layout import Figure

SOURCES = {"file": "Upload a file", "paste": "Paste rows", "open": "Open references"}
_READ = "new_run_read"


def template(ctx: PageContext) -> None:
    downloads.file(
        partial(ctx.services.runs.files.template, by=ctx.actor),
        key="new_run_template",
        file_name="charge-run.xlsx",
        label="Template with your customers",
    )


def upload(ctx: PageContext) -> RunUpload | None:
    file = st.file_uploader(
        "CSV or XLSX file",
        key="new_run_file",
        # Any kind can be chosen: what is not read is told how to save it, and is not listed as if it were.
        type=None,
        help="A heading, then one row for each charge: customer, amount, currency, reference.",
    )
    if file is None:
        _explain()
        return None
    return uploads.read_file(_READ, file, ctx.services.runs.files.open)


def pasted(ctx: PageContext) -> RunUpload | None:
    text = st.text_area(
        "Rows with their heading",
        key="new_run_pasted",
        height=200,
        placeholder="customer\tamount\tcurrency\treference\nbilling@example.com\t12.34\teur\tINV-1",
    )
    # A click leaves the field, which is what hands its text over; not everybody knows Ctrl+Enter.
    st.button("Read the rows", key="new_run_read_pasted", icon=":material/content_paste:")
    if not text.strip():
        _explain()
        return None
    return uploads.read_once(_READ, text, lambda: ctx.services.runs.files.open_pasted(text))


def from_open_references(ctx: PageContext) -> None:
    st.caption(
        "Every charge of the last 90 days that failed and was not made good since, or that Stripe never took, "
        "each checked by what is known now: cards that must not be tried again are listed as blocked. "
        "Setup links do not say what is owed, so their references are not in it."
    )
    if st.button("Make the run", key="new_run_open", type="primary", icon=":material/rule:"):
        with (
            outcome.show(rerun=False),
            st.spinner("Looking up customers, cards and earlier charges …"),
        ):
            _open(ctx.services.runs.retry_runs.create_from_open(by=ctx.actor).id)


def _explain() -> None:
    with st.expander("What the file needs", icon=":material/table:"):
        st.dataframe(
            pd.DataFrame(
                {
                    "Column": [column.label for column in COLUMNS],
                    "Needed": ["yes" if column.required else "" for column in COLUMNS],
                    "For example": [
                        "cus_… or billing@example.com",
                        "1234.50",
                        "eur",
                        "INV-2026-0117",
                        "pm_…",
                        "Paper and labels",
                        "NOVEMBER",
                    ],
                }
            ),
            hide_index=True,
            height="content",
            alt="The columns of a run's file, which of them are needed, and an example of each",
        )
        st.caption(
            "The order does not matter, and other names are recognised in English, German, French and "
            "Japanese. Further columns come back in the results. A reference is never charged twice for one customer."
        )


def check(ctx: PageContext, upload: RunUpload) -> None:
    """Everything that can be said of the rows without asking anybody, and the button that goes on."""
    file_choices.notes(upload.sheet)
    if upload.earlier:
        _same_file(ctx, upload)
    columns, currency = _columns(upload)
    choices = file_choices.made(upload.digest)
    parsed = upload.parsed(columns, default_currency=currency, choices=choices)
    file_choices.ask(upload.digest, parsed)
    file_preview.first_rows(upload, parsed)
    if parsed.hidden_question:
        return
    layout.figures(
        [
            Figure("Rows", f"{len(parsed.rows):,}"),
            Figure("Readable", f"{parsed.valid:,}"),
            Figure("With a problem", f"{len(parsed.rows) - parsed.valid:,}"),
        ]
    )
    if parsed.totals:
        st.markdown(
            f"Readable rows add up to **{escape(run_words.totals(parsed.totals, most=len(parsed.totals)))}**."
        )
    carried = sum(1 for row in parsed.rows if row.earlier_corrections)
    if carried:
        st.info(
            f"{plural(carried, 'row')} of this results file {'was' if carried == 1 else 'were'} corrected in the "
            "run that it comes from. These corrections come along.",
            icon=":material/edit_note:",
        )
    st.caption(escape(parsed.reading.in_words()))
    file_preview.problems(parsed)
    replaced = replaced_file.draft(ctx)
    if replaced is not None:
        replaced_file.button(ctx, replaced, upload, columns, currency, choices)
        return
    name = (upload.file_name or "").rpartition(".")[0] or f"Run of {day(ctx.now, ctx.timezone)}"
    with st.form("new_run_form", border=False):
        wanted = st.text_input("Name of the run", value=name, key="new_run_name", max_chars=80)
        if st.form_submit_button(
            "Check all rows", key="new_run_make", type="primary", icon=":material/rule:"
        ):
            with (
                outcome.show(rerun=False),
                st.spinner("Looking up customers, cards and earlier charges …"),
            ):
                run = ctx.services.runs.files.create_run(
                    upload,
                    name=wanted,
                    by=ctx.actor,
                    columns=columns,
                    default_currency=currency,
                    choices=choices,
                )
                _open(run.id)


def _open(run_id: str) -> None:
    runs = navigation.find("runs")
    if runs is not None:
        st.switch_page(runs.path, query_params={run_page.PARAM: run_id})


def _same_file(ctx: PageContext, upload: RunUpload) -> None:
    last = upload.earlier[0]
    runs = navigation.find("runs")
    st.warning(
        escape(
            f"This very file became the run “{last.name}” on {day(last.created_at, ctx.timezone)} already. "
            "What was charged then is not charged again."
        ),
        icon=":material/content_copy:",
    )
    if runs is not None:
        st.page_link(
            navigation.page(runs),
            label="See that run",
            icon=":material/arrow_forward:",
            query_params={run_page.PARAM: last.id},
        )


def _columns(upload: RunUpload) -> tuple[dict[str, int], str | None]:
    """What was guessed, open where a person has to look; and the currency of a file without one."""
    columns = uploads.columns(COLUMNS, upload.sheet, upload.guess, digest=upload.digest)
    currency = None
    if "currency" not in columns:
        currency = st.selectbox(
            "Currency of all rows",
            pickers.CURRENCY_CODES,
            index=None,
            key="new_run_currency",
            format_func=str.upper,
            placeholder="Choose one",
            width=200,
        )
    return columns, currency
