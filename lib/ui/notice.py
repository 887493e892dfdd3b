"""
Pages that notice: what happened elsewhere shows by itself within five seconds.

A fragment asks one indexed question and draws nothing. Only an answer other than the last one draws
the page anew, or the drawer alone, and what a person is typing stays: each field is the same element.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import streamlit as st

from lib.reports.changes import Stamp
from lib.ui import auth
from lib.ui.context import require

_EVERY = "3s"
_PAGE, _DRAWER, _THEME = auth.NOTICED
# Streamlit draws a drawer again only by a widget in it; a run of the page takes an open drawer away,
# with all that was typed there. So a button is pressed that nobody sees, and a page waits for what is open.
_PRESS = {
    # Nor while the page is drawn, after a click that opens a drawer perhaps: the next look presses again.
    _PAGE: """(function press(tries) {
        if (document.querySelector("[role=dialog]")) return;
        if (window.onfileIsQuiet?.()) document.querySelector(".st-key-notice_page button")?.click();
        else if (tries) setTimeout(press, 100, tries - 1);
    })(30);""",
    _DRAWER: 'document.querySelector(".st-key-notice_drawer button")?.click()',
}


def watch(ask: Callable[[], Stamp]) -> None:
    """
    To stand before the page reads what it shows: what changes in between is then noticed, too.

    Args:
        ask: one of `reports.changes`, with what it is asked of.
    """
    _watch(ask, _PAGE)


def watch_drawer(ask: Callable[[], Stamp]) -> None:
    """The same in a drawer, whose parts each need a place of their own, such as `st.container()`."""
    _watch(ask, _DRAWER)


def follow_theme() -> None:
    """Once on every page, which assets/frame.js draws anew after the theme has changed."""
    st.button("Show in the new colours", key=_THEME)


def _watch(ask: Callable[[], Stamp], key: str) -> None:
    st.button("Show what has changed", key=key)
    st.fragment(run_every=_EVERY)(_look)(ask, ask(), key)


def _look(ask: Callable[[], Stamp], seen: Stamp, key: str) -> None:
    require(by_itself=True)
    if ask() != seen:
        # Another text each time, or the browser would not run again what went unheard.
        text = f"<script>{_PRESS[key]} /* {time.monotonic_ns()} */</script>"
        st.html(text, unsafe_allow_javascript=True)
