"""The buttons beside a run's title: its next step, its results, and cancelling it."""

from __future__ import annotations

from functools import partial

import streamlit as st

from lib.domain import list_columns
from lib.domain.actors import Actor, Permission
from lib.domain.approvals import RENEWABLE
from lib.domain.runs import OVER_STATES, RunState
from lib.services.runs.files import RunFiles
from lib.services.runs.run_object import RunView
from lib.ui import asked_again, downloads, navigation, outcome, run_words
from lib.ui.context import PageContext
from lib.ui.formats import escape, plural

REPLACES = "replaces"
"""In the address of New run: the draft whose file is replaced there."""


def buttons(ctx: PageContext, view: RunView) -> None:
    """Beside the title: what moves the run on, and what holds it."""
    run = view.run
    # A place for each: a menu that takes the place of an open one would stand open, too.
    results, next_step, way_out = (st.container(width="content", horizontal=True) for _ in range(3))
    if run.started_at is not None or run.state in OVER_STATES:
        with results:
            _results(ctx, view)
    if not ctx.actor.may(Permission.CHARGE):
        return
    step = _STEPS.get(run.state)
    with next_step:
        if view.standing and view.standing.stop and run.state in _GO_ON:
            _ask_again(ctx, view)
        elif step is not None:
            step(ctx, view)
    if run.state not in OVER_STATES:
        with way_out:
            _cancel(ctx, view)


def _check(ctx: PageContext, view: RunView) -> None:
    spec = navigation.find("new_run")
    if spec is not None and st.button(
        "Replace the file",
        key="run_replace",
        icon=":material/upload_file:",
        help="What was decided stays with rows whose customer, reference, amount and currency are unchanged.",
    ):
        st.switch_page(spec.path, query_params={REPLACES: view.run.id})
    if st.button("Check again", key="run_check", icon=":material/refresh:"):
        with outcome.show("Checked by what is known now."):
            ctx.services.runs.drafts.check_again(view.run.id, by=ctx.actor)


def _start(ctx: PageContext, view: RunView) -> None:
    typed = asked_again.button(
        ctx,
        escape(run_words.to_charge(view)),
        key="run_start",
        kind="primary",
        icon=":material/play_arrow:",
        text="Starts the run: these cards are charged now.",
    )
    if typed is not None:
        with outcome.show("It begins in a moment."):
            ctx.services.runs.control.start(view.run.id, by=ctx.actor_again(typed))


def _pause(ctx: PageContext, view: RunView) -> None:
    if st.button("Pause", key="run_pause", icon=":material/pause:"):
        with outcome.show("Nothing new is sent."):
            ctx.services.runs.control.pause(view.run.id, by=ctx.actor)


def _resume(ctx: PageContext, view: RunView) -> None:
    typed = asked_again.button(
        ctx, "Resume", key="run_resume", kind="primary", icon=":material/play_arrow:"
    )
    if typed is not None:
        with outcome.show("It goes on in a moment."):
            ctx.services.runs.control.resume(view.run.id, by=ctx.actor_again(typed))


def _ask_again(ctx: PageContext, view: RunView) -> None:
    """Instead of going on, while its approval does not hold; once asked for, approvers have the next step."""
    if view.run.stop_code not in RENEWABLE and st.button(
        "Ask to approve again",
        key="run_ask_again",
        type="primary",
        icon=":material/approval_delegation:",
    ):
        with outcome.show("Approvers find it under Approvals."):
            ctx.services.runs.control.ask_again(view.run.id, by=ctx.actor)
    if view.run.state is RunState.APPROVED:
        _withdraw(ctx, view)


def _withdraw(ctx: PageContext, view: RunView) -> None:
    if st.button(
        "Change",
        key="run_withdraw",
        icon=":material/edit:",
        help="Back to draft. It then has to be approved again.",
    ):
        with outcome.show("It is a draft again."):
            ctx.services.runs.approvals.withdraw(view.run.id, by=ctx.actor)


_GO_ON = (RunState.APPROVED, RunState.PAUSED, RunState.STOPPED)
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
        st.caption(
            "**For accounting**: amounts and dates as such, with sums by currency and state."
        )
        downloads.for_accounting(
            list_columns.RUN_RESULTS,
            partial(ctx.services.reports.runs.results, run_id),
            sheet="Run results",
            name=f"{view.run.name}-accounting",
            key="run_accounting",
        )
        st.caption(
            "**To charge again**: every row as it came in, with its outcome. As the file of a new "
            "run it charges only what is safe to try again."
        )
        for label, ending in (("Excel workbook", "xlsx"), ("CSV file", "csv")):
            name = f"{view.run.name}-results.{ending}"
            downloads.file(
                partial(_content, files, run_id, name, ctx.actor),
                file_name=name,
                key=f"run_results_{ending}",
                label=f"{label} to charge again",
            )


def _content(files: RunFiles, run_id: str, file_name: str, by: Actor) -> bytes:
    return files.results(run_id, file_name, by=by)[1]
