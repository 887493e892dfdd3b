"""The kinds of things that wait for a second person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from lib.domain.approvals import RENEWABLE
from lib.reports.frames import records
from lib.ui import (
    incident_actions,
    incident_words,
    lists,
    manual_outcome_panel,
    navigation,
    refund_by_hand,
    refund_panel,
    run_page,
    run_words,
)
from lib.ui.charge_words import Names
from lib.ui.context import PageContext
from lib.ui.formats import escape, money, plural, when

_MOST_RUNS = 1_000


def runs(ctx: PageContext) -> bool:
    """Runs that were submitted, or wait to be approved again, with the way to each; True when there is any."""
    reports = ctx.services.reports.runs
    submitted = records(reports.page(state="awaiting_approval", rows=_MOST_RUNS).frame)
    rest = records(reports.page(stop_codes=RENEWABLE, rows=_MOST_RUNS).frame)
    if not submitted and not rest:
        return False
    st.subheader("Runs", anchor=False)
    spec, names = navigation.find("runs"), _names(ctx)
    waiting = sorted((*submitted, *rest), key=lambda row: row["submitted_at"] or 0)
    for row in lists.part("approvals_runs", waiting, noun="run"):
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
                f"**{escape(row['name'])}**{_again(row)}  \n{escape(plural(view.chargeable.rows, 'row'))} to charge, "
                f"{escape(run_words.all_planned(view))}  \n"
                f"{_line(run_words.stopped(view))}{_line(_corrected(ctx, row['id']))}"
                f":small[:gray[Submitted by {escape(maker)}, {escape(at)}]]",
                width="content",
            )
            if spec is not None:
                st.page_link(
                    navigation.page(spec),
                    label="Look at it",
                    icon=":material/arrow_forward:",
                    icon_position="right",
                    query_params={run_page.PARAM: row["id"]},
                    width="content",
                )
    return True


def _corrected(ctx: PageContext, run_id: str) -> str:
    """How many rows are not as in the file, by kind with their sums."""
    totals = ctx.services.runs.draft_views.correction_totals(run_id)
    return f"Against the file: {totals.in_words()}" if totals.rows else ""


def _line(text: str) -> str:
    return f"{escape(text)}  \n" if text else ""


def _again(row: Mapping[str, Any]) -> str:
    return " :orange-badge[Approve again]" if row["stop_code"] in RENEWABLE else ""


def refunds(ctx: PageContext) -> bool:
    """Refunds that were asked for; True when there is any."""
    orders = ctx.services.refunds.to_decide()
    if orders:
        st.subheader("Refunds", anchor=False)
    names = _names(ctx)
    shown = lists.part("approvals_refunds", orders, noun="refund")
    charges = ctx.services.reports.charges.find_all([order.charge_id for order in shown])
    for order in shown:
        with st.container(border=True, gap="small"):
            _charge(charges.get(order.charge_id))
            refund_panel.summary(ctx, order, names)
            refund_panel.actions(ctx, order, key="approvals_refund")
    return bool(orders)


def manual_outcomes(ctx: PageContext) -> bool:
    """Outcomes that somebody proposed, with what Stripe was asked; True when there is any."""
    proposed = ctx.services.manual_outcomes.to_decide()
    if proposed:
        st.subheader("Unknown outcomes", anchor=False)
    names = _names(ctx)
    shown = lists.part("approvals_manual_outcomes", proposed, noun="outcome")
    charges = ctx.services.reports.charges.find_all([proposal.charge_id for proposal in shown])
    for proposal in shown:
        with st.container(border=True, gap="small"):
            _charge(charges.get(proposal.charge_id))
            manual_outcome_panel.summary(ctx, proposal, names)
            last = ctx.services.charges.view(proposal.charge_id).last
            if last is not None:
                manual_outcome_panel.evidence(ctx, last)
            manual_outcome_panel.actions(ctx, proposal, key="approvals_manual_outcome")
    return bool(proposed)


def refund_outcomes(ctx: PageContext) -> bool:
    """What somebody proposed became of refunds, with what Stripe was asked; True when there is any."""
    proposed = ctx.services.refunds_by_hand.to_decide()
    if proposed:
        st.subheader("Unknown refunds", anchor=False)
    names = _names(ctx)
    shown = [
        (proposal, ctx.services.refunds_by_hand.order_of(proposal))
        for proposal in lists.part("approvals_refund_outcomes", proposed, noun="outcome")
    ]
    charges = ctx.services.reports.charges.find_all([order.charge_id for _, order in shown])
    for proposal, order in shown:
        with st.container(border=True, gap="small"):
            _charge(charges.get(order.charge_id))
            refund_panel.summary(ctx, order, names)
            refund_by_hand.summary(ctx, proposal)
            refund_by_hand.actions(ctx, proposal, key="approvals_refund_outcome")
    return bool(proposed)


def incidents(ctx: PageContext) -> bool:
    """How somebody proposed to settle incidents; True when there is any."""
    waiting = ctx.services.incidents.proposals.to_decide()
    if waiting:
        st.subheader("Incidents", anchor=False)
    names = _names(ctx)
    for proposal in lists.part("approvals_incidents", waiting, noun="incident"):
        with st.container(border=True, gap="small"):
            incident = ctx.services.incidents.views.incident(proposal.incident_id).incident
            st.markdown(escape(incident_words.what_happened(incident)))
            incident_words.link(incident)
            incident_actions.proposed(ctx, proposal, names, key="approvals_incident")
    return bool(waiting)


def _charge(row: Mapping[str, Any] | None) -> None:
    spec = navigation.find("charges")
    if row is None or spec is None:
        return
    st.page_link(
        navigation.page(spec),
        icon=":material/receipt_long:",
        query_params={"charge": row["id"]},
        label=escape(
            f"{money(row['amount'], row['currency'])} · {row['name']} · {row['reference']}"
        ),
    )


def _names(ctx: PageContext) -> Names:
    return Names({user.username: user.name for user in ctx.services.users.list()}, {})
