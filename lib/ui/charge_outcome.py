"""The outcome of a charge a moment ago, and the next thing to do."""

from __future__ import annotations

import streamlit as st

from lib.domain.charges import ChargeState
from lib.ui import charge_actions, charge_details, navigation, new_charge
from lib.ui.context import PageContext, require

_WAITING = (ChargeState.UNKNOWN, ChargeState.ATTEMPTING)


def show(ctx: PageContext, charge_id: str) -> None:
    details = charge_details.load(ctx, charge_id)
    if details is None:
        st.info(
            "There is no such charge. It may belong to another installation.",
            icon=":material/search_off:",
        )
    else:
        charge_details.summary(details)
        state = details.view.charge.state
        if state in _WAITING:
            charge_actions.look_now(ctx, details.id, state, key=f"new_charge_look_{details.seen}")
            _watch(details.id, state)
        charge_actions.recovery(details)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "New charge",
            key="new_charge_again",
            icon=":material/add_card:",
            on_click=new_charge.start_again,
        )
        if details is not None:
            st.page_link(
                navigation.PAGES_DIR / "charges.py",
                label="Charge again" if details.new_methods else "Timeline and tries",
                icon=":material/receipt_long:",
                query_params={"charge": details.id},
            )


@st.fragment(run_every="3s")
def _watch(charge_id: str, state: ChargeState) -> None:
    """Draw the page again once the worker has found out."""
    if require().services.charges.view(charge_id).charge.state is not state:
        st.rerun()
    st.caption("This page shows the outcome by itself as soon as it is known.")
