"""The shape every page shares: header, figures, facts, empty state, paging, environment strip."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from lib.domain.shown_text import shown_name
from lib.ui import navigation
from lib.ui.formats import escape

_MOST_FIGURES = 4


@dataclass(frozen=True, slots=True)
class Figure:
    """A number and the page that lists what it counts."""

    label: str
    value: str | int
    page: str = ""
    """The page's address, such as "charges"; left out while that page does not exist."""
    query: Mapping[str, str] = field(default_factory=dict)
    help: str = ""
    note: str = ""
    """A line under the number: plain text, such as its sums by currency."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One row of `facts`: plain text, never Markdown. `badge` is Markdown of `badges.badge`."""

    label: str
    value: str | None
    copy: bool = False
    badge: str = ""


@dataclass(frozen=True, slots=True)
class Paging:
    """Where in a list the operator is. At most one of the two is set; neither: the newest rows."""

    older_than: str | None = None
    newer_than: str | None = None


def header(title: str, sentence: str, *, key: str = "") -> DeltaGenerator:
    """
    Title, one grey sentence, and at the right a slot for the primary action:

        with layout.header("Charges", "Everything that was charged."):
            st.button("New charge", type="primary")
    """
    with st.container(
        horizontal=True, horizontal_alignment="distribute", vertical_alignment="bottom"
    ):
        with st.container(width="stretch", gap=None):
            st.title(title, anchor=False)
            st.caption(sentence)
        return st.container(
            width="content", horizontal=True, horizontal_alignment="right", key=key or None
        )


def figures(items: Sequence[Figure]) -> None:
    """Up to four numbers, each a link to the rows behind it."""
    shown = items[:_MOST_FIGURES]
    if not shown:
        return
    for column, item in zip(st.columns(len(shown)), shown, strict=True):
        with column.container(border=True, gap=None, height="stretch"):
            _figure_label(item)
            st.metric(item.label, item.value, label_visibility="collapsed")
            if item.note:
                st.caption(escape(item.note))


def _figure_label(item: Figure) -> None:
    spec = navigation.find(item.page) if item.page else None
    if spec is None:
        st.caption(item.label, help=item.help or None)
        return
    st.page_link(
        navigation.page(spec),
        label=item.label,
        icon=":material/arrow_forward:",
        icon_position="right",
        query_params=dict(item.query),
        help=item.help or spec.help,
    )


def empty(icon: str, title: str, text: str) -> DeltaGenerator:
    """
    Why there is nothing here, and a slot for the one thing to do next:

        with layout.empty("link", "No links yet", "Make one to let a customer save a card."):
            st.button("Make a link", type="primary")
    """
    with st.container(border=True, horizontal_alignment="center", gap="xsmall"):
        st.space("small")
        st.markdown(f"# :gray[:material/{icon}:]", width="content")
        st.markdown(f"**{title}**", width="content")
        st.caption(text, width="content", text_alignment="center")
        action = st.container(width="content", horizontal=True)
        st.space("small")
    return action


def facts(rows: Sequence[Fact]) -> None:
    """Label and value, one under the other; values that are pasted elsewhere get a copy button."""
    with st.container(gap="small"):
        for row in rows:
            label, value = st.columns([1, 3], vertical_alignment="center", gap="small")
            label.caption(row.label)
            if row.badge:
                value.markdown(row.badge)
            elif not row.value:
                value.text("–")
            elif row.copy:
                value.code(shown_name(row.value), language=None, wrap_lines=True)
            else:
                value.text(shown_name(row.value))


def raw(rows: Sequence[Fact], *, label: str = "Ids and codes") -> None:
    """Facts for support, folded away."""
    with st.expander(label, icon=":material/data_object:"):
        facts([Fact(row.label, row.value, copy=True) for row in rows if row.value])


def paging(key: str, *filters: object) -> Paging:
    """
    Read the place in a list from the address; changed filters go back to the newest rows.

    Args:
        key: the page's name; the address carries `<key>_older` or `<key>_newer`.
        filters: the values the list is filtered by.
    """
    seen = f"{key}_paging_filters"
    if seen in st.session_state and st.session_state[seen] != filters:
        _move(key, "", "")
    st.session_state[seen] = filters
    older = st.query_params.get(f"{key}_older")
    newer = st.query_params.get(f"{key}_newer")
    return Paging(older_than=older or None, newer_than=None if older else newer or None)


def pager(key: str, *, newer: str | None, older: str | None, note: str = "") -> None:
    """
    Newer and Older buttons under a list.

    Args:
        newer: the cursor of the first row shown, or None at the newest rows.
        older: the cursor of the last row shown, or None when nothing older exists.
        note: what is shown, such as "50 of 10,000 charges".
    """
    with st.container(
        horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"
    ):
        st.caption(note or " ", width="content")
        if newer is None and older is None:
            return
        with st.container(horizontal=True, width="content"):
            st.button(
                "Newer",
                key=f"{key}_pager_newer",
                icon=":material/chevron_left:",
                disabled=newer is None,
                on_click=_move,
                args=(key, "newer", newer or ""),
            )
            st.button(
                "Older",
                key=f"{key}_pager_older",
                icon=":material/chevron_right:",
                icon_position="right",
                disabled=older is None,
                on_click=_move,
                args=(key, "older", older or ""),
            )


def _move(key: str, direction: str, cursor: str) -> None:
    for name in ("older", "newer"):
        st.query_params.pop(f"{key}_{name}", None)
    if direction and cursor:
        st.query_params[f"{key}_{direction}"] = cursor
