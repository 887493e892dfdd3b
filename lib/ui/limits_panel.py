"""The limits above which one approval is not enough: what they are, and changing them."""

from __future__ import annotations

from datetime import UTC

import pandas as pd
import streamlit as st

from lib.domain.runs import Limits
from lib.money import format_major
from lib.ui import outcome, pickers, tables
from lib.ui.context import PageContext


def draw(ctx: PageContext) -> None:
    st.subheader("Limits", anchor=False)
    st.caption(
        "Above a limit a run needs two approvers, and a single charge is refused: it has to go into a run. "
        f"Days begin at midnight in {ctx.services.settings.timezone} (ONFILE_TIMEZONE)."
    )
    limits = ctx.services.limits.all()
    if limits:
        frame = pd.DataFrame(
            [
                {
                    "code": code.upper(),
                    "currency": code,
                    "per_charge": of.per_charge,
                    "per_run": of.per_run,
                    "per_day": of.per_day,
                }
                for code, of in limits.items()
            ]
        )
        tables.listing(
            frame,
            {
                "code": tables.text("Currency", width=100),
                "per_charge": tables.amount("A charge", width=180),
                "per_run": tables.amount("A run", width=180),
                "per_day": tables.amount("A day", width=180),
            },
            key="settings_limits",
            alt="Limits by currency",
            timezone=UTC,
        )
    else:
        st.caption("No limits are set: every run needs one approver, single charges none.")
    with st.expander("Set limits", icon=":material/speed:"):
        _form(ctx, limits)


def _form(ctx: PageContext, limits: dict[str, Limits]) -> None:
    code = st.selectbox(
        "Currency",
        pickers.CURRENCY_CODES,
        key="settings_limit_currency",
        format_func=str.upper,
        width=160,
    )
    now = limits.get(code, Limits())
    with st.form(f"settings_limits_{code}", border=False):
        places = st.columns(3)
        fields = {
            name: place.text_input(
                label,
                value=format_major(value, code) if value is not None else "",
                key=f"settings_{name}_{code}",
                placeholder="no limit",
                autocomplete="off",
            )
            for place, (name, label, value) in zip(
                places,
                (
                    ("per_charge", "A charge", now.per_charge),
                    ("per_run", "A run", now.per_run),
                    ("per_day", "A day", now.per_day),
                ),
                strict=True,
            )
        }
        if st.form_submit_button("Save", key="settings_limits_save", type="primary"):
            with outcome.show(f"Limits for {code.upper()} are set."):
                ctx.services.limits.set(code, **fields, by=ctx.actor)
