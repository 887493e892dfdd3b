"""One Checkout Session in the drawer; a method saved without a customer gets one here."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from lib.domain.actors import Permission
from lib.domain.confirmations import until
from lib.domain.twins import HAS_TWIN, Twin, chosen_beside
from lib.errors import InvalidInput
from lib.reports.frames import records
from lib.ui import badges, customer_link, drawers, layout, navigation, outcome, pickers
from lib.ui.context import PageContext, require
from lib.ui.formats import day, escape, when, who
from lib.ui.layout import Fact
from lib.ui.method_panel import charge_button, state_badge
from lib.ui.new_link import form_key, twin_choice

PARAM = "session"
TABLE = "sessions_rows"
_ATTACH = "sessions_attach"
_PICKER = f"{_ATTACH}_customer"
_TWINS = f"{_ATTACH}_twins"
_EXISTING, _NEW = "Existing customer", "New customer"


def rows(frame: pd.DataFrame) -> pd.DataFrame:
    entries = records(frame)
    return frame.assign(
        shown=[who(row) for row in entries],
        label=[row["label"] if is_saved(row) else "" for row in entries],
        shown_state=[shown_state(row) for row in entries],
    )


def is_saved(row: dict[str, Any]) -> bool:
    """A card that was typed in is not yet saved: its SetupIntent has to succeed."""
    return row["payment_method"] is not None and row["setup_status"] == "succeeded"


def shown_state(row: dict[str, Any]) -> str:
    if row["needs_customer"]:
        return "unattached"
    return "confirming" if row["is_confirming"] else str(row["status"])


def drawer(session_id: str) -> None:
    row = require().services.reports.sessions.find(session_id)
    title = "Session" if row is None else who(row)
    drawers.show(title, partial(_panel, session_id), on_close=_close)


def _close() -> None:
    st.session_state.pop(_TWINS, None)
    pickers.forget(_PICKER)
    drawers.close(PARAM, TABLE)


def _panel(session_id: str) -> None:
    ctx = require()
    row = ctx.services.reports.sessions.find(session_id)
    if row is None:
        st.info(
            "There is no such session here. If it is new, sync and look again.",
            icon=":material/search_off:",
        )
        return
    if row["needs_customer"]:
        _attach(ctx, row)
    elif is_saved(row):
        charge_button(ctx, row["payment_method"], key="sessions_charge")
    if row["is_confirming"]:
        waits_until = until(row["created"], row["completed_at"])
        st.info(
            f"The customer's bank is still confirming (until {day(waits_until, ctx.timezone)}). Nothing is "
            "saved yet, and nothing has failed. Stripe mails the customer if they have to verify two small "
            "deposits. Wait, and send no second link.",
            icon=":material/hourglass_top:",
        )
    _facts(ctx, row)
    if row["link_id"] and (links := navigation.find("setup_links")):
        st.page_link(
            navigation.page(links),
            label="Open setup link",
            icon=":material/link:",
            query_params={"link": row["link_id"]},
        )
    if is_saved(row) and (methods := navigation.find("payment_methods")):
        st.page_link(
            navigation.page(methods),
            label="Open saved method",
            icon=":material/credit_card:",
            query_params={"method": row["payment_method"]},
        )
    if ctx.actor.may(Permission.SYNC) and st.button(
        "Read from Stripe now", key="sessions_pull", icon=":material/sync:"
    ):
        with outcome.show("Read from Stripe just now."):
            ctx.services.return_page.pull(session_id, by=ctx.actor)
    customer_link.draw(row["customer"] or row["method_customer"])
    layout.raw(
        [
            Fact("Session", row["id"]),
            Fact("Customer", row["customer"] or row["method_customer"]),
            Fact("Payment method", row["payment_method"]),
            Fact("Setup link", row["link_id"]),
        ]
    )


def _facts(ctx: PageContext, row: dict[str, Any]) -> None:
    def at(seconds: int | None) -> str:
        return when(seconds, ctx.now, ctx.timezone)

    state = badges.badge(shown_state(row))
    facts = [
        Fact("State", "", badge=state),
        # Typed on Stripe's page; nobody in the customer list yet.
        Fact("Name given" if row["needs_customer"] else "Customer", who(row)),
        Fact("E-mail given" if row["needs_customer"] else "E-mail", row["email"]),
        Fact("Reference", row["reference"]),
    ]
    method_id = row["payment_method"]
    method = ctx.services.reports.payment_methods.find(method_id) if method_id else None
    if method is not None:
        saved = f"{escape(method['label'])} {state_badge(method)}"
        facts.append(
            Fact("Saved", "", badge=saved)
            if is_saved(row)
            else Fact(
                "Being confirmed" if row["is_confirming"] else "Tried, not saved", method["label"]
            )
        )
    if row["last_error_message"]:
        facts.append(Fact("What went wrong", row["last_error_message"]))
    facts.append(Fact("Made", at(row["created"])))
    if row["status"] == "complete":
        facts.append(Fact("Completed", at(row["saved_at"] or row["completed_at"])))
    if row["expires_at"] and row["status"] != "complete":
        facts.append(
            Fact("Expires" if row["status"] == "open" else "Expired", at(row["expires_at"]))
        )
    layout.facts(facts)


def _attach(ctx: PageContext, row: dict[str, Any]) -> None:
    """Before it has a customer, nothing else may be done with the method: Stripe would burn it."""
    with st.container(border=True):
        st.markdown(f"**{escape(row['label'])} needs a customer**")
        st.caption("Choose whose it is. It can be charged only after that, and it cannot be moved.")
        if not ctx.actor.may(Permission.MANAGE_METHODS):
            st.caption("An operator can choose the customer.")
            return
        who_for = st.segmented_control(
            "Customer",
            [_EXISTING, _NEW],
            default=_EXISTING,
            required=True,
            width="stretch",
            key=f"{_ATTACH}_who",
            label_visibility="collapsed",
        )
        if who_for == _NEW:
            _attach_new(ctx, row)
            return
        _attach_known(ctx, row, pickers.customer(ctx, _PICKER, or_new=True))


def _attach_known(ctx: PageContext, row: dict[str, Any], chosen: str | None) -> None:
    twins_of, twins = st.session_state.get(_TWINS) or (None, [])
    if chosen is not None and twins_of == chosen and twins:
        meant = twin_choice(twins, key=f"{_ATTACH}_twin", new=None)
        if meant is not None:
            _attach_to(ctx, row, meant, beside=twins)
        return
    if st.button("Attach", key=f"{_ATTACH}_submit", type="primary", disabled=chosen is None):
        sharing = ctx.services.customers.sharing_address(chosen or "")
        st.session_state[_TWINS] = (chosen, sharing)
        if sharing:
            st.rerun()
        _attach_to(ctx, row, chosen)


def _attach_new(ctx: PageContext, row: dict[str, Any]) -> None:
    email = st.text_input("E-mail", value=row["email"] or "", key=f"{_ATTACH}_email")
    name = st.text_input("Name", value=row["name"] or "", key=f"{_ATTACH}_name")
    twins_of, twins = st.session_state.get(_TWINS) or (None, [])
    if twins_of == email.strip() and twins:
        decided = twin_choice(twins, key=f"{_ATTACH}_twin", new=email)
        if decided is not None:
            _attach_to(ctx, row, decided or None, email=email, name=name, beside=twins)
        return
    if st.button("Make customer and attach", key=f"{_ATTACH}_create", type="primary"):
        with outcome.show(rerun=False):
            if not email.strip():
                raise InvalidInput("Enter the customer's e-mail.", field="email")
            matches = ctx.services.customers.twins(email)
            st.session_state[_TWINS] = (email.strip(), matches)
            if matches:
                st.rerun()
            _attach_to(ctx, row, None, email=email, name=name)


def _attach_to(
    ctx: PageContext,
    row: dict[str, Any],
    customer_id: str | None,
    *,
    email: str = "",
    name: str = "",
    beside: Sequence[Twin] = (),
) -> None:
    """`beside`: the customers with the address, of whom this one was chosen."""
    with outcome.show("Attached. The method can be charged now."):
        if customer_id is None:
            # Stays the same after a double click, a reload or a crash: one customer is made.
            key = form_key(f"onfile:customer:{row['id']}", email=email.strip(), name=name.strip())
            made = ctx.services.customers.create(
                email=email, name=name.strip() or None, request_key=key, by=ctx.actor
            )
            customer_id = made.id
        others = [twin for twin in beside if twin.customer.id != customer_id]
        ctx.services.payment_methods.attach(
            row["payment_method"],
            customer_id=customer_id,
            by=ctx.actor,
            despite={HAS_TWIN: chosen_beside(others)} if others else None,
        )
        st.session_state.pop(_TWINS, None)
        pickers.forget(_PICKER)
