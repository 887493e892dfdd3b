"""The outcome of a charge a moment ago, and the next thing to do."""

from __future__ import annotations

from functools import partial

import streamlit as st

from lib.domain.charges import ChargeState
from lib.ui import charge_actions, charge_again, charge_details, navigation, new_charge, notice
from lib.ui.context import PageContext
from lib.ui.formats import escape

_WAITING = (ChargeState.UNKNOWN, ChargeState.ATTEMPTING)
_DONE = (ChargeState.SUCCEEDED, ChargeState.PROCESSING)


def show(ctx: PageContext, charge_id: str) -> None:
    notice.watch(partial(ctx.services.reports.changes.charge, charge_id))
    details = charge_details.load(ctx, charge_id)
    if details is None:
        st.info(
            "There is no such charge. It may belong to another installation.",
            icon=":material/search_off:",
        )
    else:
        st.subheader(escape(details.view.charge.reference), anchor=False)
        charge_details.summary(details)
        state = details.view.charge.state
        if state in _WAITING:
            charge_actions.look_now(ctx, details.id, state, key=f"new_charge_look_{details.seen}")
            st.caption("This page shows the outcome by itself as soon as it is known.")
        charge_actions.look_first(details)
        charge_actions.recovery(details)
        if details.is_tried_next:
            charge_again.draw(details)
        elif details.view.recovery_url and details.is_retryable:
            st.caption("When the customer has used the link, this page says so by itself.")
    is_done = details is not None and details.view.charge.state in _DONE
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "New charge",
            key="new_charge_again",
            type="primary" if is_done else "secondary",
            icon=":material/add_card:",
            on_click=new_charge.start_again,
        )
        charges = navigation.find("charges")
        if details is not None and charges is not None:
            st.page_link(
                navigation.page(charges),
                label="Timeline and tries",
                icon=":material/receipt_long:",
                query_params={"charge": details.id},
            )
