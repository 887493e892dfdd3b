"""One charge run in full: where it stands, what to do next, and its rows."""

from __future__ import annotations

from datetime import datetime
from functools import partial

import streamlit as st

from lib.domain.approvals import RENEWABLE
from lib.domain.runs import OVER_STATES, RunState
from lib.errors import NotFound
from lib.services.runs.run_object import RunView
from lib.ui import (
    drawers,
    filters,
    layout,
    notice,
    row_panel,
    run_actions,
    run_announcement,
    run_buttons,
    run_certificate,
    run_corrections,
    run_kinds,
    run_outlook,
    run_overview,
    run_recovery,
    run_rows,
)
from lib.ui.context import PageContext
from lib.ui.formats import escape, when
from lib.ui.layout import Fact

PARAM = "run"
TABLE = "runs_rows"
DROPPED = "run_dropped"
_SHOWN = "run_page_shown"
_MOST_DROPPED = 20
_OF_VIEWS = (*run_rows.IN_ADDRESS, run_kinds.PARAM, run_recovery.REASON)


def draw(ctx: PageContext, run_id: str) -> None:
    if st.session_state.get(_SHOWN, run_id) != run_id:
        _forget_rows()
    st.session_state[_SHOWN] = run_id
    st.button(
        "All runs", key="run_back", type="tertiary", icon=":material/arrow_back:", on_click=_back
    )
    notice.watch(partial(ctx.services.reports.changes.run, run_id))
    try:
        view = ctx.services.runs.views.run(run_id)
    except NotFound:
        layout.empty("search_off", "No such run", "Check the address, or go back to all runs.")
        return
    run = view.run
    maker = ctx.services.users.find(run.created_by)
    sentence = f"Made by {maker.name if maker else run.created_by}, {when(run.created_at, ctx.now, ctx.timezone)}"
    if run.file_name:
        sentence += f", from {run.file_name}"
    actions = layout.header(escape(run.name), escape(sentence))
    with actions:
        run_buttons.buttons(ctx, view)
    st.markdown(" ".join(run_overview.badges_of(view)))
    # A place for what comes and goes: it must not move the field in which a person is typing.
    with st.container():
        if message := _why_it_rests(view):
            st.warning(escape(message), icon=":material/front_hand:")
    match _view(view):
        case "rows":
            run_rows.draw(ctx, view)
        case "failures":
            run_recovery.draw(ctx, view)
        case "certificate":
            run_certificate.draw(ctx, view)
        case _:
            _overview(ctx, view)


def _view(view: RunView) -> str:
    """The chosen one; an address that names a row, or what was found of rows, means these."""
    run, counts = view.run, view.counts
    views = {"overview": "Overview"}
    if run.started_at is not None and view.failed_still + counts.get("blocked", 0):
        views["failures"] = "Failures"
    views["rows"] = f"Rows · {sum(counts.values()):,}"
    if run_certificate.is_due(run):
        views["certificate"] = "Certificate"
    names_rows = run_rows.PARAM in st.query_params or run_kinds.PARAM in st.query_params
    if names_rows and filters.VIEW not in st.query_params:
        filters.go("rows")
    return filters.view("run_view", views, leaves=_OF_VIEWS)


def _overview(ctx: PageContext, view: RunView) -> None:
    """Is it done, what came in, what is left: and the step that needs more than a click."""
    waits_again = view.run.stop_code in RENEWABLE
    if waits_again:
        run_actions.decision(ctx, view)
    run_overview.draw(ctx, view)
    run_announcement.draw(ctx, view)
    if view.run.state is RunState.DRAFT:
        _dropped(view.run.id)
        # What is to be mended comes before what is to be submitted.
        run_kinds.draw(ctx, view)
        row_panel.next_blocked(ctx, view, 0, key="run_first_blocked")
        run_actions.decision(ctx, view)
    if view.run.state is RunState.AWAITING_APPROVAL:
        _to_decide(ctx, view)
    else:
        run_outlook.draw(ctx, view)
        run_corrections.draw(ctx, view)
        if not waits_again and view.run.state is not RunState.DRAFT:
            run_actions.decision(ctx, view)
    if view.run.started_at is None:
        run_overview.sums(view)
    _decisions(ctx, view)


def _to_decide(ctx: PageContext, view: RunView) -> None:
    """What is unusual stands beside the decision, and what was found and corrected above it."""
    run_kinds.draw(ctx, view)
    run_corrections.draw(ctx, view)
    left, right = st.columns([3, 2])
    with left:
        run_actions.decision(ctx, view)
    with right:
        run_outlook.draw(ctx, view)


def _why_it_rests(view: RunView) -> str | None:
    """Also where nobody has tried to go on yet: an approval that is too old, or whose giver has gone."""
    run, standing = view.run, view.standing
    if run.stop_message is None and run.state is not RunState.FINISHED and standing:
        return standing.stop.message if standing.stop else None
    return run.stop_message


def _dropped(run_id: str) -> None:
    """After the file was replaced: the decisions that were not kept."""
    of_run, dropped = st.session_state.get(DROPPED, ("", ()))
    if of_run == run_id and dropped:
        lines = [
            f"Row {one.row} ({one.reference or 'no reference'}), {one.what}: {one.why}."
            for one in dropped[:_MOST_DROPPED]
        ]
        if len(dropped) > _MOST_DROPPED:
            lines.append(f"And {len(dropped) - _MOST_DROPPED:,} more.")
        items = "\n".join(f"- {escape(line)}" for line in lines)
        st.warning(
            f"Decisions that were not kept, by the row of the old file:\n\n{items}",
            icon=":material/history:",
        )


def _back() -> None:
    _forget_rows()
    for name in (filters.VIEW, *_OF_VIEWS):
        st.query_params.pop(name, None)
    drawers.close(PARAM, TABLE)


def _forget_rows() -> None:
    """What was chosen of one run's rows says nothing of another's."""
    for key in [key for key in st.session_state if str(key).startswith(run_rows.TABLE)]:
        del st.session_state[key]


def _decisions(ctx: PageContext, view: RunView) -> None:
    run = view.run
    facts = []
    for decision in view.decisions:
        user = ctx.services.users.find(decision.by)
        word = "Approved" if decision.decision == "approve" else "Rejected"
        word += " again" if decision.is_renewal else ""
        current = "" if decision.digest == run.digest else " (of an earlier version)"
        text = f"{user.name if user else decision.by}, {when(decision.at, ctx.now, ctx.timezone)}{current}"
        facts.append(Fact(word, f"{text}: {decision.reason}" if decision.reason else text))
    if view.standing and view.standing.until and run.state not in OVER_STATES:
        until = datetime.fromtimestamp(view.standing.until, ctx.timezone)
        facts.append(Fact("Holds until", f"{until:%-d %b %Y, %H:%M}; then it is approved again"))
    if facts:
        st.subheader("Decisions", anchor=False)
        layout.facts(facts)
    layout.raw(
        [
            Fact("Run", run.id),
            Fact("Digest of what was approved", run.digest),
            Fact("Digest of the file", run.file_digest),
        ]
    )
