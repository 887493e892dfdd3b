"""
The row of filters above a list: state as pills with counts, period, search, all in the address.

Streamlit's own `bind="query-params"` writes an option's label into the address and forgets the
choice when the label changes. Labels here carry counts, which change, so the address is kept by
hand and holds the option itself: `?sessions_state=open`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

import streamlit as st

from lib.clock import epoch
from lib.domain import periods
from lib.domain.days import day_of
from lib.domain.identity import search_text
from lib.domain.periods import ALWAYS, Period
from lib.ui import badges

VIEW = "view"
# What the list of periods has beside their names.
_DAYS = "days"
ORDERS = {"largest": "Largest amount first", "smallest": "Smallest amount first"}
# Also the most that reports look for; a longer text would only fill the address.
_LONGEST_SEARCH = 200


def states(
    key: str,
    counts: Mapping[str, int | None],
    *,
    labels: Mapping[str, str] | None = None,
    rare: Collection[str] = (),
) -> str | None:
    """
    One pill per state, in the order of `counts`, None for a number that is not known; returns None
    while all are shown.

    Args:
        rare: those that have a pill only while there are some, or while the address names them.
    """
    names = labels or {}
    named = st.query_params.get(key)
    options = [state for state in counts if counts[state] or state not in rare or state == named]

    def label(state: str) -> str:
        name = names.get(state) or badges.look(state).label
        return name if counts[state] is None else f"{name} · {counts[state]:,}"

    _restore(key, options)
    return st.pills(
        "State",
        options,
        key=key,
        format_func=label,
        label_visibility="collapsed",
        on_change=_keep,
        args=(key,),
    )


def view(key: str, names: Mapping[str, str], *, leaves: Collection[str] = ()) -> str:
    """
    Which of a page's views is shown, as `?view=` says; the first of `names` needs no address.

    Args:
        leaves: what the address says of a view, dropped when another one is chosen.
    """
    first, named = next(iter(names)), st.query_params.get(VIEW)
    shown = named if named and named in names else first
    st.session_state[key] = shown
    st.segmented_control(
        "View",
        list(names),
        key=key,
        required=True,
        format_func=lambda name: names[name],
        label_visibility="collapsed",
        on_change=_keep_view,
        args=(key, first, leaves),
    )
    return shown


def go(view: str) -> None:
    """For callbacks: to another view of the page."""
    st.query_params[VIEW] = view


def _keep_view(key: str, first: str, leaves: Collection[str]) -> None:
    for name in leaves:
        st.query_params.pop(name, None)
    chosen = st.session_state.get(key)
    if chosen and chosen != first:
        st.query_params[VIEW] = chosen
    else:
        st.query_params.pop(VIEW, None)


def period(key: str, now: datetime, timezone: str, *, otherwise: str = "All time") -> Period:
    """
    Whole days of the installation; `ALWAYS` when none are chosen.

    The address has the name of a period, or its days: `?charges_period=2026-11-01..2026-11-15`.
    """
    named = st.query_params.get(key, "")
    chosen = periods.named(named, day_of(epoch(now), timezone))
    has_days = named == _DAYS or (chosen is not None and named not in periods.NAMES)
    st.session_state[key] = _DAYS if has_days else named if chosen else None
    st.selectbox(
        "Period",
        [*periods.NAMES, _DAYS],
        index=None,
        key=key,
        format_func=lambda name: periods.NAMES.get(name, "From – to"),
        placeholder=otherwise,
        label_visibility="collapsed",
        width=140,
        filter_mode=None,
        on_change=_keep,
        args=(key,),
    )
    if has_days:
        # Other days in the address are another widget: its own would be in the way of theirs.
        days_key = f"{key}_days_{named}"
        st.date_input(
            "Days",
            value=[day for day in (chosen.first, chosen.last) if day] if chosen else [],
            key=days_key,
            format="YYYY-MM-DD",
            label_visibility="collapsed",
            width=230,
            on_change=_keep_days,
            args=(key, days_key),
        )
    return chosen or ALWAYS


def order(key: str) -> str | None:
    """By amount, or None for the newest first: a table cannot order rows that it does not show."""
    return choice(key, ORDERS, label="Order", otherwise="Newest first", width=190)


def turn_order(key: str, column: str) -> None:
    """For a click on a heading: amounts from the largest, from the smallest, not at all; time as it was."""
    following = {None: "largest", "largest": "smallest"}
    chosen = following.get(st.query_params.get(key)) if column == "amount" else None
    if chosen:
        st.query_params[key] = chosen
    else:
        st.query_params.pop(key, None)


def choice(
    key: str, labels: Mapping[str, str], *, label: str, otherwise: str, width: int = 220
) -> str | None:
    """One of a few names, such as who did something; None for `otherwise`."""
    _restore(key, list(labels))
    return st.selectbox(
        label,
        list(labels),
        index=None,
        key=key,
        format_func=lambda name: labels[name],
        placeholder=otherwise,
        label_visibility="collapsed",
        width=width,
        on_change=_keep,
        args=(key,),
    )


def search(key: str, placeholder: str, *, width: int = 300) -> str:
    """Searches while one types."""
    typed = st.text_input(
        "Search",
        key=key,
        type="search",
        live=True,
        bind="query-params",
        width=width,
        placeholder=placeholder,
        label_visibility="collapsed",
        max_chars=_LONGEST_SEARCH,
    )
    return search_text(typed or "")


def _restore(key: str, options: Sequence[str]) -> None:
    """The address decides, also after the browser's back button; what it cannot mean is dropped."""
    named = st.query_params.get(key)
    st.session_state[key] = named if named in options else None


def _keep(key: str) -> None:
    chosen = st.session_state.get(key)
    if chosen:
        st.query_params[key] = chosen
    else:
        st.query_params.pop(key, None)


def _keep_days(key: str, days_key: str) -> None:
    days = st.session_state.get(days_key) or ()
    if len(days) == 2:
        st.query_params[key] = str(Period(*days))
