"""The buttons beside a run's title: its next step, its results, and cancelling it."""

from __future__ import annotations

from functools import partial

import streamlit as st

from lib.domain.actors import Permission
from lib.domain.runs import OVER_STATES, RunState
from lib.services.runs.files import RunFiles
from lib.services.runs.view import RunView
from lib.ui import downloads, outcome, run_words
from lib.ui.context import PageContext
from lib.ui.formats import escape, plural


def buttons(ctx: PageContext, view: RunView) -> None:
    """Beside the title: what moves the run on, and what holds it."""
    run = view.run
    if run.started_at is not None or run.state in OVER_STATES:
        _results(ctx, view)
    if not ctx.actor.may(Permission.CHARGE):
        return
    step = _STEPS.get(run.state)
    if step is not None:
        step(ctx, view)
    if run.state not in OVER_STATES:
        _cancel(ctx, view)


def _check(ctx: PageContext, view: RunView) -> None:
    if st.button("Check again", key="run_check", icon=":material/refresh:"):
        with outcome.show("Checked by what is known now."):
            ctx.services.runs.drafts.check_again(view.run.id, by=ctx.actor)


def _start(ctx: PageContext, view: RunView) -> None:
    if st.button(
        escape(run_words.to_charge(view)),
        key="run_start",
        type="primary",
        icon=":material/play_arrow:",
        help="Starts the run: these cards are charged now.",
    ):
        with outcome.show("It begins in a moment."):
            ctx.services.runs.control.start(view.run.id, by=ctx.actor)


def _pause(ctx: PageContext, view: RunView) -> None:
    if st.button("Pause", key="run_pause", icon=":material/pause:"):
        with outcome.show("Nothing new is sent."):
            ctx.services.runs.control.pause(view.run.id, by=ctx.actor)


def _resume(ctx: PageContext, view: RunView) -> None:
    if st.button("Resume", key="run_resume", type="primary", icon=":material/play_arrow:"):
        with outcome.show("It goes on in a moment."):
            ctx.services.runs.control.resume(view.run.id, by=ctx.actor)


def _withdraw(ctx: PageContext, view: RunView) -> None:
    if st.button(
        "Change",
        key="run_withdraw",
        icon=":material/edit:",
        help="Back to draft. It then has to be approved again.",
    ):
        with outcome.show("It is a draft again."):
            ctx.services.runs.approvals.withdraw(view.run.id, by=ctx.actor)


_STEPS = {
    RunState.DRAFT: _check,
    RunState.APPROVED: _start,
    RunState.RUNNING: _pause,
    RunState.PAUSED: _resume,
    RunState.STOPPED: _resume,
    RunState.AWAITING_APPROVAL: _withdraw,
    RunState.REJECTED: _withdraw,
}


def _cancel(ctx: PageContext, view: RunView) -> None:
    with st.popover("Cancel", icon=":material/cancel:"):
        planned = view.counts.get("planned", 0)
        st.markdown(f"{plural(planned, 'row')} would not be charged any more. What was sent stays.")
        if st.button("Cancel this run", key="run_cancel", type="primary"):
            with outcome.show("Cancelled. What was not sent is not charged."):
                ctx.services.runs.control.cancel(view.run.id, by=ctx.actor)


def _results(ctx: PageContext, view: RunView) -> None:
    run_id, files = view.run.id, ctx.services.runs.files
    with st.popover("Results", icon=":material/download:"):
        st.caption("Every row as it came in, and what came of it.")
        for label, ending in (("Excel workbook", "xlsx"), ("CSV file", "csv")):
            name = f"{view.run.name}-results.{ending}"
            downloads.file(
                partial(_content, files, run_id, name),
                file_name=name,
                key=f"run_results_{ending}",
                label=label,
            )


def _content(files: RunFiles, run_id: str, file_name: str) -> bytes:
    return files.results(run_id, file_name)[1]
