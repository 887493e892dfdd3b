"""
The panel at the right in which one row of a list is opened.

Which row is open stands in the address, so that it survives a reload and can be sent as a link.
"""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from lib.ui import tables
from lib.ui.formats import NONE, escape

_WIDTH = 620


def follow_address(param: str, table_key: str) -> None:
    """
    Before the table is drawn: after the browser's back button the address names no row any more,
    but the table still has one chosen, which would open again at once.
    """
    if param not in st.query_params and st.session_state.pop(_shown(param), None):
        close(param, table_key)


def opened(param: str, chosen: str | None) -> str | None:
    """The id to show: the row just chosen, else the one the address names. Unchecked."""
    if chosen is not None:
        st.query_params[param] = chosen
        st.session_state[_shown(param)] = chosen
        return chosen
    return st.query_params.get(param)


def close(param: str, table_key: str) -> None:
    """
    For callbacks: forget the row in the address and in the table. A row that was clicked after the drawer
    had gone from the screen, and came here together with its end, stays chosen.
    """
    st.query_params.pop(param, None)
    st.session_state.pop(_shown(param), None)
    tables.unmark(table_key)


def show(title: str, body: Callable[[], None], *, on_close: Callable[[], None]) -> None:
    """
    Draw `body` in the drawer. What happens in it reruns only `body`, so it must ask `require()`
    again before it acts.

    Args:
        title: plain text.
    """
    st.dialog(escape(title[:80]) or NONE, width=_WIDTH, position="right", on_dismiss=on_close)(
        body
    )()


def _shown(param: str) -> str:
    return f"drawers_{param}_shown"
