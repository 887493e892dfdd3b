"""Above the rows of a run that is not started: what differs from the last one, and what to expect."""

from __future__ import annotations

import json

import streamlit as st

from lib.domain.runs import RunState
from lib.domain.variance import Change, Variance
from lib.money import format_money
from lib.services.runs.outlook import Outlook
from lib.services.runs.run_object import RunView
from lib.ui import run_words
from lib.ui.context import PageContext, Services
from lib.ui.formats import escape, plural, signed

_STATES = (RunState.DRAFT, RunState.AWAITING_APPROVAL, RunState.APPROVED, RunState.REJECTED)
_NAMED = 3


def draw(ctx: PageContext, view: RunView) -> None:
    """Nothing for a run that was started: its outcome says more than what was expected."""
    if view.run.state not in _STATES or not view.counts.get("planned"):
        return
    moment = json.dumps([view.counts, view.totals, view.run.state], sort_keys=True)
    outlook = _outlook(ctx.services, view.run.id, moment)
    with st.container(border=True, gap="small"):
        for line in (_expected(outlook), *_differences(outlook)):
            st.markdown(line)


# Reads some ten thousand rows, and changes only with the run: not with every click on the page.
@st.cache_data(ttl=60, max_entries=20, show_spinner=False)
def _outlook(_services: Services, run_id: str, moment: str) -> Outlook:
    del moment  # only tells one from another
    return _services.runs.outlooks.outlook(run_id)


def _expected(outlook: Outlook) -> str:
    forecast = outlook.expected
    if forecast is None:
        return (
            f":material/query_stats: {escape(plural(outlook.charges, 'earlier charge'))}: too few "
            "to say how many of these will be paid."
        )
    expected = run_words.totals(forecast.expected, most=len(forecast.expected))
    planned = run_words.totals(outlook.planned, most=len(outlook.planned))
    return (
        f":material/query_stats: About **{forecast.percent} %** will probably be paid: "
        f"{escape(expected)} of {escape(planned)}, judging by "
        f"{escape(plural(forecast.charges, 'earlier charge'))}."
    )


def _differences(outlook: Outlook) -> list[str]:
    variance = outlook.variance
    if variance is None:
        return [":material/difference: The first run: there is none to compare it with."]
    last = f"“{escape(outlook.last_run or '')}”"
    parts = _parts(variance, outlook)
    if not parts:
        return [f":material/difference: Like {last}: the same payers, and no unusual sums."]
    totals = [escape(_total(change)) for change in variance.totals if change.before != change.after]
    lines = [f":material/difference: Against {last}: {', '.join(parts)}."]
    if totals:
        lines.append(f":small[:gray[{'; '.join(totals)}]]")
    return lines


def _parts(variance: Variance, outlook: Outlook) -> list[str]:
    parts = []
    if variance.new:
        parts.append(
            f"**{plural(len(variance.new), 'new payer')}** ({escape(_some(variance.new, outlook))})"
        )
    if variance.missing:
        parts.append(
            f"**{plural(len(variance.missing), 'usual one')} missing** ({escape(_some(variance.missing, outlook))})"
        )
    for change in variance.changes:
        name = outlook.names.get(change.customer, change.customer)
        parts.append(
            f"{escape(name)} **{signed(change.percent)} %** ({escape(format_money(change.after, change.currency))})"
        )
    return parts


def _some(customers: tuple[str, ...], outlook: Outlook) -> str:
    names = [outlook.names.get(customer, customer) for customer in customers[:_NAMED]]
    more = len(customers) - len(names)
    return ", ".join(names) + (f" and {more:,} more" if more else "")


def _total(change: Change) -> str:
    before, now = (
        format_money(amount, change.currency) for amount in (change.before, change.after)
    )
    return f"{change.currency.upper()}: {now}, last time {before}"
