"""Failures by reason: the chart, and the choice of one reason."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from lib.domain.declines import Reason
from lib.money import format_money
from lib.reports.sums import Sum
from lib.ui import charge_words, charts, filters

# What the bank asks of the customer is amber; everything else went wrong.
_AMBER = (Reason.NEEDS_AUTHENTICATION,)


def by_reason(frame: pd.DataFrame) -> pd.DataFrame:
    """One row a reason: `label`, `count`, `text` with the sum of each currency, `state`."""
    rows = []
    by_currency = frame.groupby(["reason", "currency"], as_index=False)[["count", "amount"]].sum()
    for reason, group in by_currency.groupby("reason"):
        sums = [
            format_money(int(amount), code)
            for amount, code in zip(group["amount"], group["currency"], strict=True)
        ]
        count = int(group["count"].sum())
        text = ", ".join(sums)
        rows.append(
            {
                "reason": str(reason),
                "label": charge_words.reason(str(reason)),
                "count": count,
                "text": text,
                "shown": f"{count} · {text}",
                "state": "needs_customer" if reason in _AMBER else "declined",
            }
        )
    columns = ["reason", "label", "count", "text", "shown", "state"]
    return pd.DataFrame(rows, columns=columns).sort_values("count", ascending=False)


def sums(frame: pd.DataFrame, reason: str | None) -> list[Sum]:
    """By state and currency, of one reason or all."""
    chosen = frame if reason is None else frame[frame["reason"] == reason]
    groups = chosen.groupby(["state", "currency"], as_index=False)[["count", "amount"]].sum()
    return [
        Sum(row["state"], row["currency"], int(row["count"]), int(row["amount"]))
        for row in groups.to_dict("records")
    ]


def chart(reasons: pd.DataFrame) -> None:
    with st.container(border=True):
        st.markdown("**By reason**")
        charts.by_reason(reasons)


def pick(reasons: pd.DataFrame, *, key: str) -> str | None:
    """One reason as a pill with its count, or None for all."""
    counts = {row["reason"]: int(row["count"]) for row in reasons.to_dict("records")}
    return filters.states(key, counts, labels=charge_words.REASONS)
