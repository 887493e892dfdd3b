"""Words for runs: sums, findings, and the way to a new one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
import streamlit as st

from lib.domain.actors import Permission
from lib.domain.approvals import stopped_in_words
from lib.domain.runs import CollectedElsewhere, Run, RunState
from lib.money import format_money
from lib.reports.frames import records
from lib.services.runs.run_object import RunView
from lib.ui import navigation
from lib.ui.context import PageContext
from lib.ui.formats import plural

SEVERITIES = {"green": "Ready", "amber": "Look at it", "red": "Blocked"}
_MOST_SUMS = 2
_BEFORE_THE_START = {"planned": "to_charge", "cancelled": "left_out"}


def totals(amounts: Mapping[str, int], *, most: int = _MOST_SUMS) -> str:
    """Minor units by currency as "€1,234.50 · ¥5,000"."""
    sums = [format_money(amount, code) for code, amount in amounts.items() if amount]
    shown = " · ".join(sums[:most])
    return f"{shown} · {len(sums) - most} more" if len(sums) > most else shown


def by_currency(frame: pd.DataFrame) -> pd.DataFrame:
    """One line a run and currency, with its `amount`; a run without any keeps its line."""
    rows = [
        row | {"currency": code, "amount": amount}
        for row in records(frame)
        for code, amount in (row["totals"] or {"": None}).items()
    ]
    return pd.DataFrame(rows, dtype=object)


def all_planned(view: RunView) -> str:
    """Every sum of the rows that a run would charge."""
    sums = view.chargeable.totals
    return totals(sums, most=len(sums))


def stopped(view: RunView) -> str:
    """With every sum; empty without any."""
    held = view.stopped
    return stopped_in_words(held.rows, totals(held.totals, most=len(held.totals)))


def to_charge(view: RunView) -> str:
    """ "Charge 10 rows: €724.50 · £120.00": what starting it does, short enough for a button."""
    sums = [
        format_money(states["planned"], code)
        for code, states in view.totals.items()
        if states.get("planned")
    ]
    more = " and more" if len(sums) > _MOST_SUMS else ""
    rows = plural(view.counts.get("planned", 0), "row")
    return f"Charge {rows}: {' · '.join(sums[:_MOST_SUMS])}{more}"


def shown_state(run: Run, state: str) -> str:
    """Before a run starts its rows are to be charged or left out; nothing was cancelled yet."""
    if run.started_at is not None or run.state is RunState.CANCELLED:
        return state
    return _BEFORE_THE_START.get(state, state)


def elsewhere(collected: Sequence[CollectedElsewhere]) -> str:
    """In a sentence or two, with the sums by place: by which run, or singly."""
    by_run: dict[str | None, list[str]] = {}
    for one in collected:
        by_run.setdefault(one.run_id, []).append(format_money(one.amount, one.currency))
    places = {
        one.run_id: f"by the run “{one.run_name}”" if one.run_id else "singly" for one in collected
    }
    parts = [f"{' and '.join(sums)} {places[run]}" for run, sums in by_run.items()]
    return f"Collected later of what failed here: {'; '.join(parts)}. These sums count there, not in this run."


def new_run(ctx: PageContext, *, key: str) -> None:
    """The button, where there is such a page and the person may."""
    spec = navigation.find("new_run")
    if (
        spec is not None
        and ctx.actor.may(Permission.CHARGE)
        and st.button("New run", key=key, type="primary", icon=":material/playlist_add:")
    ):
        st.switch_page(spec.path)
