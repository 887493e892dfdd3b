"""One charge in the drawer, the same from every list that shows it."""

from __future__ import annotations

from functools import partial

import streamlit as st

from lib.reports.frames import records
from lib.ui import (
    charge_actions,
    charge_again,
    charge_details,
    charge_tries,
    drawers,
    manual_outcome_panel,
    notice,
    refund_panel,
)
from lib.ui.context import PageContext, require

PARAM = "charge"


def drawer(chosen: str | None, *, table_key: str) -> None:
    """Open the chosen charge, or the one the address names."""
    charge_id = drawers.opened(PARAM, chosen)
    if not charge_id:
        return
    row = require().services.reports.charges.find(charge_id[:100])
    drawers.show(
        str(row["reference"]) if row else "Charge",
        partial(_panel, charge_id),
        on_close=partial(drawers.close, PARAM, table_key),
    )


def of_reference(ctx: PageContext, customer: str, reference: str) -> str | None:
    """The newest charge of this customer's reference, which says what to do next."""
    reference = reference.strip()
    page = ctx.services.reports.charges.page(customer=customer, search=reference)
    return next(
        (str(row["id"]) for row in records(page.frame) if row["reference"] == reference), None
    )


def _panel(charge_id: str) -> None:
    ctx = require()
    notice.watch_drawer(partial(ctx.services.reports.changes.charge, charge_id))
    details = charge_details.load(ctx, charge_id)
    if details is None:
        st.info(
            "There is no such charge. It may belong to another installation.",
            icon=":material/search_off:",
        )
        return
    # A place for each part: what appears in one must not move the field in which a person is typing.
    with st.container():
        charge_details.summary(details)
    with st.container():
        charge_actions.look_now(
            ctx, details.id, details.view.charge.state, key=f"charge_look_{details.seen}"
        )
    with st.container():
        manual_outcome_panel.draw(details)
    with st.container():
        charge_actions.look_first(details)
    with st.container():
        charge_again.draw(details)
    with st.container():
        charge_actions.recovery(details)
    with st.container():
        disputed = refund_panel.disputes(details)
        refunds = refund_panel.orders(details)
    with st.container():
        _history(details)
    with st.container():
        charge_actions.cancel(details)
    with st.container():
        refund_panel.ask(details, earlier=refunds, disputed=disputed)


def _history(details: charge_details.Details) -> None:
    charge_details.facts(details)
    st.subheader("What happened", anchor=False)
    charge_details.timeline(details)
    st.subheader("Tries", anchor=False)
    charge_tries.attempts(details)
    charge_tries.raw(details)
