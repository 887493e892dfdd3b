"""New run, for another file under a draft that exists: what was decided there is kept where it can be."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from lib.domain.files.readings import Choices
from lib.domain.runs import Run, RunState
from lib.errors import NotFound
from lib.services.runs.files import RunUpload
from lib.ui import navigation, outcome, run_buttons, run_page
from lib.ui.context import PageContext
from lib.ui.formats import escape, plural


def draft(ctx: PageContext) -> Run | None:
    """The one whose file is replaced, as the address says."""
    run_id = st.query_params.get(run_buttons.REPLACES)
    if not run_id:
        return None
    try:
        run = ctx.services.runs.control.find(run_id[:60])
    except NotFound:
        return None
    return run if run.state is RunState.DRAFT else None


def explain(run: Run) -> None:
    st.info(
        f"The file of the draft “{escape(run.name)}” is replaced. What was decided stays with rows whose "
        "customer, reference, amount and currency are unchanged.",
        icon=":material/upload_file:",
    )


def button(
    ctx: PageContext,
    run: Run,
    upload: RunUpload,
    columns: Mapping[str, int],
    currency: str | None,
    choices: Choices,
) -> None:
    if not st.button(
        "Replace and check all rows", key="new_run_replace", type="primary", icon=":material/rule:"
    ):
        return
    with (
        outcome.show(rerun=False),
        st.spinner("Looking up customers, cards and earlier charges …"),
    ):
        replacement = ctx.services.runs.files.replace(
            run.id,
            upload,
            by=ctx.actor,
            columns=columns,
            default_currency=currency,
            choices=choices,
        )
        st.session_state[run_page.DROPPED] = (run.id, replacement.dropped)
        outcome.flash(f"File replaced. Decisions kept in {plural(replacement.kept, 'row')}.")
        runs = navigation.find("runs")
        if runs is not None:
            st.switch_page(runs.path, query_params={run_page.PARAM: run.id})
