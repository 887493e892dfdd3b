"""One incident in full: what happened, the evidence, and the honest ways out."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from lib.domain.incidents import IncidentProposal, PaymentEvidence, ProposalState
from lib.errors import NotFound
from lib.money import format_money
from lib.services.incidents.view import IncidentView
from lib.ui import (
    badges,
    drawers,
    incident_actions,
    incident_words,
    layout,
    navigation,
    refund_panel,
    stripe_links,
    tables,
)
from lib.ui.charge_words import Names
from lib.ui.context import PageContext
from lib.ui.formats import escape, money, when
from lib.ui.layout import Fact

TABLE = "incidents_rows"


def draw(ctx: PageContext, incident_id: str) -> None:
    st.button(
        "All incidents",
        key="incident_back",
        type="tertiary",
        icon=":material/arrow_back:",
        on_click=drawers.close,
        args=(incident_words.PARAM, TABLE),
    )
    try:
        view = ctx.services.incidents.views.incident(incident_id)
    except NotFound:
        layout.empty(
            "search_off", "No such incident", "Check the address, or go back to all incidents."
        )
        return
    names = Names({user.username: user.name for user in ctx.services.users.list()}, {})
    incident = view.incident
    found_at = when(incident.found_at, ctx.now, ctx.timezone)
    layout.header(incident_words.kind(incident.kind), f"Found {escape(found_at)}.")
    st.markdown(badges.badge(f"incident_{view.state}"))
    _summary(ctx, view, names)
    for order in view.refunds:
        with st.container(border=True, gap="small"):
            refund_panel.summary(ctx, order, names)
            refund_panel.actions(ctx, order, key="incident_refund")
    incident_actions.decision(ctx, view, names)
    _at_stripe(ctx, view)
    _in_the_ledger(ctx, view)
    if incident.is_open:
        incident_actions.ways_out(ctx, view)
    _earlier(ctx, view, names)
    _raw(view)


def _summary(ctx: PageContext, view: IncidentView, names: Names) -> None:
    incident = view.incident
    with st.container(border=True, gap="small"):
        st.markdown(f"**{escape(incident_words.what_happened(incident))}**")
        if incident.is_open and (held := incident_words.what_waits(incident)):
            st.markdown(escape(held))
        if incident.resolution is not None and incident.settled_at is not None:
            how = incident_words.RESOLUTIONS[incident.resolution]
            at = when(incident.settled_at, ctx.now, ctx.timezone)
            by = names.person(incident.settled_by or "")
            st.markdown(f"{escape(how)}: {escape(incident.note or '')}")
            st.caption(f"Settled by {escape(by)}, {escape(at)}.")
    _links(view)


def _links(view: IncidentView) -> None:
    """The ways to the customer and to each charge of the debt."""
    customers, charges = navigation.find("customers"), navigation.find("charges")
    with st.container(horizontal=True):
        if customers is not None and view.customer is not None:
            st.page_link(
                navigation.page(customers),
                label="Customer",
                icon=":material/person:",
                query_params={"customer": view.customer},
                width="content",
            )
        for charge in view.charges:
            if charges is None:
                continue
            st.page_link(
                navigation.page(charges),
                label=escape(f"Charge {charge.reference}, {money(charge.amount, charge.currency)}"),
                icon=":material/receipt_long:",
                query_params={"charge": charge.id},
                width="content",
            )


def _at_stripe(ctx: PageContext, view: IncidentView) -> None:
    if not view.payments:
        return
    st.subheader("At Stripe", anchor=False)
    payments = sorted(view.payments, key=lambda one: one.id != view.incident.payment_intent)
    given_back = any(one.refunded for one in payments)
    tables.listing(
        pd.DataFrame(
            {
                "payment": [one.id for one in payments],
                "state": [one.status for one in payments],
                "amount": [one.amount for one in payments],
                "refunded": [one.refunded or None for one in payments],
                "currency": [one.currency for one in payments],
                "reference": [one.reference or "" for one in payments],
                "marks": [_marks(one) for one in payments],
                "at": [one.created for one in payments],
            }
        ),
        {
            "payment": tables.text("Payment", width=240),
            "state": tables.state(width=130),
            "amount": tables.amount(width=95),
            **({"refunded": tables.amount("Given back", width=95)} if given_back else {}),
            "reference": tables.text("Reference", width=105),
            "marks": tables.text("Onfile charge", width=185),
            "at": tables.time("Made"),
        },
        key=f"incident_payments_{view.incident.id}",
        alt="Payments of this debt at Stripe, the incident's own first",
        timezone=ctx.timezone,
    )
    if len(payments) > 1 and view.payment is not None:
        st.caption("The first row is the payment that this is about.")
    with st.container(horizontal=True):
        for payment in payments:
            address = stripe_links.payment(ctx.services.settings.mode, payment.id)
            if address is not None:
                st.link_button(
                    f"{escape(payment.id[:12])}… in Stripe", address, icon=":material/open_in_new:"
                )


def _marks(payment: PaymentEvidence) -> str:
    if payment.charge_id is None:
        return "None: not ours"
    return f"{payment.charge_id}/{payment.attempt or '?'}"


def _in_the_ledger(ctx: PageContext, view: IncidentView) -> None:
    if not view.attempts:
        if view.payments:
            st.subheader("In this ledger", anchor=False)
            st.caption("Nothing: no try of this debt is written down here.")
        return
    st.subheader("In this ledger", anchor=False)
    charges = {charge.id: charge for charge in view.charges}
    tries = [attempt for attempt in view.attempts if attempt.charge_id in charges]
    tables.listing(
        pd.DataFrame(
            {
                "payment": [attempt.payment_intent or "" for attempt in tries],
                "state": [
                    attempt.outcome.value if attempt.outcome else "attempting" for attempt in tries
                ],
                "amount": [charges[attempt.charge_id].amount for attempt in tries],
                "currency": [charges[attempt.charge_id].currency for attempt in tries],
                "reference": [charges[attempt.charge_id].reference for attempt in tries],
                "charge": [f"{attempt.charge_id}/{attempt.number}" for attempt in tries],
                "at": [attempt.requested_at for attempt in tries],
            }
        ),
        {
            "payment": tables.text("Payment", width=240),
            "state": tables.state(width=130),
            "amount": tables.amount(width=95),
            "reference": tables.text("Reference", width=105),
            "charge": tables.text("Onfile charge", width=185),
            "at": tables.time("Sent"),
        },
        key=f"incident_attempts_{view.incident.id}",
        alt="Tries of this debt in the ledger, oldest first",
        timezone=ctx.timezone,
    )


def _earlier(ctx: PageContext, view: IncidentView, names: Names) -> None:
    """What was proposed before, and what became of it."""
    decided = [one for one in view.proposals if not one.is_proposed]
    if not decided:
        return
    with st.expander("What was proposed before", icon=":material/history:"):
        for proposal in decided:
            st.markdown(escape(_sentence(ctx, proposal, names)))


def _sentence(ctx: PageContext, proposal: IncidentProposal, names: Names) -> str:
    how = incident_words.RESOLUTIONS[proposal.resolution].lower()
    at = when(proposal.proposed_at, ctx.now, ctx.timezone)
    sentence = f"{names.person(proposal.proposed_by)}, {at}: {how}. {proposal.reason}"
    end = {
        ProposalState.APPROVED: f"{names.person(proposal.decided_by or '')} agreed.",
        ProposalState.REJECTED: f"{names.person(proposal.decided_by or '')} rejected it: {proposal.decision_note}",
        ProposalState.WITHDRAWN: "Taken back.",
        ProposalState.OVERTAKEN: "Settled in another way first.",
    }.get(proposal.state, "")
    return f"{sentence} {end}"


def _raw(view: IncidentView) -> None:
    incident = view.incident
    rows = [Fact("Incident", incident.id), Fact("About", incident.subject)]
    for name, value in incident.details.items():
        if name in ("amount", "currency") or value in (None, ""):
            continue
        rows.append(Fact(name.replace("_", " ").capitalize(), str(value)))
    if incident.details.get("amount") is not None and incident.details.get("currency"):
        rows.append(
            Fact(
                "Amount",
                format_money(int(incident.details["amount"]), str(incident.details["currency"])),
            )
        )
    layout.raw(rows)
