"""What the tests of the collect pages share."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest

# Markdown, HTML, LaTeX, a colour directive and a formula: shown as it stands, wherever it stands.
NASTY = "=1+1 <b>Eve</b> :red[x] $y^2$ **z** [a](http://x)"
LONG = "x" * 100_000


def press(at: AppTest, key: str) -> AppTest:
    at.button(key=key).click().run()
    assert not at.exception
    return at


def fill(at: AppTest, **values: str) -> AppTest:
    for key, value in values.items():
        at.text_input(key=key).set_value(value)
    return at.run()


def choose_row(at: AppTest, key: str, row: int) -> AppTest:
    at.session_state[key] = {"selection": {"rows": [row], "columns": [], "cells": []}}
    at.run()
    assert not at.exception
    return at


def keys(at: AppTest) -> set[str]:
    return {str(button.key) for button in at.button}


def words(at: AppTest) -> str:
    """Everything the page says in text elements."""
    parts = [*at.markdown, *at.caption, *at.text, *at.error, *at.info, *at.warning, *at.success]
    return "\n".join(str(part.value) for part in parts)


def column(at: AppTest, name: str) -> list[object]:
    return list(at.dataframe[0].value[name]) if at.dataframe else []


def drawer_title(at: AppTest) -> str:
    (drawer,) = at.get("dialog")
    return str(drawer.proto.dialog.title if hasattr(drawer.proto, "dialog") else drawer.proto)
