"""The menu: what each person sees of the pages (lib/ui/page_table.py), and which one is open."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path

import streamlit as st
from streamlit.navigation.page import Page

from lib.domain.actors import Actor, Permission
from lib.ui.context import Services
from lib.ui.page_table import PAGES, PageSpec

_PAGE, _ARRIVED = "navigation_page", "navigation_arrived"


def existing() -> tuple[PageSpec, ...]:
    return tuple(spec for spec in PAGES if _is_there(spec.path))


@functools.cache
def _is_there(path: Path) -> bool:
    """Asked once a process: a view of Home asked the disk for every page, twenty times over."""
    return path.is_file()


def find(url_path: str) -> PageSpec | None:
    """The page at an address, or None while there is none: links to it are then left out."""
    return next((spec for spec in existing() if spec.url_path == url_path), None)


def waiting(services: Services, actor: Actor) -> Mapping[str, int]:
    """Numbers behind page titles, by `PageSpec.counter`; cheap reads, as they run every time."""
    reports = services.reports.waiting
    counts = reports.counts()
    if counts["approvals"] and not actor.may(Permission.APPROVE):
        return counts | {"approvals": reports.approvals(actor.username).mine}
    if actor.may(Permission.MANAGE_USERS):
        return counts | {"approvals": counts["approvals"] + counts["admin_changes"]}
    return counts


def declare(actor: Actor | None, *, waiting: Mapping[str, int] | None = None) -> Page:
    """
    Tell Streamlit the pages; must come before anything that can rerun, or deep links are lost.

    Every page is declared for everybody, so that an address from a mail always resolves and the
    page itself answers. The menu shows only what the person may open.
    """
    sections: dict[str, list[Page]] = {}
    for spec in existing():
        sections.setdefault(spec.section, []).append(_page(spec, actor, waiting or {}))
    page = st.navigation(sections, position="hidden" if actor is None else "sidebar", expanded=True)
    st.session_state[_ARRIVED] = st.session_state.get(_PAGE) != page.url_path
    st.session_state[_PAGE] = page.url_path
    return page


def has_arrived() -> bool:
    """Whether this run is the first on its page, after another page or in a new window."""
    return bool(st.session_state.get(_ARRIVED))


def _page(spec: PageSpec, actor: Actor | None, waiting: Mapping[str, int]) -> Page:
    count = waiting.get(spec.counter or "", 0)
    visible = spec.is_listed and actor is not None and actor.may(spec.permission)
    return st.Page(
        spec.path,
        title=f"{spec.title} · {count}" if count else spec.title,
        icon=f":material/{spec.icon}:",
        url_path=spec.url_path,
        default=spec.url_path == "home",
        visibility="visible" if visible else "hidden",
        help=spec.help,
    )
