"""What the tests of the charge pages share: choosing rows, reading what is said, money that moved."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest


def choose(at: AppTest, table: str, row: int = 0) -> AppTest:
    at.session_state[table] = {"selection": {"rows": [row], "columns": [], "cells": []}}
    return ran(at.run())


def ran(at: AppTest) -> AppTest:
    assert not at.exception
    return at


def button(at: AppTest, beginning: str):
    """By the start of its key: keys of widgets that act end in what the person saw."""
    return next(found for found in at.button if (found.key or "").startswith(beginning))


def buttons(at: AppTest) -> set[str]:
    return {found.key or "" for found in at.button}


def field(at: AppTest, beginning: str):
    return next(found for found in at.text_input if (found.key or "").startswith(beginning))


def text(at: AppTest) -> str:
    """Everything that is written, without Markdown's backslashes."""
    kinds = (at.markdown, at.caption, at.text, at.error, at.warning, at.info, at.success, at.metric)
    return "\n".join(str(found.value) for kind in kinds for found in kind).replace("\\", "")
