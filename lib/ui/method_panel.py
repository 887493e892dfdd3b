"""One saved payment method in the drawer: its facts, what to do with it, and its end."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from lib.domain.actors import Permission
from lib.domain.method_types import debit_terms
from lib.domain.typed_codes import confirms
from lib.errors import InvalidInput
from lib.reports.frames import records
from lib.ui import agreement_panel, badges, customer_link, drawers, layout, navigation, outcome
from lib.ui.context import PageContext, require
from lib.ui.formats import escape, when, who
from lib.ui.layout import Fact
from lib.ui.tables import TableColumn, state, text

PARAM = "method"
TABLE = "payment_methods_rows"
# The report's words, in those of `badges.STATES`.
_BADGES = {"needs_customer": "unattached", "removed": "detached", "not_supported": "unusable"}
LABELS = {"needs_customer": badges.look("unattached").label, "removed": "Removed"}
COLUMNS: dict[str, TableColumn] = {
    "label": text("Method", width=144),
    "badge": state(width=132),
    "expiry": text("Expires", width=78),
    "country": text("Country", width=66),
    "same_card": text("Same card on", width=164),
}


def rows(frame: pd.DataFrame) -> pd.DataFrame:
    entries = records(frame)
    return frame.assign(
        shown=[who(row) for row in entries],
        expiry=[expiry(row) for row in entries],
        badge=[_BADGES.get(row["state"], row["state"]) for row in entries],
        same_card=[same_card(row) for row in entries],
    )


def same_card(row: dict[str, Any]) -> str:
    """The other customers who hold this card; the report joins their names with bare commas."""
    return re.sub(r",(?=\S)", ", ", row["same_card_of"] or "")


def expiry(row: dict[str, Any]) -> str:
    return f"{row['exp_month']:02d} / {row['exp_year']}" if row["exp_year"] else ""


def state_badge(row: dict[str, Any]) -> str:
    return badges.badge(_BADGES.get(row["state"], row["state"]))


def drawer(method_id: str) -> None:
    row = require().services.reports.payment_methods.find(method_id)
    title = "Saved method" if row is None else row["label"]
    drawers.show(title, partial(_panel, method_id), on_close=_close)


def _close() -> None:
    drawers.close(PARAM, TABLE)


def _panel(method_id: str) -> None:
    ctx = require()
    row = ctx.services.reports.payment_methods.find(method_id)
    if row is None:
        st.info(
            "There is no such saved method here. If it is new, sync and look again.",
            icon=":material/search_off:",
        )
        return
    _actions(ctx, row)
    _facts(ctx, row)
    agreement_panel.of_method(ctx, ctx.services.agreements.of_method(row["id"]))
    layout.raw(
        [
            Fact("Payment method", row["id"]),
            Fact("Customer", row["customer"] or row["last_customer"]),
            Fact("Fingerprint", row["fingerprint"]),
        ]
    )
    if row["customer"] and ctx.actor.may(Permission.MANAGE_METHODS):
        _removal(ctx, row)


def _actions(ctx: PageContext, row: dict[str, Any]) -> None:
    if row["state"] == "needs_customer":
        st.warning(
            "Nobody can be charged with this method yet: it was saved without a customer. "
            "Open its session and choose one.",
            icon=":material/person_add:",
        )
        sessions = navigation.find("sessions")
        if sessions:
            st.page_link(
                navigation.page(sessions),
                label="Sessions that need a customer",
                icon=":material/arrow_forward:",
                query_params={"sessions_state": "needs_customer"},
            )
        return
    with st.container(horizontal=True):
        charge_button(ctx, row["id"], key="payment_methods_charge")
        links = navigation.find("setup_links")
        owner = row["customer"] or row["last_customer"]
        if (
            links
            and owner
            and ctx.actor.may(Permission.MANAGE_LINKS)
            and st.button("New link", key="payment_methods_link", icon=":material/add_link:")
        ):
            st.switch_page(links.path, query_params={"customer": owner})


def charge_button(
    ctx: PageContext, method_id: str | None, *, key: str, reference: str = ""
) -> None:
    """The next step once a method is saved and somebody's: New charge, filled in with what is known."""
    row = ctx.services.reports.payment_methods.find(method_id) if method_id else None
    charge = navigation.find("new_charge")
    if (
        charge is not None
        and row is not None
        and not row["why_not"]
        and ctx.actor.may(Permission.CHARGE)
        and st.button("Charge", key=key, type="primary", icon=":material/add_card:")
    ):
        query = {"customer": row["customer"], "method": row["id"]}
        st.switch_page(
            charge.path, query_params=query | ({"reference": reference} if reference else {})
        )


def _facts(ctx: PageContext, row: dict[str, Any]) -> None:
    why_not = f"  {escape(row['why_not'].capitalize())}" if row["state"] == "not_supported" else ""
    layout.facts(
        [
            Fact("State", "", badge=state_badge(row) + why_not),
            Fact("Customer", who(row)),
            Fact("E-mail", row["email"] or row["billing_email"]),
            Fact("Name on it", row["billing_name"]),
            Fact("Expires", expiry(row)),
            Fact("Funding", (row["funding"] or "").capitalize()),
            Fact("Country", row["country"]),
            Fact("Same card on", same_card(row)),
            Fact("Saved", when(row["created"], ctx.now, ctx.timezone)),
        ]
    )
    if terms := debit_terms(row["type"]):
        st.caption(terms.sentence)
    customer_link.draw(row["customer"] or row["last_customer"])


def _removal(ctx: PageContext, row: dict[str, Any]) -> None:
    word = row["last4"] or "remove"
    hint = "the last four digits" if row["last4"] else "“remove”"
    with (
        st.expander("Remove this method", icon=":material/delete:"),
        st.form(f"payment_methods_detach_{row['id']}", border=False),
    ):
        st.markdown(
            f"{escape(row['label'])} of {escape(who(row))} is removed at Stripe for good. It can "
            "never be charged or attached again; the customer would have to save it anew."
        )
        typed = st.text_input(f"Type {hint} to confirm", key="payment_methods_detach_word")
        if st.form_submit_button("Remove method", key="payment_methods_detach_submit"):
            with outcome.show(f"{row['label']} removed."):
                if not confirms(typed, word):
                    raise InvalidInput(f"Type {hint} to confirm: they differ.", field="word")
                ctx.services.payment_methods.detach(row["id"], by=ctx.actor)
