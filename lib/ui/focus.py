"""The keyboard's place: where the next step of a page begins, for those who work without a mouse."""

from __future__ import annotations

import functools
import hashlib
import json
from pathlib import Path

import streamlit as st


def on(step: str, selector: str) -> None:
    """
    Put the focus there once for each step. To be called in every run at the same place of the page, before
    anything that comes and goes: the browser runs a script again when its text or its place is another.

    Args:
        step: another text whenever the focus should move.
        selector: of CSS, such as ".st-key-new_charge_amount input"; never from outside.
    """
    mark = hashlib.sha256(step.encode()).hexdigest()[:16]
    script = _script().replace("SELECTOR", json.dumps(selector))
    st.html(f"<script>/* {mark} */\n{script}</script>", unsafe_allow_javascript=True)


@functools.cache
def _script() -> str:
    return (Path(__file__).parent / "assets" / "focus.js").read_text("utf-8")
