"""Choosing a customer among thousands: search as you type, then one click."""

from __future__ import annotations

import streamlit as st

from lib.domain.identity import search_text
from lib.money import CURRENCIES
from lib.ui import outcome, setup_link
from lib.ui.context import PageContext
from lib.ui.formats import distinct, escape

_COMMON = ("eur", "usd", "gbp", "chf", "jpy", "cad", "aud", "sek", "dkk", "nok", "pln")
CURRENCY_CODES = [*_COMMON, *sorted(set(CURRENCIES) - set(_COMMON))]
"""Every currency Stripe charges, the usual ones first."""
_SHOWN = 6
_LONGEST_SEARCH = 200


def customer(ctx: PageContext, key: str, *, or_new: bool = False) -> str | None:
    """
    The chosen customer's id, or None. Draws the search, or the chosen one with a way to change it.

    The id is one the mirror had a moment ago; services look again.

    Args:
        or_new: whether “New customer” can be chosen beside it.
    """
    chosen = st.session_state.get(_chosen_key(key))
    row = ctx.services.reports.customers.find(chosen) if chosen else None
    if chosen and (row is None or row["is_deleted"]):
        st.warning(
            "This customer is not known here. Choose another, or sync and look again.",
            icon=":material/person_off:",
        )
    if row is None or row["is_deleted"]:
        _search(ctx, key, or_new=or_new)
        return None
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        with st.container(gap=None):
            st.text(row["name"] or row["email"] or row["id"])
            if row["name"] and row["email"]:
                st.caption(escape(row["email"]))
        st.button(
            "Change",
            key=f"{key}_change",
            type="tertiary",
            on_click=forget,
            args=(key,),
            width="content",
        )
    return str(row["id"])


def choose(key: str, customer_id: str) -> None:
    st.session_state[_chosen_key(key)] = customer_id


def chosen(key: str) -> str | None:
    """The id of the customer that was chosen, before anything is drawn. Unchecked."""
    customer_id: str | None = st.session_state.get(_chosen_key(key))
    return customer_id


def forget(key: str) -> None:
    st.session_state.pop(_chosen_key(key), None)


def _search(ctx: PageContext, key: str, *, or_new: bool) -> None:
    typed = st.text_input(
        "Customer",
        key=f"{key}_search",
        type="search",
        live=True,
        max_chars=_LONGEST_SEARCH,
        placeholder="Name, e-mail or id",
    )
    text = search_text(typed or "")
    labels = dict(ctx.services.reports.customers.choices(text, limit=_SHOWN + 1))
    if labels:
        shown = list(labels)[:_SHOWN]
        # By name and address alone, twins look the same.
        details = ctx.services.customers.details(shown)
        options = distinct({customer_id: labels[customer_id] for customer_id in shown})
        st.radio(
            "Matching customers",
            shown,
            index=None,
            key=f"{key}_matches",
            format_func=lambda customer_id: escape(options[customer_id]),
            captions=[escape(details.get(customer_id, "")) for customer_id in shown],
            label_visibility="collapsed",
            on_change=_take,
            args=(key,),
        )
        if len(labels) > _SHOWN:
            more = (
                "More customers match. Type more of the name."
                if text
                else "The newest. Type to find others."
            )
            st.caption(more)
        return
    if not text:
        if or_new:
            st.caption("No customers yet. Choose “New customer”.")
            return
        st.caption("No customers yet. The first comes with a setup link.")
        setup_link.offer(ctx.actor)
        return
    st.caption(
        "No customer matches. Check the spelling, or choose “New customer”."
        if or_new
        else "No customer matches. Check the spelling."
    )
    if st.button("Look this id up at Stripe", key=f"{key}_fetch"):
        with outcome.show():
            choose(key, ctx.services.customers.get(ctx.services.customers.named(text)).id)


def _take(key: str) -> None:
    taken = st.session_state.get(f"{key}_matches")
    if taken:
        choose(key, taken)


def _chosen_key(key: str) -> str:
    return f"{key}_chosen"
