"""An open tab whose session is over shows the sign-in, although nobody clicks in it."""

from __future__ import annotations

import streamlit as st

from lib.ui.context import require


@st.fragment(run_every="10s")
def watch() -> None:
    """For every page; draws nothing."""
    # It stops the page too, also the one where a second factor is turned on.
    require(by_itself=True, before_second_factor=True)
