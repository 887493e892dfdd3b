"""One charge run in full: where it stands, what to do next, and its rows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC

import pandas as pd
import streamlit as st

from lib.domain.runs import RUNS_AT_ONCE, RunState
from lib.errors import NotFound
from lib.services.runs.view import RunView
from lib.ui import (
    badges,
    charge_words,
    drawers,
    failures,
    filters,
    layout,
    run_actions,
    run_buttons,
    run_certificate,
    run_outlook,
    run_recovery,
    run_words,
    tables,
)
from lib.ui.context import PageContext, require
from lib.ui.formats import escape, plural, when
from lib.ui.layout import Fact, Figure

PARAM = "run"
TABLE = "runs_rows"
_PAGE = 50
_AFTER = "run_rows_after"
# Charges that are over, whatever came of them; `unknown` ones are being found out.
_OVER = ("succeeded", "processing", "declined", "needs_customer")
_NEVER_SENT = ("blocked", "cancelled")
_LIVE = ("attempting", "unknown", *_OVER, "planned", *_NEVER_SENT)
_MOVED = ("succeeded", "processing")


def draw(ctx: PageContext, run_id: str) -> None:
    st.button(
        "All runs", key="run_back", type="tertiary", icon=":material/arrow_back:", on_click=_back
    )
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
    st.markdown(badges.badge(run.state.value))
    if run.stop_message:
        st.warning(escape(run.stop_message), icon=":material/front_hand:")
    if run.state is RunState.RUNNING:
        _live(run_id)
    else:
        _figures(view)
    run_outlook.draw(ctx, view)
    run_actions.decision(ctx, view)
    if run.state is not RunState.RUNNING:
        _failures(ctx, run_id)
    run_recovery.draw(ctx, view)
    run_certificate.draw(ctx, view)
    _rows(ctx, view)
    _decisions(ctx, view)


def _back() -> None:
    st.query_params.pop(_AFTER, None)
    drawers.close(PARAM, TABLE)


def _figures(view: RunView) -> None:
    """Rows, and sums by currency: what can be charged before, what came of it afterwards."""
    waits, counts = view.run.started_at is None, view.counts
    charged = sum(counts.get(state, 0) for state in _MOVED)
    failed = counts.get("declined", 0) + counts.get("needs_customer", 0)
    layout.figures(
        [
            Figure("Rows", f"{sum(counts.values()):,}", help="" if waits else _others(counts)),
            Figure("To charge", f"{counts.get('planned', 0):,}")
            if waits
            else Figure("Charged", f"{charged:,}"),
            Figure(
                "Blocked",
                f"{counts.get('blocked', 0):,}",
                help="Our own rules keep these back; each says why.",
            ),
            Figure("Left out", f"{counts.get('cancelled', 0):,}")
            if waits
            else Figure("Failed", f"{failed:,}"),
        ]
    )
    states = [state for state in badges.STATES if any(state in of for of in view.totals.values())]
    sums = pd.DataFrame(
        [
            {"currency": code, "code": code.upper()} | {state: of.get(state) for state in states}
            for code, of in view.totals.items()
        ]
    )
    if not sums.empty:
        columns = {state: tables.amount(badges.look(state).label) for state in states}
        tables.listing(
            sums,
            {"code": tables.text("Currency", width=90)} | columns,
            key="run_sums",
            alt="Sums by currency and state",
            timezone=UTC,
        )


def _others(counts: Mapping[str, int]) -> str:
    """Rows of a started run that are in no other figure."""
    parts = (
        ("left out or cancelled", counts.get("cancelled", 0)),
        ("not sent yet", counts.get("planned", 0)),
        ("not known yet", counts.get("attempting", 0) + counts.get("unknown", 0)),
    )
    named = [f"{count:,} {words}" for words, count in parts if count]
    return f"Also counted here: {', '.join(named)}." if named else ""


@st.fragment(run_every="2s")
def _live(run_id: str) -> None:
    """Watches only: the worker goes on whether or not anybody looks."""
    ctx = require()
    view = ctx.services.runs.views.run(run_id)
    if view.run.state is RunState.RUNNING:
        _progress(ctx, view)
    _figures(view)
    _failures(ctx, run_id)
    if view.run.state is not RunState.RUNNING:
        st.rerun()


def _progress(ctx: PageContext, view: RunView) -> None:
    """Of the rows that are sent: those kept back or left out neither take time nor end."""
    counts, reports = view.counts, ctx.services.reports.runs
    over = sum(counts.get(state, 0) for state in _OVER)
    total = sum(n for state, n in counts.items() if state not in _NEVER_SENT)
    words = f"{over:,} of {plural(total, 'row')}"
    rate = reports.pace(view.run.id)
    if rate:
        words += f" · {rate:.1f} a second"
        if over < total:
            words += f" · about {_duration(round((total - over) / rate))} left"
    st.progress(over / total if total else 1.0, text=words)
    shown = [(state, counts[state]) for state in _LIVE if counts.get(state)]
    st.markdown(" ".join(badges.badge(state, detail=f"{n:,}") for state, n in shown))
    if not view.run.has_executor(int(ctx.now.timestamp())):
        st.caption(escape(_waits_for(reports.executed_now(besides=view.run.id))))


def _waits_for(others: list[str]) -> str:
    if len(others) < RUNS_AT_ONCE:
        return (
            "No process executes it at this moment. The worker looks for such runs twice a second."
        )
    return f"Waits for its turn. Being executed now: {', '.join(others)}."


def _duration(seconds: int) -> str:
    minutes = seconds // 60
    return plural(minutes, "minute") if minutes else plural(seconds, "second")


def _failures(ctx: PageContext, run_id: str) -> None:
    frame = ctx.services.reports.runs.failures(run_id)
    if not frame.empty:
        failures.chart(failures.by_reason(frame))
        steps = frame.assign(label=[charge_words.reason(code) for code in frame["reason"]])
        tables.listing(
            steps.sort_values(["count", "label"], ascending=[False, True]),
            {
                "label": tables.text("Reason", width=200),
                "count": tables.number("Rows", width=60),
                "amount": tables.amount(width=110),
                "next_step": tables.text("What to do", width=430),
            },
            key="run_failures",
            alt="Failures by reason and currency, with what to do next",
            timezone=ctx.timezone,
            wraps=True,
        )


def _rows(ctx: PageContext, view: RunView) -> None:
    run = view.run
    st.subheader("Rows", anchor=False)
    is_draft = run.started_at is None
    with st.container(horizontal=True, vertical_alignment="center"):
        search = filters.search("run_rows_search", "Customer, reference or any cell")
        severity = (
            filters.choice(
                "run_rows_verdict", run_words.SEVERITIES, label="Check", otherwise="All rows"
            )
            if is_draft
            else None
        )
    state = None
    if not is_draft:
        state = filters.states("run_rows_state", {name: n for name, n in view.counts.items() if n})
    after = st.query_params.get(_AFTER, "0")
    frame, more = ctx.services.reports.runs.rows(
        run.id,
        states=(state,) if state else (),
        severity=severity,
        search=search,
        after=int(after) if after.isdecimal() else 0,
        rows=_PAGE,
    )
    if frame.empty:
        layout.empty("filter_alt_off", "No row matches", "Clear the search, or show all rows.")
        return
    columns = {
        "number": tables.number("Row", width=52),
        "name": tables.text("Customer", width=150),
        "reference": tables.text("Reference", width=92),
        "amount": tables.amount(width=96),
        "state": tables.state(width=132),
        "why": tables.text("What to know", width=270),
        "method": tables.text("Saved method", width=170),
    }
    chosen = tables.table(
        frame,
        columns,
        key="run_rows",
        alt="Rows of this run in the order of the file",
        timezone=ctx.timezone,
        wraps=True,
    )
    _pager(after, more, len(frame))
    if chosen:
        row = frame[frame["id"].astype(str) == chosen].iloc[0]
        run_actions.row(ctx, view, row)


def _pager(after: str, more: int | None, shown: int) -> None:
    with st.container(horizontal=True, horizontal_alignment="right", vertical_alignment="center"):
        st.caption(plural(shown, "row"), width="stretch")
        if after != "0" and st.button(
            "First rows", key="run_rows_first", icon=":material/first_page:"
        ):
            st.query_params.pop(_AFTER, None)
            st.rerun()
        if more is not None and st.button(
            "Next rows", key="run_rows_next", icon=":material/chevron_right:"
        ):
            st.query_params[_AFTER] = str(more)
            st.rerun()


def _decisions(ctx: PageContext, view: RunView) -> None:
    run = view.run
    facts = []
    for decision in view.decisions:
        user = ctx.services.users.find(decision.by)
        word = "Approved" if decision.decision == "approve" else "Rejected"
        current = "" if decision.digest == run.digest else " (of an earlier version)"
        text = f"{user.name if user else decision.by}, {when(decision.at, ctx.now, ctx.timezone)}{current}"
        facts.append(Fact(word, f"{text}: {decision.reason}" if decision.reason else text))
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
