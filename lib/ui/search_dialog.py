"""The search over everything, from every page: a button in the top bar, and what it finds by kind."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape as escape_html
from typing import Any

import streamlit as st

from lib.domain.identity import search_text
from lib.domain.payment_methods import label_of
from lib.money import format_money
from lib.reports.search import MOST, SearchGroup
from lib.ui import badges, customer_names, navigation, sync_status
from lib.ui.context import PageContext, require
from lib.ui.formats import day, escape, plural

_LONGEST = 200
# The page a kind opens on, the name of a row in its address, and of its list's search.
_PAGES: dict[str, tuple[str, str, str, str]] = {
    "customer": ("Customers", "customers", "customer", "customers_search"),
    "charge": ("Charges", "charges", "charge", "charges_search"),
    "link": ("Setup links", "setup_links", "link", "setup_links_search"),
    "run": ("Runs", "runs", "run", "runs_search"),
    "refund": ("Refunds", "charges", "charge", ""),
    "payment_method": ("Saved methods", "payment_methods", "method", "payment_methods_search"),
    "session": ("Sessions", "sessions", "session", "sessions_search"),
}


def button() -> None:
    """At the right of the top bar; search.js gives it its key."""
    with st.container(key="search_open", width="content"):
        if st.button(
            "Search", key="search_button", icon=":material/search:", help="Press / to search"
        ):
            _dialog()


@st.dialog("Search", width="medium")
def _dialog() -> None:
    # A dialog reruns alone: the page's own check is as old as the page.
    ctx = require()
    text = search_text(
        st.text_input(
            "Search",
            key="search_text",
            type="search",
            live=True,
            placeholder="Name, e-mail, id, invoice, last four digits or amount",
            label_visibility="collapsed",
        )
        or ""
    )[:_LONGEST]
    groups = ctx.services.reports.search.find(text)
    with st.container(key="search_hits", gap="small"):
        # What the rows below are of, for the key that opens the first of them.
        st.html(f'<span data-search-text="{escape_html(text, quote=True)}"></span>')
        if not text:
            st.caption("The newest. Type to search; the arrow keys and Enter open a row.")
        for group in groups:
            _group(ctx, group, text)
        if text and not groups:
            st.markdown(f"Nothing matches **{escape(text)}**.")
            st.caption("Check the spelling, or search for a part of it.")
    if text:
        sync_status.not_searchable(ctx)


def _group(ctx: PageContext, group: SearchGroup, text: str) -> None:
    title, address, param, search = _PAGES[group.kind]
    spec = navigation.find(address)
    if spec is None or not ctx.actor.may(spec.permission):
        return
    with st.container(gap=None):
        with st.container(
            key=f"search_kind_{group.kind}", horizontal=True, horizontal_alignment="distribute"
        ):
            st.caption(title, width="content")
            if text and group.has_more and search:
                st.page_link(
                    navigation.page(spec),
                    label=f"More than {MOST}: see all",
                    query_params={search: text},
                    help="",
                    width="content",
                )
        for row in group.rows:
            st.page_link(
                navigation.page(spec),
                label=_label(ctx, group.kind, row),
                icon=f":material/{spec.icon}:",
                query_params={param: row["charge_id"] if group.kind == "refund" else row["id"]},
                help="",
                width="stretch",
            )


def _label(ctx: PageContext, kind: str, row: Mapping[str, Any]) -> str:
    who = row.get("name") or row.get("email") or row.get("customer")
    match kind:
        case "customer":
            parts = [who, row["email"] if row["name"] else None]
        case "charge" | "refund":
            parts = [row["reference"], format_money(row["amount"], row["currency"]), who]
        case "link" | "session":
            parts = [
                row["reference"] or who or "No name",
                who if row["reference"] else row["email"],
            ]
        case "run":
            parts = [row["name"], plural(row["row_count"], "row")]
        case _:
            parts = [label_of(row["type"], row["brand"], row["last4"]), who]
    first, *others = [escape(str(part)) for part in parts if part] or [row["id"]]
    state = badges.badge(row["state"]) if row.get("state") else ""
    words = " · ".join([*customer_names.words(row), f"**{first}**", *others])
    return f"{words} {state} :gray[{day(row['at'], ctx.timezone)}]"
