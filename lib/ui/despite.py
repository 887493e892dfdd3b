"""Findings that keep a charge back, and a reason for each finding that a person opens."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from lib.errors import InvalidInput
from lib.ui.formats import escape

Stopped = tuple[str, str]
"""Code and message of a finding that may be opened."""


def ask(stopped: Sequence[Stopped], *, key: str) -> dict[str, str]:
    """Inside a form: the reasons by code, of what was opened."""
    reasons: dict[str, str] = {}
    for code, message in stopped:
        st.warning(escape(message), icon=":material/block:")
        is_opened = st.checkbox("Charge it all the same", key=f"{key}_{code}_despite")
        reason = st.text_input(
            "Why", key=f"{key}_{code}_reason", max_chars=500, help="Kept in the audit log."
        )
        if is_opened:
            reasons[code] = reason
    return reasons


def check(stopped: Sequence[Stopped], reasons: dict[str, str]) -> None:
    """
    Raises:
        InvalidInput: something was not opened, or without a reason.
    """
    for code, message in stopped:
        if not reasons.get(code, "").strip():
            raise InvalidInput(
                f"{message} Tick “Charge it all the same” and say why, or change the charge. Nothing was charged.",
                field="note",
                code="note_missing",
            )
