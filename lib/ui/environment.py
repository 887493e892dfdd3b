"""
The environment, visible on every page: practice, test or live.

The strip and the live line are the only styled HTML of the dashboard. Streamlit has no slim banner
(its alerts are as tall as a form field) and no element at the window's edge. All styles are inline
and touch nothing of Streamlit's own; the colours are readable on both themes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from lib.settings import Mode


@dataclass(frozen=True, slots=True)
class Environment:
    name: str
    strip: str
    background: str
    foreground: str
    """On the background: a contrast of at least 4.5."""


ENVIRONMENTS: dict[Mode, Environment] = {
    Mode.PRACTICE: Environment("Practice", "Practice mode: no money moves", "#F3B13C", "#332000"),
    Mode.TEST: Environment("Test mode", "Stripe test mode", "#2458C5", "#FFFFFF"),
    Mode.LIVE: Environment("LIVE", "", "#C8232C", "#FFFFFF"),
}
# A file: Streamlit would fetch a Material symbol for the browser's tab from the internet.
FAVICON = str(Path(__file__).parent / "assets" / "favicon.png")
_STRIP = (
    '<div role="status" style="background:{background};color:{foreground};border-radius:6px;'
    'padding:2px 12px;font-size:13px;line-height:20px;font-weight:600;text-align:center">'
    "{text}</div>"
)
_LINE = (
    '<div aria-hidden="true" style="position:fixed;top:0;left:0;right:0;height:4px;'
    'background:{background};z-index:1000001"></div>'
)
_LOGO = """<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="28" viewBox="0 0 {width} 28">
<rect x="1" y="5" width="26" height="18" rx="4" fill="#5B5BD6"/>
<rect x="1" y="9" width="26" height="4" fill="#FFFFFF" fill-opacity="0.85"/>
<path d="M8 18.2l2.6 2.3 4.9-4.6" fill="none" stroke="#FFFFFF" stroke-width="2" stroke-linecap="round" stroke-linejoin="round"/>
<text x="35" y="20.5" font-family="system-ui,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif" font-size="18" font-weight="700" fill="#6E6ADE">Onfile</text>
<rect x="100" y="5" width="{pill}" height="18" rx="9" fill="{background}"/>
<text x="{middle}" y="18" text-anchor="middle" font-family="system-ui,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif" font-size="11" font-weight="600" fill="{foreground}">{name}</text>
</svg>"""


def logo(mode: Mode) -> None:
    """The name and the environment at the top of the sidebar."""
    shown = ENVIRONMENTS[mode]
    pill = 16 + 7 * len(shown.name)
    st.logo(
        _LOGO.format(
            width=100 + pill,
            pill=pill,
            middle=100 + pill / 2,
            background=shown.background,
            foreground=shown.foreground,
            name=shown.name,
        )
    )


def sign(mode: Mode) -> None:
    """The same as text in the sidebar, where live mode has to be impossible to miss."""
    if mode is Mode.LIVE:
        st.badge("LIVE", icon=":material/bolt:", color="red")


def strip(mode: Mode) -> None:
    """Above every page."""
    shown = ENVIRONMENTS[mode]
    shape = _STRIP if shown.strip else _LINE
    st.html(
        shape.format(background=shown.background, foreground=shown.foreground, text=shown.strip)
    )
