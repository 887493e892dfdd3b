"""The steps of a new run: rows in, columns agreed, a first look, and the draft."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pandas as pd
import streamlit as st

from lib.domain.files.run_columns import COLUMNS
from lib.errors import InvalidInput
from lib.services.runs.files import RunUpload
from lib.ui import (
    downloads,
    file_choices,
    file_preview,
    layout,
    navigation,
    outcome,
    pickers,
    run_page,
    run_words,
)
from lib.ui.context import PageContext
from lib.ui.formats import day, escape
from lib.ui.layout import Figure

SOURCES = {"file": "Upload a file", "paste": "Paste rows", "open": "Open references"}
_NOT_THERE = "–"
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
        # Those that are not read have their sentence, too.
        type=["csv", "tsv", "txt", "xlsx", "xls", "ods", "numbers", "pdf"],
        help="A heading, then one row for each charge: customer, amount, currency, reference.",
    )
    if file is None:
        _explain()
        return None
    encoding = file_choices.encoding(file.file_id)
    return _read(
        f"{file.file_id} {encoding}",
        lambda: ctx.services.runs.files.open(file.getvalue(), file.name, encoding=encoding),
        choose_anew=lambda: file_choices.choose_encoding(file.file_id, encoding or ""),
    )


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
    return _read(text, lambda: ctx.services.runs.files.open_pasted(text))


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


def _read(
    identity: str,
    opened: Callable[[], RunUpload],
    *,
    choose_anew: Callable[[], None] | None = None,
) -> RunUpload | None:
    """Read once, and not again with every choice on the page: a large file takes a second."""
    kept: tuple[str, RunUpload] | None = st.session_state.get(_READ)
    if kept is None or kept[0] != identity:
        try:
            kept = (identity, opened())
        except InvalidInput as problem:
            st.error(escape(str(problem)), icon=":material/error:")
            if choose_anew is not None and problem.field == "encoding":
                choose_anew()
            return None
        st.session_state[_READ] = kept
    upload = kept[1]
    origin = upload.sheet.origin
    if choose_anew is not None and (
        not origin.encoding_is_certain or file_choices.is_listed(origin)
    ):
        file_choices.explain_encoding(upload)
        choose_anew()
    return upload


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
    for note in upload.sheet.notes:
        st.info(escape(note.message), icon=":material/info:")
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
    st.caption(escape(parsed.reading.in_words()))
    file_preview.problems(parsed)
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
            runs.path,
            label="See that run",
            icon=":material/arrow_forward:",
            query_params={run_page.PARAM: last.id},
        )


def _columns(upload: RunUpload) -> tuple[dict[str, int], str | None]:
    """What was guessed, open where a person has to look; and the currency of a file without one."""
    header, guess = upload.sheet.header, upload.guess
    for doubt in guess.doubts:
        st.warning(escape(doubt), icon=":material/help:")
    indexes = list(range(len(header)))
    columns: dict[str, int] = {}
    with st.expander(
        "Columns", icon=":material/view_column:", expanded=bool(guess.missing or guess.doubts)
    ):
        places = st.columns(4)
        for at, column in enumerate(COLUMNS):
            chosen = places[at % 4].selectbox(
                column.label,
                indexes,
                index=guess.get(column.name),
                placeholder=_NOT_THERE,
                format_func=lambda index: header[index] or f"Column {index + 1}",
                key=f"new_run_column_{column.name}_{upload.digest[:12]}",
            )
            if chosen is not None:
                columns[column.name] = chosen
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
