"""The tables of charges and of failures, and the line that says whose charges are shown."""

from __future__ import annotations

from functools import partial

import pandas as pd
import streamlit as st

from lib.reports.month import Recovery
from lib.ui import charge_words, filters, tables
from lib.ui.context import PageContext
from lib.ui.formats import escape

RECOVERED = {
    "any": "paid after a failure",
    Recovery.NEW_CARD: "paid with a new card after a failure",
    Recovery.AUTHENTICATED: "paid after the customer confirmed",
    Recovery.LATER_TRY: "paid by a later try after a failure",
}
CHARGES, FAILURES = "charges_rows", "failures_rows"
# Of every list the first columns, as far as the state or the next step, fit a window of 820 pixels, see style.py.


def charges(ctx: PageContext, frame: pd.DataFrame) -> str | None:
    """The id of the chosen one."""
    return tables.table(
        frame.assign(
            why=[charge_words.SHORT_REASONS.get(code, "") for code in frame["reason"]],
            method=[label.replace("American Express", "Amex") for label in frame["method"]],
            # What became of the money last says that it was paid before.
            states=[states[-1] for states in frame["states"]],
        ),
        {
            "charged_at": tables.date("Date", ctx.now),
            "name": tables.text("Customer", width=184),
            "amount": tables.amount(width=96),
            "states": tables.state(width=128),
            "reference": tables.text("Reference", width=104),
            "method": tables.text("Saved method", width=138),
            "why": tables.text("Reason", width=130),
        },
        key=CHARGES,
        alt="Charges, newest first",
        timezone=ctx.timezone,
        on_heading=partial(filters.turn_order, "charges_order"),
    )


def failures(ctx: PageContext, frame: pd.DataFrame) -> str | None:
    """The id of the chosen one."""
    steps = zip(frame["new_method"], frame["next_step"], strict=True)
    return tables.table(
        frame.assign(
            why=[charge_words.SHORT_REASONS.get(code, "") for code in frame["reason"]],
            next=[f"Charge again: {new} is saved" if new else step for new, step in steps],
        ),
        {
            "name": tables.text("Customer", width=120),
            "amount": tables.amount(width=90),
            "why": tables.text("Reason", width=106),
            "next": tables.text("Next step", width=230),
            "charged_at": tables.date("Failed", ctx.now),
            "reference": tables.text("Reference", width=104),
        },
        key=FAILURES,
        alt="Charges that failed, newest first",
        timezone=ctx.timezone,
        wraps=True,
        on_heading=partial(filters.turn_order, "failures_order"),
    )


def recovered(key: str) -> str | None:
    """What the address asks for of charges that were paid after a failure, with a way back to all."""
    how = st.query_params.get(key)
    if how not in RECOVERED:
        return None
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"Only charges that were {RECOVERED[how]}", width="content")
        if st.button("Show all", key=f"{key}_all", type="tertiary"):
            del st.query_params[key]
            st.rerun()
    return how


def only_of(ctx: PageContext, customer: str) -> None:
    known = ctx.services.reports.customers.find(customer)
    with st.container(horizontal=True, vertical_alignment="center"):
        who = escape((known["name"] or known["email"]) if known else customer[:40])
        st.markdown(f"Only charges of **{who}**", width="content")
        if st.button("Show all", key="charges_everyone", type="tertiary"):
            del st.query_params["customer"]
            st.rerun()
