"""One customer in full: saved methods, links and charges, and what to do next."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from lib.domain.actors import Permission
from lib.reports.paging import records
from lib.ui import drawers, layout, link_panel, method_panel, methods, navigation, tables
from lib.ui.context import PageContext
from lib.ui.formats import escape, plural, when
from lib.ui.layout import Fact
from lib.ui.tables import Column

PARAM = "customer"
TABLE = "customers_rows"
_ROWS = 20


def rows(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(shown=[row["name"] or row["email"] or "No name" for row in records(frame)])


def draw(ctx: PageContext, customer_id: str) -> None:
    st.button(
        "All customers",
        key="customers_back",
        type="tertiary",
        icon=":material/arrow_back:",
        on_click=_back,
    )
    row = ctx.services.reports.customers.find(customer_id)
    if row is None:
        layout.empty(
            "person_off",
            "No such customer here",
            "Check the address. If the customer is new at Stripe, sync and look again.",
        )
        return
    name = row["name"] or row["email"] or row["id"]
    with layout.header(escape(name), escape(row["email"] or "No e-mail")):
        if not row["is_deleted"]:
            _actions(ctx, row)
    if row["is_deleted"]:
        st.warning("This customer was deleted at Stripe.", icon=":material/person_off:")
    layout.facts(
        [
            Fact("Customer since", when(row["created"], ctx.now, ctx.timezone)),
            Fact("Last charge", when(row["last_charge_at"], ctx.now, ctx.timezone)),
        ]
    )
    _methods(ctx, customer_id)
    _links(ctx, customer_id)
    _charges(ctx, customer_id)
    layout.raw([Fact("Customer", row["id"])])


def _back() -> None:
    drawers.close(PARAM, TABLE)


def _actions(ctx: PageContext, row: dict[str, Any]) -> None:
    links, charge = navigation.find("setup_links"), navigation.find("new_charge")
    query = {"customer": row["id"]}
    if (
        links
        and ctx.actor.may(Permission.MANAGE_LINKS)
        and st.button("New setup link", key="customers_new_link", icon=":material/add_link:")
    ):
        st.switch_page(links.path, query_params=query)
    if (
        charge
        and row["methods"]
        and ctx.actor.may(Permission.CHARGE)
        and st.button(
            "New charge", key="customers_new_charge", type="primary", icon=":material/add_card:"
        )
    ):
        st.switch_page(charge.path, query_params=query)


def _methods(ctx: PageContext, customer_id: str) -> None:
    page = ctx.services.reports.payment_methods.page(customer=customer_id, rows=_ROWS)
    confirming = methods.confirming(ctx.services, customer_id)
    _section(
        ctx,
        "Saved methods",
        method_panel.rows(page.frame),
        method_panel.COLUMNS,
        key="customers_methods",
        page="payment_methods",
        param=method_panel.PARAM,
        more=page.older is not None,
        nothing=""
        if confirming
        else "No saved method. Send a setup link; the customer saves one there.",
    )


def _links(ctx: PageContext, customer_id: str) -> None:
    page = ctx.services.reports.links.page(customer=customer_id, rows=_ROWS)
    _section(
        ctx,
        "Setup links",
        link_panel.rows(ctx, page.frame),
        link_panel.COLUMNS,
        key="customers_links",
        page="setup_links",
        param="link",
        more=page.older is not None,
        nothing="No link was made for this customer.",
    )


def _charges(ctx: PageContext, customer_id: str) -> None:
    page = ctx.services.reports.charges.page(customer=customer_id, rows=_ROWS)
    columns = {
        "reference": tables.text("Reference"),
        "amount": tables.amount(),
        "state": tables.state(),
        "created_at": tables.ago("Made"),
        "what_happened": tables.text("What happened", width="large"),
    }
    _section(
        ctx,
        "Charges",
        page.frame,
        columns,
        key="customers_charges",
        page="charges",
        param="charge",
        more=page.older is not None,
        nothing="Nothing was charged yet.",
    )


def _section(
    ctx: PageContext,
    title: str,
    frame: pd.DataFrame,
    columns: dict[str, Column],
    *,
    key: str,
    page: str,
    param: str,
    more: bool,
    nothing: str,
) -> None:
    """A table whose rows open on the page they belong to."""
    st.subheader(title, anchor=False)
    if frame.empty:
        st.caption(nothing)
        return
    chosen = tables.table(
        frame,
        columns,
        key=key,
        alt=f"{title} of this customer, newest first",
        timezone=ctx.timezone,
    )
    if more:
        st.caption(f"The newest {plural(len(frame), 'row')}.")
    spec = navigation.find(page)
    if chosen and spec:
        st.switch_page(spec.path, query_params={param: chosen})
