"""Styles that the theme cannot express, in a few rules on Streamlit's test ids."""

from __future__ import annotations

import functools
from pathlib import Path

import streamlit as st

# The theme draws a chosen pill in its primary colour, which must stay dark enough for the white
# text of the primary button. On a dark page it would then be too dark for words.
CHOSEN_ON_DARK = "#A5A6FA"
RADIO_BORDER = "#858DA1"
_ALWAYS = f"""
.st-key-notice_page, .st-key-notice_drawer, .st-key-notice_theme {{ display: none; }}
/* Streamlit writes code in a caption fainter than is readable. */
[data-testid="stCaptionContainer"] code {{ opacity: 1; color: inherit; }}
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
/* Beside the menu of a narrow window four would be cut off: two in a row. */
@media (max-width: 1000px) {
  [data-testid="stColumn"]:has([data-testid="stMetric"]):not(:has([data-testid="stColumn"])) {
    min-width: calc(50% - 1rem);
  }
  .st-key-month_panels > * > [data-testid="stHorizontalBlock"] > [data-testid="stColumn"],
  .st-key-month_panels > [data-testid="stHorizontalBlock"] > [data-testid="stColumn"] {
    min-width: calc(50% - 1rem);
  }
  .st-key-month_panels > * > [data-testid="stHorizontalBlock"] > [data-testid="stColumn"]:first-child,
  .st-key-month_panels > [data-testid="stHorizontalBlock"] > [data-testid="stColumn"]:first-child {
    min-width: 100%;
  }
}
[data-testid="stMarkdownContainer"]:has(> table) { overflow-x: auto; }
"""
# Of a laptop's width, Streamlit leaves a sixth empty beside its tables.
_ROOM = """
@media (min-width: 736px) {
  [data-testid="stMainBlockContainer"] { padding-left: 2.5rem; padding-right: 2.5rem; }
}
/* So that the first columns of a list fit beside the menu. */
@media (min-width: 736px) and (max-width: 1000px) {
  [data-testid="stMainBlockContainer"] { padding-left: 1.25rem; padding-right: 1.25rem; }
}
/* A page's sentence is not squeezed beside its buttons; these go below it. */
@media (max-width: 1000px) {
  [data-testid="stLayoutWrapper"]:has(> [data-testid="stVerticalBlock"] > [data-testid="stElementContainer"] h1) {
    min-width: min(18rem, 100%);
  }
}
"""
# Between the strip and the title, where every page is empty.
_SEARCH = """
.st-key-search_open { position: absolute; top: 2.25rem; right: 2.5rem; width: auto; }
@media (min-width: 736px) and (max-width: 1000px) { .st-key-search_open { right: 1.25rem; } }
.st-key-search_open button { min-height: 2.1rem; padding: 0.1rem 0.75rem; }
.st-key-search_open button p::after {
  content: "/"; margin-left: 0.75rem; padding: 0 0.35rem; border-radius: 4px; opacity: 0.7;
  border: 1px solid currentColor; font-size: 0.75rem;
}
"""
# What a list adds up to is seen before one has scrolled past its rows, in windows that have room for both.
_FOOT = """
[class*="_list_foot"] [data-testid="stMarkdownContainer"] p { font-size: 0.875rem; }
@media (min-height: 640px) {
[data-testid="stLayoutWrapper"]:has(> [class*="_list_foot"]) {
  position: sticky; bottom: 0; z-index: 3; padding: 0.5rem 0;
  background: %(backgroundColor)s; border-top: 1px solid %(borderColor)s;
}
}
"""
# Who is signed in, and the way out, stand at the window's foot however long the menu is.
_FRAME = """
[data-testid="stSidebarContent"] { background: inherit; display: flex; flex-direction: column; }
[data-testid="stSidebarUserContent"] {
  position: sticky; bottom: 0; z-index: 1; margin-top: auto; padding: 0.6rem 0 0.5rem;
  background: inherit; box-shadow: 0 -1px rgba(128, 128, 128, 0.25);
}
[data-testid="stSidebarUserContent"] [data-testid="stPageLink"] { margin: 0.2rem 0 -0.2rem -0.5rem; }
[data-testid="stSidebarUserContent"] p { font-size: 0.875rem; }
[data-testid="stSidebarNavSeparator"] { display: none; }
[data-testid="stSidebarHeader"] { margin-bottom: 0; flex-shrink: 0; }
[data-testid="stSidebarNav"] { flex-shrink: 0; }
/* Streamlit marks where the keyboard is in a menu as it marks the mouse, and not at all on the page one is on. */
[data-testid="stSidebarNavLink"]:focus-visible, [data-testid="stPageLink-NavLink"]:focus-visible {
  outline: 2px solid; outline-offset: -2px;
}
/* Above who is signed in, when a page further down is opened by its address. */
[data-testid="stSidebarNavLink"] { margin-top: 0; margin-bottom: 0; scroll-margin-bottom: 9rem; }
/* The toolbar of a table, which shows above it under the mouse, needs no more room than this. */
[data-testid="stElementContainer"]:has([data-testid="stDataFrame"]) { margin-top: 0.6rem; }
[data-testid="stDataFrame"] > [data-testid="stElementToolbar"] {
  top: -1.6rem !important; height: 1.6rem; padding: 0;
}
[data-testid="stDataFrame"] [data-testid="stElementToolbarButtonContainer"] { padding: 0; }
[data-testid="stDataFrame"] [data-testid="stElementToolbarButton"] button { padding: 0.1rem; min-height: 1.4rem; }
/* What only runs a script takes no room. */
[data-testid="stElementContainer"]:has(> [data-testid="stHtml"] > script:first-child) { display: none; }
@media (max-width: 1000px) {
  [data-testid="stSidebar"][data-collapsed="false"] {
    width: 200px !important; min-width: 200px !important;
  }
  [data-testid="stSidebarContent"] { padding-left: 0.5rem; padding-right: 0.5rem; }
  /* The longest name, in bold. */
  [data-testid="stSidebarNavLink"] { padding-right: 0; }
}
"""
_CHOSEN = """
[data-testid="stButtonGroup"] button[aria-checked="true"],
[data-testid="stButtonGroup"] button[aria-checked="true"] p { color: light-dark(%(primaryColor)s, %(on_dark)s); }
"""


def apply() -> None:
    """Copy buttons one sees without hovering, radio buttons with an edge, readable chosen pills, room."""
    chosen = _CHOSEN % {
        "primaryColor": st.get_option("theme.light.primaryColor"),
        "on_dark": CHOSEN_ON_DARK,
    }
    colors = {name: _in_both_themes(name) for name in ("backgroundColor", "borderColor")}
    st.html(
        f"<style>{_ALWAYS}{_FIGURES}{_ROOM}{_SEARCH}{_FOOT % colors}{_FRAME}{chosen}</style>"
        f"<script>{_script('rows.js')}{_script('search.js')}{_script('frame.js')}</script>",
        unsafe_allow_javascript=True,
    )


def _in_both_themes(name: str) -> str:
    """A colour that follows the browser at once: the page is not drawn anew when its theme changes."""
    light, dark = (st.get_option(f"theme.{theme}.{name}") for theme in ("light", "dark"))
    return f"light-dark({light}, {dark})"


@functools.cache
def _script(name: str) -> str:
    return (Path(__file__).parent / "assets" / name).read_text("utf-8")
