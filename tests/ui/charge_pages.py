"""What the tests of the charge pages share: choosing rows, reading what is said, money that moved."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest

from lib.bootstrap import Services
from lib.services.staff.downloads import Download
from lib.services.staff.users import PRACTICE_PASSWORD


def choose(at: AppTest, table: str, row: int = 0) -> AppTest:
    at.session_state[table] = {"selection": {"rows": [row], "columns": [], "cells": []}}
    return ran(at.run())


def ran(at: AppTest) -> AppTest:
    assert not at.exception
    return at


def confirm(at: AppTest) -> AppTest:
    """Type the password wherever it is asked for again before money moves."""
    for one in at.text_input:
        if one.label.startswith("Your password"):
            one.set_value(PRACTICE_PASSWORD)
    return at


def exported(at: AppTest, services: Services, key: str, kind: str) -> Download:
    """The file that Vera's browser fetches after she chose the kind from a list's Export menu."""
    return fetched(ran(at.menu_button(key=key).set_value(kind).run()), services)


def fetched(at: AppTest, services: Services, *, by: str = "vera") -> Download:
    """The file that this person's browser is sent for."""
    (script,) = [one.value for one in at.get("html") if "/download/" in str(one.value)]
    token = script.split("/download/")[1].split('"')[0]
    person = services.users.find(by)
    assert person is not None
    return services.downloads.fetch(token, named=services.sessions.begin(person))


def button(at: AppTest, beginning: str):
    """By the start of its key: keys of widgets that act end in what the person saw."""
    return next(found for found in at.button if (found.key or "").startswith(beginning))


def buttons(at: AppTest) -> set[str]:
    return {found.key or "" for found in at.button}


def field(at: AppTest, beginning: str):
    return next(found for found in at.text_input if (found.key or "").startswith(beginning))


def text(at: AppTest) -> str:
    """Everything that is written, without Markdown's backslashes."""
    kinds = (
        at.subheader,
        at.markdown,
        at.caption,
        at.text,
        at.error,
        at.warning,
        at.info,
        at.success,
        at.metric,
    )
    return "\n".join(str(found.value) for kind in kinds for found in kind).replace("\\", "")


def sent(at: AppTest) -> str:
    """Whatever the page gives the browser, in whichever element."""
    roots = [at.main, at.sidebar, *at.get("dialog"), *at.get("expander")]
    return "\n".join(str(node.proto) for root in roots for node in root)
