"""Refunds of which nobody knows whether the money went back: what Stripe was asked, and the ways to settle it."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from lib.domain.refunds import RefundOrder
from lib.ui import charge_panel, lists, refund_panel
from lib.ui.charge_words import Names
from lib.ui.context import PageContext
from lib.ui.formats import escape, money


def draw(ctx: PageContext, orders: Sequence[RefundOrder]) -> None:
    if not orders:
        return
    st.subheader("Refunds", anchor=False)
    names = Names({user.username: user.name for user in ctx.services.users.list()}, {})
    shown = lists.part("unknown_refunds", orders, noun="refund")
    charges = ctx.services.reports.charges.find_all([order.charge_id for order in shown])
    for order in shown:
        with st.container(border=True, gap="small"):
            row = charges.get(order.charge_id)
            if row is not None:
                st.markdown(
                    f"Of {escape(money(row['amount'], row['currency']))} · {escape(row['name'])} · {escape(row['reference'])}"
                )
            refund_panel.summary(ctx, order, names)
            refund_panel.actions(ctx, order, key="unknown_refund")
            if st.button("Details", key=f"unknown_open_{order.id}"):
                st.query_params[charge_panel.PARAM] = order.charge_id
