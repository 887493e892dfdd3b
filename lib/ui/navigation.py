"""The menu: what each person sees of the pages (lib/ui/page_table.py), and which one is open."""

from __future__ import annotations

import copy
import functools
from collections.abc import Mapping

import streamlit as st
from streamlit.navigation.page import Page

from lib.domain.actors import Actor, Permission
from lib.ui.context import Services
from lib.ui.page_table import PAGES, PageSpec

_PAGE, _ARRIVED = "navigation_page", "navigation_arrived"


def existing() -> tuple[PageSpec, ...]:
    return tuple(spec for spec in PAGES if _is_there(spec))


def find(url_path: str) -> PageSpec | None:
    """The page at an address, or None while there is none: links to it are then left out."""
    return next((spec for spec in PAGES if spec.url_path == url_path and _is_there(spec)), None)


@functools.cache
def _is_there(spec: PageSpec) -> bool:
    """Asked once a process: a view of Home asked the disk for every page, twenty times over."""
    return spec.path.is_file()


def page(spec: PageSpec) -> Page:
    """What a link leads to. Streamlit would look for a path on the disk, for every link anew."""
    return _made(spec, spec.title, is_visible=False)


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
    is_in = actor is not None
    opened = st.navigation(sections, position="sidebar" if is_in else "hidden", expanded=True)
    st.session_state[_ARRIVED] = st.session_state.get(_PAGE) != opened.url_path
    st.session_state[_PAGE] = opened.url_path
    return opened


def has_arrived() -> bool:
    """Whether this run is the first on its page, after another page or in a new window."""
    return bool(st.session_state.get(_ARRIVED))


def _page(spec: PageSpec, actor: Actor | None, waiting: Mapping[str, int]) -> Page:
    count = waiting.get(spec.counter or "", 0)
    is_visible = spec.is_listed and actor is not None and actor.may(spec.permission)
    title = f"{spec.title} · {count}" if count else spec.title
    # A copy, since Streamlit notes in it whether this run may still run it.
    return copy.copy(_made(spec, title, is_visible=is_visible))


# More than all pages with the numbers of an hour. To make one reads the disk some ten times.
@functools.lru_cache(maxsize=500)
def _made(spec: PageSpec, title: str, *, is_visible: bool) -> Page:
    return st.Page(
        spec.path,
        title=title,
        icon=f":material/{spec.icon}:",
        url_path=spec.url_path,
        default=spec.url_path == "home",
        visibility="visible" if is_visible else "hidden",
        help=spec.help,
    )
