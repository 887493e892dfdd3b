"""The three kinds of things that wait for a second person."""

from __future__ import annotations

import streamlit as st

from lib.reports.paging import records
from lib.ui import manual_outcome_panel, navigation, refund_panel, run_page, run_words
from lib.ui.charge_words import Names
from lib.ui.context import PageContext
from lib.ui.formats import escape, money, plural, when


def runs(ctx: PageContext) -> bool:
    """Runs that were submitted, with the way to each; True when there is any."""
    frame = ctx.services.reports.runs.page(state="awaiting_approval").frame
    if frame.empty:
        return False
    st.subheader("Runs", anchor=False)
    spec, names = navigation.find("runs"), _names(ctx)
    for row in records(frame):
        with st.container(
            border=True,
            horizontal=True,
            vertical_alignment="center",
            horizontal_alignment="distribute",
        ):
            view = ctx.services.runs.views.run(row["id"])
            at = when(row["submitted_at"], ctx.now, ctx.timezone)
            maker = names.person(view.run.submitted_by or view.run.created_by)
            st.markdown(
                f"**{escape(row['name'])}**  \n{escape(plural(view.counts.get('planned', 0), 'row'))} to charge, "
                f"{escape(run_words.all_planned(view))}  \n"
                f":small[:gray[Submitted by {escape(maker)}, {escape(at)}]]",
                width="content",
            )
            if spec is not None:
                st.page_link(
                    spec.path,
                    label="Look at it",
                    icon=":material/arrow_forward:",
                    icon_position="right",
                    query_params={run_page.PARAM: row["id"]},
                    width="content",
                )
    return True


def refunds(ctx: PageContext) -> bool:
    """Refunds that were asked for; True when there is any."""
    orders = ctx.services.refunds.to_decide()
    if orders:
        st.subheader("Refunds", anchor=False)
    for order in orders:
        with st.container(border=True, gap="small"):
            _charge(ctx, order.charge_id)
            refund_panel.summary(ctx, order, _names(ctx))
            refund_panel.actions(ctx, order, key="approvals_refund")
    return bool(orders)


def manual_outcomes(ctx: PageContext) -> bool:
    """Outcomes that somebody proposed, with what Stripe was asked; True when there is any."""
    proposed = ctx.services.manual_outcomes.to_decide()
    if proposed:
        st.subheader("Unknown outcomes", anchor=False)
    for proposal in proposed:
        with st.container(border=True, gap="small"):
            _charge(ctx, proposal.charge_id)
            manual_outcome_panel.summary(ctx, proposal, _names(ctx))
            last = ctx.services.charges.view(proposal.charge_id).last
            if last is not None:
                manual_outcome_panel.evidence(ctx, last)
            manual_outcome_panel.actions(ctx, proposal, key="approvals_manual_outcome")
    return bool(proposed)


def _charge(ctx: PageContext, charge_id: str) -> None:
    row = ctx.services.reports.charges.find(charge_id)
    spec = navigation.find("charges")
    if row is None or spec is None:
        return
    st.page_link(
        spec.path,
        icon=":material/receipt_long:",
        query_params={"charge": charge_id},
        label=escape(
            f"{money(row['amount'], row['currency'])} · {row['name']} · {row['reference']}"
        ),
    )


def _names(ctx: PageContext) -> Names:
    return Names({user.username: user.name for user in ctx.services.users.list()}, {})
