"""
The row of filters above a list: state as pills with counts, period, search, all in the address.

Streamlit's own `bind="query-params"` writes an option's label into the address and forgets the
choice when the label changes. Labels here carry counts, which change, so the address is kept by
hand and holds the option itself: `?sessions_state=open`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import streamlit as st

from lib.clock import epoch
from lib.ui import badges

PERIODS: dict[str, tuple[str, int]] = {
    "day": ("Last 24 hours", 1),
    "week": ("Last 7 days", 7),
    "month": ("Last 30 days", 30),
    "quarter": ("Last 90 days", 90),
}
# Also the most that reports look for; a longer text would only fill the address.
_LONGEST_SEARCH = 200


def states(
    key: str, counts: Mapping[str, int], *, labels: Mapping[str, str] | None = None
) -> str | None:
    """One pill per state, in the order of `counts`; None while all are shown."""
    names = labels or {}

    def label(state: str) -> str:
        return f"{names.get(state) or badges.look(state).label} · {counts[state]:,}"

    _restore(key, list(counts))
    return st.pills(
        "State",
        list(counts),
        key=key,
        format_func=label,
        label_visibility="collapsed",
        on_change=_keep,
        args=(key,),
    )


def period(key: str, now: datetime, *, otherwise: str = "All time") -> int | None:
    """Seconds since 1970 at which the chosen period begins; None when none is chosen."""
    _restore(key, list(PERIODS))
    chosen = st.selectbox(
        "Period",
        list(PERIODS),
        index=None,
        key=key,
        format_func=lambda name: PERIODS[name][0],
        placeholder=otherwise,
        label_visibility="collapsed",
        width=140,
        filter_mode=None,
        on_change=_keep,
        args=(key,),
    )
    return epoch(now - timedelta(days=PERIODS[chosen][1])) if chosen else None


def choice(key: str, labels: Mapping[str, str], *, label: str, otherwise: str) -> str | None:
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
        width=220,
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
    return (typed or "").strip()


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
