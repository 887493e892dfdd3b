"""Styles that the theme cannot express, in a few rules on Streamlit's test ids."""

from __future__ import annotations

import streamlit as st

# The theme draws a chosen pill in its primary colour, which must stay dark enough for the white
# text of the primary button. On a dark page it would then be too dark for words.
CHOSEN_ON_DARK = "#A5A6FA"
RADIO_BORDER = "#858DA1"
_ALWAYS = f"""
[data-testid="stCode"] > div:has([data-testid="stElementToolbarButton"]) {{
  opacity: 1; visibility: visible;
}}
[data-testid="stRadioOption"]:not([data-selected]) > div:first-of-type > div {{
  border-color: {RADIO_BORDER};
}}
"""
# A figure is never cut off, and its link begins where its number does.
_FIGURES = """
[data-testid="stMetricValue"], [data-testid="stMetricValue"] * {
  white-space: normal; overflow: visible; text-overflow: clip;
}
[data-testid="stVerticalBlock"]:has(> [data-testid="stElementContainer"] > [data-testid="stMetric"])
  [data-testid="stPageLink"] { margin-left: -0.5rem; }
"""
# Of a laptop's width, Streamlit leaves a sixth empty beside its tables.
_ROOM = """
@media (min-width: 736px) {
  [data-testid="stMainBlockContainer"] { padding-left: 2.5rem; padding-right: 2.5rem; }
}
"""
_DARK = f"""
[data-testid="stButtonGroup"] button[aria-checked="true"],
[data-testid="stButtonGroup"] button[aria-checked="true"] p {{ color: {CHOSEN_ON_DARK}; }}
"""


def apply() -> None:
    """Copy buttons one sees without hovering, radio buttons with an edge, readable chosen pills, room."""
    dark = st.context.theme.type == "dark"
    st.html(f"<style>{_ALWAYS}{_FIGURES}{_ROOM}{_DARK if dark else ''}</style>")
