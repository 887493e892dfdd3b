"""One customer in full: saved methods, links and charges, and what to do next."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from lib.domain.actors import Permission
from lib.reports.charge_filter import ChargeFilter
from lib.reports.frames import records
from lib.reports.sums import count_of
from lib.ui import (
    customer_sections,
    drawers,
    hold_panel,
    layout,
    link_panel,
    lists,
    method_panel,
    methods,
    navigation,
    protection_panel,
    tables,
)
from lib.ui.context import PageContext
from lib.ui.formats import escape, plural, when
from lib.ui.layout import Fact
from lib.ui.tables import TableColumn

PARAM = "customer"
TABLE = "customers_rows"
_ROWS = 20
_METHOD_COLUMNS: dict[str, TableColumn] = {
    "label": tables.text("Method", width=150),
    "expiry": tables.text("Expires", width=85),
    "badge": tables.state(width=120),
    "created": tables.time("Saved"),
    "how": tables.text("How", width=240),
    "same_card": tables.text("Same card on"),
}


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
    is_held = ctx.services.holds.covering(customer_id) is not None
    with layout.header(escape(name), escape(row["email"] or "No e-mail")):
        customer_sections.print_button(ctx, customer_id)
        if not row["is_deleted"]:
            _actions(ctx, row, is_held=is_held)
    if row["is_deleted"]:
        st.warning("This customer was deleted at Stripe.", icon=":material/person_off:")
    protection_panel.banner(ctx, customer_id)
    hold_panel.banner(ctx, customer_id)
    still_open = customer_sections.open_words(ctx, customer_id)
    layout.facts(
        [
            Fact("Customer since", when(row["created"], ctx.now, ctx.timezone)),
            Fact("Last charge", when(row["last_charge_at"], ctx.now, ctx.timezone)),
            *([Fact("Open", still_open)] if still_open else []),
        ]
    )
    if still_open and not is_held:
        customer_sections.all_open(ctx, customer_id)
    _charges(ctx, customer_id)
    customer_sections.open_payments(ctx, customer_id)
    _methods(ctx, customer_id)
    customer_sections.disputes(ctx, customer_id)
    customer_sections.refunds(ctx, customer_id)
    _links(ctx, customer_id)
    customer_sections.notes(ctx, customer_id)
    hold_panel.switch(ctx, customer_id)
    protection_panel.link(ctx, customer_id)
    layout.raw([Fact("Customer", row["id"])])


def _back() -> None:
    drawers.close(PARAM, TABLE)


def _actions(ctx: PageContext, row: dict[str, Any], *, is_held: bool) -> None:
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
        and not is_held
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
    lives = {
        one.method.id: one for one in ctx.services.stories.methods(customer_id, limit=2 * _ROWS)
    }
    how = [customer_sections.how_saved(ctx, lives.get(id_)) for id_ in page.frame["id"]]
    _section(
        ctx,
        "Saved methods",
        method_panel.rows(page.frame).assign(how=how),
        _METHOD_COLUMNS,
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
        link_panel.columns(ctx),
        key="customers_links",
        page="setup_links",
        param="link",
        more=page.older is not None,
        nothing="No link was made for this customer.",
    )


def _charges(ctx: PageContext, customer_id: str) -> None:
    place = layout.paging("customers_charges", customer_id)
    page = ctx.services.reports.charges.page(
        customer=customer_id, cursor=place.older_than or place.newer_than, rows=_ROWS
    )
    columns = {
        "reference": tables.text("Reference"),
        "amount": tables.amount(),
        "state": tables.state(),
        "charged_at": tables.date("Date", ctx.now),
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
        more=False,
        nothing="Nothing was charged yet.",
    )
    if page.newer or page.older:
        sums = ctx.services.reports.charges.sums(ChargeFilter(customer=customer_id))
        note = lists.note(page.before, len(page.frame), count_of(sums), "charge")
        layout.pager("customers_charges", newer=page.newer, older=page.older, note=note)


def _section(
    ctx: PageContext,
    title: str,
    frame: pd.DataFrame,
    columns: dict[str, TableColumn],
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
