"""The first view of a run: is it done, what came in, and what is left to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC

import pandas as pd
import streamlit as st

from lib.domain.runs import RUNS_AT_ONCE, UNPAID, RunState
from lib.printing.certificates import RESULTS
from lib.services.runs.run_object import RunView
from lib.ui import auth, badges, filters, layout, run_certificate, run_rows, run_words, tables
from lib.ui.context import PageContext, require
from lib.ui.formats import escape, plural
from lib.ui.layout import Figure

# Charges that are over, whatever came of them; `unknown` ones are being found out.
_OVER = ("succeeded", "processing", "declined", "needs_customer")
_NEVER_SENT = ("blocked", "cancelled")
_LIVE = ("attempting", "unknown", *_OVER, "planned", *_NEVER_SENT)
_ROWS = "rows"
_PAID = "Paid"
_STOPPED = "stopped_rows"


def badges_of(view: RunView) -> list[str]:
    """Its state, and of a finished one what came of it: finished says nothing of money."""
    shown = [badges.badge(view.run.state.value)]
    if view.outcome is not None:
        unpaid = sum(view.counts.get(state, 0) for state in UNPAID)
        shown.append(badges.badge(view.outcome.value, detail=f"{unpaid:,}" if unpaid else ""))
    return shown


def draw(ctx: PageContext, view: RunView) -> None:
    if view.run.state is RunState.RUNNING:
        _live(view.run.id)
        return
    _figures(view)
    if view.run.started_at is not None:
        _to_do(ctx, view)
        sums(view)


def _figures(view: RunView) -> None:
    """Rows by what came of them, each a link to them."""
    counts = view.counts
    if view.run.started_at is None:
        shown = [
            Figure("Rows", f"{sum(counts.values()):,}"),
            Figure(
                "To charge",
                f"{view.chargeable.rows:,}",
                note=f"and {view.stopped.rows:,} stopped" if view.stopped.rows else "",
                help=run_words.stopped(view),
            ),
            _figure(
                view, "Blocked", "blocked", help="Our own rules keep these back; each says why."
            ),
            _figure(view, "Left out", "cancelled"),
        ]
    else:
        failed = counts.get("declined", 0) + counts.get("needs_customer", 0)
        shown = [
            _figure(view, _PAID, "succeeded"),
            _figure(
                view,
                "Processing",
                "processing",
                help="The bank takes some days. Not a failure, and not money yet.",
            ),
            Figure(
                "Failed",
                f"{failed:,}",
                page="runs" if failed else "",
                query={"run": view.run.id, filters.VIEW: "failures"},
                help="Declined by the bank, or to be confirmed by the customer.",
            ),
            _figure(
                view, "Blocked", "blocked", help="Our own rules kept these back; each says why."
            ),
        ]
    layout.figures(shown)


def _figure(view: RunView, label: str, state: str, *, help: str = "") -> Figure:
    count = view.counts.get(state, 0)
    # The rows of a draft have no pills by state.
    if not count or view.run.started_at is None:
        return Figure(label, f"{count:,}", help=help)
    query = {"run": view.run.id, filters.VIEW: _ROWS, run_rows.STATE: state}
    return Figure(label, f"{count:,}", page="runs", query=query, help=help)


def _counted(counts: Mapping[str, int]) -> str:
    """All rows, and those that are in no figure."""
    gone = counts.get("cancelled", 0)
    also = f", {gone:,} left out or cancelled" if gone else ""
    return f"{plural(sum(counts.values()), 'row')} in all{also}"


def sums(view: RunView) -> None:
    """By currency and state."""
    states = [state for state in badges.STATES if any(state in of for of in view.totals.values())]
    stopped, chargeable = view.stopped.totals, view.chargeable.totals
    frame = pd.DataFrame(
        [
            {"currency": code, "code": code.upper()}
            | {state: of.get(state) for state in states}
            | ({"planned": chargeable.get(code), _STOPPED: stopped.get(code)} if stopped else {})
            for code, of in view.totals.items()
        ]
    )
    if frame.empty:
        return
    columns = {
        state: tables.amount(
            _PAID
            if state == "succeeded"
            else badges.look(run_words.shown_state(view.run, state)).label
        )
        for state in states
    }
    if stopped:
        columns[_STOPPED] = tables.amount("Stopped")
    tables.listing(
        frame,
        {"code": tables.text("Currency", width=90)} | columns,
        key="run_sums",
        alt="Sums by currency and state",
        timezone=UTC,
    )


@dataclass(frozen=True, slots=True)
class _Left:
    """One thing that is not done, and the button to where it is looked at."""

    state: str
    words: str
    button: str


def _left(view: RunView) -> list[_Left]:
    counts = view.counts
    failed, blocked, planned, processing = (
        view.failed_still,
        *(counts.get(state, 0) for state in ("blocked", "planned", "processing")),
    )
    unknown = counts.get("unknown", 0) + counts.get("attempting", 0)
    lines = (
        (failed, "row failed and is", "rows failed and are", "still owed.", "See failures"),
        (blocked, "row is", "rows are", "blocked: nothing was sent for it.", "See what is blocked"),
        (planned, "row is", "rows are", "not sent yet.", ""),
        (
            processing,
            "row is",
            "rows are",
            "processing: the bank takes some days, and the result shows here by itself.",
            "",
        ),
        (
            unknown,
            "outcome is",
            "outcomes are",
            "not known yet: Onfile is finding out, and charges nothing twice.",
            "See what is unknown",
        ),
    )
    states = ("declined", "blocked", "planned", "processing", "unknown")
    return [
        _Left(state, f"{plural(count, one, several)} {rest}", button)
        for state, (count, one, several, rest, button) in zip(states, lines, strict=True)
        if count
    ]


def _to_do(ctx: PageContext, view: RunView) -> None:
    with st.container(border=True, gap="small"):
        st.markdown(f"**What is left to do** · :gray[{_counted(view.counts)}]")
        left = _left(view)
        for place, one in enumerate(left):
            if _line(one.state, one.words, one.button, is_next=place == 0):
                filters.go("failures" if one.state == "declined" else _ROWS)
                if one.state != "declined":
                    st.query_params[run_rows.STATE] = one.state
                st.rerun()
        if not left:
            _line("succeeded", "Nothing: all that was sent is paid, or was collected since.", "")
        if run_certificate.is_due(view.run):
            certificate = ctx.services.runs.certificates.last(view.run.id)
            state = f"certificate_{certificate.result}" if certificate else "not_compared"
            words = RESULTS[certificate.result] if certificate else "Not compared with Stripe yet."
            if _line(state, words, "See certificate"):
                filters.go("certificate")
                st.rerun()


def _line(state: str, words: str, button: str, *, is_next: bool = False) -> bool:
    shown = badges.look(state)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f":{shown.color}[:material/{shown.icon}:] {escape(words)}", width="stretch")
        return bool(button) and st.button(
            button, key=f"run_left_{state}", type="primary" if is_next else "secondary"
        )


@st.fragment(run_every="2s")
def _live(run_id: str) -> None:
    """Watches only: the worker goes on whether or not anybody looks."""
    ctx = require(by_itself=True)
    view = ctx.services.runs.views.run(run_id)
    if view.run.state is RunState.RUNNING:
        _progress(ctx, view)
    _figures(view)
    sums(view)
    if view.run.state is not RunState.RUNNING:
        auth.rerun_by_itself()


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
            "Nothing is being charged at this moment. It goes on by itself within seconds; "
            "if it does not, tell whoever looks after Onfile."
        )
    return f"Waits for its turn. Being charged now: {', '.join(others)}."


def _duration(seconds: int) -> str:
    minutes = seconds // 60
    return plural(minutes, "minute") if minutes else plural(seconds, "second")
