"""Charts in which colour means state, in the tones of the theme that is shown."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import pandas as pd
import streamlit as st
from altair.utils.schemapi import disable_debug_mode

from lib.money import currency, format_money
from lib.ui import badges

# Comparing each chart with Vega-Lite's whole schema took half of Home's time: tests/ui/test_charts.py does it.
disable_debug_mode()
# Streamlit sets the size and the colours.
alt.theme.enable("none")

_BAR = 28
# States with one colour are told apart by the legend's words and the tooltip.
_ORDER = ("succeeded", "processing", "needs_customer", "declined", "unknown", "other")


def color(state: str) -> str:
    """The theme's own tone for a state."""
    theme = "dark" if st.context.theme.type == "dark" else "light"
    hue = st.get_option(f"theme.{theme}.{badges.look(state).color}Color")
    return str(hue or "#667085")


def _draw(chart: alt.Chart | alt.LayerChart, *, in_words: str) -> None:
    st.vega_lite_chart(spec=chart.to_dict(validate=False), alt=in_words)


def _at_midnight(days: Sequence[str]) -> list[str]:
    """
    Of ISO dates, what a browser shows as these days wherever it is: a date alone is midnight UTC to it,
    which is the day before in America.
    """
    return [f"{day}T00:00:00" for day in days]


def per_day(frame: pd.DataFrame, days: Sequence[str], code: str) -> None:
    """Stacked amounts by day and state. `frame`: day, state, amount in minor units, count."""
    state = frame["state"].where(frame["state"].isin(_ORDER), "other")
    shown = (
        frame.assign(state=state)
        .groupby(["day", "state"], as_index=False)[["amount", "count"]]
        .sum()
    )
    used = [name for name in _ORDER if name in set(shown["state"])]
    labels = [badges.look(name).label for name in used]
    shown = shown.assign(
        day=_at_midnight(list(shown["day"])),
        major=[int(amount) / currency(code).factor for amount in shown["amount"]],
        label=[badges.look(name).label for name in shown["state"]],
        order=[used.index(name) for name in shown["state"]],
        text=[format_money(int(amount), code) for amount in shown["amount"]],
    )
    bars = (
        alt.Chart(shown)
        .mark_bar(size=14, cornerRadius=1)
        .encode(
            x=alt.X(
                "day:T",
                title=None,
                axis=alt.Axis(format="%-d %b", grid=False, tickCount=8),
                scale=alt.Scale(domain=_at_midnight([days[0], days[-1]]), padding=14),
            ),
            y=alt.Y("sum(major):Q", title=code.upper(), axis=alt.Axis(tickCount=4, format=",~f")),
            color=alt.Color(
                "label:N",
                title=None,
                legend=alt.Legend(orient="top"),
                scale=alt.Scale(domain=labels, range=[color(name) for name in used]),
            ),
            order=alt.Order("order:Q"),
            tooltip=[
                alt.Tooltip("day:T", title="Day", format="%-d %b %Y"),
                alt.Tooltip("label:N", title="State"),
                alt.Tooltip("text:N", title="Amount"),
                alt.Tooltip("count:Q", title="Charges"),
            ],
        )
        .properties(height=220)
    )
    in_words = ", ".join(
        f"{badges.look(name).label.lower()} {format_money(int(shown.loc[shown['state'] == name, 'amount'].sum()), code)}"
        for name in used
    )
    _draw(bars, in_words=f"Charged amounts by day, {days[0]} to {days[-1]}: {in_words}")


def success_by_week(frame: pd.DataFrame) -> None:
    """One bar a week. `frame`: week and shown in words, rate from 0 to 1 or None, paid, failed."""
    base = alt.Chart(frame).encode(
        x=alt.X("week:N", title=None, sort=list(frame["week"]), axis=None),
        # Each bar says its rate; an axis would push the bars away from what stands under them.
        y=alt.Y("rate:Q", title=None, scale=alt.Scale(domain=[0, 1]), axis=None),
        tooltip=[
            alt.Tooltip("week:N", title="Week"),
            alt.Tooltip("shown:N", title="Success rate"),
            alt.Tooltip("paid:Q", title="Paid", format=","),
            alt.Tooltip("failed:Q", title="Failed", format=","),
        ],
    )
    bars = base.mark_bar(size=_BAR, cornerRadius=2, color=color("succeeded"))
    words = base.mark_text(baseline="bottom", dy=-3, color=color("cancelled")).encode(
        text="shown:N"
    )
    in_words = ", ".join(
        f"{week} {shown}" for week, shown in zip(frame["week"], frame["shown"], strict=True)
    )
    _draw((bars + words).properties(height=150), in_words=f"Success rate by week: {in_words}")


def by_reason(frame: pd.DataFrame) -> None:
    """Horizontal bars. `frame`: label, count, text (amounts in words), state for the colour."""
    ordered = frame.sort_values("count", ascending=False)
    base = alt.Chart(ordered).encode(
        y=alt.Y(
            "label:N",
            title=None,
            sort=list(ordered["label"]),
            axis=alt.Axis(labelLimit=260, labelOverlap=False, domain=False, ticks=False),
        ),
        x=alt.X("count:Q", title=None, axis=None),
    )
    used = list(dict.fromkeys(ordered["state"]))
    bars = base.mark_bar(size=14, cornerRadius=2).encode(
        color=alt.Color(
            "state:N",
            legend=None,
            scale=alt.Scale(domain=used, range=[color(name) for name in used]),
        ),
        tooltip=[
            alt.Tooltip("label:N", title="Reason"),
            alt.Tooltip("count:Q", title="Charges"),
            alt.Tooltip("text:N", title="Amounts"),
        ],
    )
    numbers = base.mark_text(align="left", dx=6, color=color("cancelled")).encode(text="shown:N")
    in_words = ", ".join(
        f"{row.label} {row.count_}"
        for row in ordered.rename(columns={"count": "count_"}).itertuples()
    )
    _draw(
        (bars + numbers).properties(height=_BAR * len(ordered) + 8),
        in_words=f"Failures by reason: {in_words}",
    )


def reads_by_day(days: Sequence[tuple[int, int]], *, allowed: int) -> None:
    """Bars of reads by day (midnight UTC in seconds, count), and a line at the allowance a day."""
    shown = pd.DataFrame(
        {
            "day": _at_midnight([f"{pd.Timestamp(day, unit='s'):%Y-%m-%d}" for day, _ in days]),
            "reads": [count for _, count in days],
        }
    )
    base = alt.Chart(shown)
    bars = base.mark_bar(size=14, cornerRadius=1, color=color("processing")).encode(
        x=alt.X(
            "day:T",
            title=None,
            axis=alt.Axis(format="%-d %b", grid=False, tickCount=8),
            scale=alt.Scale(domain=[shown["day"].iloc[0], shown["day"].iloc[-1]], padding=14),
        ),
        y=alt.Y("reads:Q", title=None, axis=alt.Axis(tickCount=3, format=",d")),
        tooltip=[
            alt.Tooltip("day:T", title="Day", format="%-d %b %Y"),
            alt.Tooltip("reads:Q", title="Reads", format=",d"),
        ],
    )
    limit = alt.Chart(
        pd.DataFrame({"allowed": [allowed], "words": [f"{allowed:,} a day allowed on average"]})
    )
    rule = limit.mark_rule(color=color("declined"), strokeDash=[4, 3]).encode(y="allowed:Q")
    words = limit.mark_text(align="left", baseline="bottom", dx=4, dy=-3, color=color("declined"))
    total = sum(count for _, count in days)
    _draw(
        (bars + rule + words.encode(y="allowed:Q", x=alt.value(0), text="words:N")).properties(
            height=150
        ),
        in_words=f"Reads of Stripe by day: {total:,} in 30 days; {allowed:,} a day are allowed.",
    )
