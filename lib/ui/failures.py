"""Failures by reason: the chart, and the choice of one reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import pandas as pd
import streamlit as st

from lib.domain.declines import Reason
from lib.money import format_money
from lib.reports.sums import Sum, added_up, count_of
from lib.ui import charge_words, charts, filters

# What the bank asks of the customer is amber; everything else went wrong.
_AMBER = (Reason.NEEDS_AUTHENTICATION,)


def by_reason(reasons: Mapping[str, list[Sum]]) -> pd.DataFrame:
    """One row a reason: `label`, `count`, `text` with the sum of each currency, `state`."""
    rows = []
    for reason, sums in sorted(reasons.items()):
        count, text = count_of(sums), ", ".join(_amounts(sums))
        rows.append(
            {
                "reason": reason,
                "label": charge_words.reason(reason),
                "count": count,
                "text": text,
                "shown": f"{count} · {text}",
                "state": "needs_customer" if reason in _AMBER else "declined",
            }
        )
    columns = ["reason", "label", "count", "text", "shown", "state"]
    return pd.DataFrame(rows, columns=columns).sort_values("count", ascending=False)


def _amounts(sums: Iterable[Sum]) -> list[str]:
    """Of each currency, whatever the state."""
    amounts: Counter[str] = Counter()
    for one in sums:
        amounts[one.currency] += one.amount
    return [format_money(amount, code) for code, amount in sorted(amounts.items())]


def sums(reasons: Mapping[str, list[Sum]], reason: str | None) -> list[Sum]:
    """By state and currency, of one reason or all."""
    return added_up(one for name, sums in reasons.items() if reason in (None, name) for one in sums)


def chart(reasons: pd.DataFrame) -> None:
    with st.container(border=True):
        st.markdown("**By reason**")
        charts.by_reason(reasons)


def pick(reasons: pd.DataFrame, *, key: str) -> str | None:
    """One reason as a pill with its count, or None for all."""
    counts = {row["reason"]: int(row["count"]) for row in reasons.to_dict("records")}
    return filters.states(key, counts, labels=charge_words.REASONS)
