"""
Charts in which colour means state, in the tones of the theme that is shown.

Written in Vega-Lite's own terms, https://vega.github.io/vega-lite/docs/: to build each in Python and copy it took half
of Home's time. tests/ui/test_charts.py compares them with Vega-Lite's schema.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from lib.money import currency, format_money
from lib.ui import badges

_Spec = Mapping[str, Any]

_BAR = 28
# States with one colour are told apart by the legend's words and the tooltip.
_ORDER = ("succeeded", "processing", "needs_customer", "declined", "unknown", "other")


def color(state: str) -> str:
    """The theme's own tone for a state."""
    theme = "dark" if st.context.theme.type == "dark" else "light"
    hue = st.get_option(f"theme.{theme}.{badges.look(state).color}Color")
    return str(hue or "#667085")


def _draw(frame: pd.DataFrame, spec: _Spec, *, in_words: str) -> None:
    # Streamlit sets the width and the other colours.
    st.vega_lite_chart(frame, dict(spec), alt=in_words)


def _of(field: str, **how: object) -> _Spec:
    """A number of the frame."""
    return {"field": field, "type": "quantitative", **how}


def _named(field: str, **how: object) -> _Spec:
    """A word of the frame."""
    return {"field": field, "type": "nominal", **how}


def _days(*ends: str, **how: object) -> _Spec:
    return {
        "field": "day",
        "type": "temporal",
        "title": None,
        "axis": {"format": "%-d %b", "grid": False, "tickCount": 8},
        "scale": {"domain": list(ends), "padding": 14},
        **how,
    }


_DAY_IN_FULL = {"field": "day", "type": "temporal", "title": "Day", "format": "%-d %b %Y"}


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
    spec = {
        "height": 220,
        "mark": {"type": "bar", "size": 14, "cornerRadius": 1},
        "encoding": {
            "x": _days(*_at_midnight([days[0], days[-1]])),
            "y": _of(
                "major",
                aggregate="sum",
                title=code.upper(),
                axis={"tickCount": 4, "format": ",~f"},
            ),
            "color": _named(
                "label",
                title=None,
                legend={"orient": "top"},
                scale={"domain": labels, "range": [color(name) for name in used]},
            ),
            "order": _of("order"),
            "tooltip": [
                _DAY_IN_FULL,
                _named("label", title="State"),
                _named("text", title="Amount"),
                _of("count", title="Charges"),
            ],
        },
    }
    in_words = ", ".join(
        f"{badges.look(name).label.lower()} {format_money(int(shown.loc[shown['state'] == name, 'amount'].sum()), code)}"
        for name in used
    )
    _draw(shown, spec, in_words=f"Charged amounts by day, {days[0]} to {days[-1]}: {in_words}")


def success_by_week(frame: pd.DataFrame) -> None:
    """One bar a week. `frame`: week and shown in words, rate from 0 to 1 or None, paid, failed."""
    spec = {
        "height": 150,
        "encoding": {
            "x": _named("week", title=None, sort=list(frame["week"]), axis=None),
            # Each bar says its rate; an axis would push the bars away from what stands under them.
            "y": _of("rate", title=None, scale={"domain": [0, 1]}, axis=None),
            "tooltip": [
                _named("week", title="Week"),
                _named("shown", title="Success rate"),
                _of("paid", title="Paid", format=","),
                _of("failed", title="Failed", format=","),
            ],
        },
        "layer": [
            {"mark": {"type": "bar", "size": _BAR, "cornerRadius": 2, "color": color("succeeded")}},
            {
                "mark": {
                    "type": "text",
                    "baseline": "bottom",
                    "dy": -3,
                    "color": color("cancelled"),
                },
                "encoding": {"text": _named("shown")},
            },
        ],
    }
    in_words = ", ".join(
        f"{week} {shown}" for week, shown in zip(frame["week"], frame["shown"], strict=True)
    )
    _draw(frame, spec, in_words=f"Success rate by week: {in_words}")


def by_reason(frame: pd.DataFrame) -> None:
    """Horizontal bars. `frame`: label, count, text (amounts in words), state for the colour."""
    ordered = frame.sort_values("count", ascending=False)
    used = list(dict.fromkeys(ordered["state"]))
    spec = {
        "height": _BAR * len(ordered) + 8,
        "encoding": {
            "y": _named(
                "label",
                title=None,
                sort=list(ordered["label"]),
                axis={"labelLimit": 260, "labelOverlap": False, "domain": False, "ticks": False},
            ),
            "x": _of("count", title=None, axis=None),
        },
        "layer": [
            {
                "mark": {"type": "bar", "size": 14, "cornerRadius": 2},
                "encoding": {
                    "color": _named(
                        "state",
                        legend=None,
                        scale={"domain": used, "range": [color(name) for name in used]},
                    ),
                    "tooltip": [
                        _named("label", title="Reason"),
                        _of("count", title="Charges"),
                        _named("text", title="Amounts"),
                    ],
                },
            },
            {
                "mark": {"type": "text", "align": "left", "dx": 6, "color": color("cancelled")},
                "encoding": {"text": _named("shown")},
            },
        ],
    }
    in_words = ", ".join(
        f"{row.label} {row.count_}"
        for row in ordered.rename(columns={"count": "count_"}).itertuples()
    )
    _draw(ordered, spec, in_words=f"Failures by reason: {in_words}")


def reads_by_day(days: Sequence[tuple[int, int]], *, allowed: int) -> None:
    """Bars of reads by day (midnight UTC in seconds, count), and a line at the allowance a day."""
    shown = pd.DataFrame(
        {
            "day": _at_midnight([f"{pd.Timestamp(day, unit='s'):%Y-%m-%d}" for day, _ in days]),
            "reads": [count for _, count in days],
        }
    )
    first, last = shown["day"].iloc[0], shown["day"].iloc[-1]
    limit = {"y": {"datum": allowed}}
    spec = {
        "height": 150,
        "layer": [
            {
                "mark": {
                    "type": "bar",
                    "size": 14,
                    "cornerRadius": 1,
                    "color": color("processing"),
                },
                "encoding": {
                    "x": _days(first, last),
                    "y": _of("reads", title=None, axis={"tickCount": 3, "format": ",d"}),
                    "tooltip": [_DAY_IN_FULL, _of("reads", title="Reads", format=",d")],
                },
            },
            {
                "mark": {"type": "rule", "strokeDash": [4, 3], "color": color("declined")},
                "encoding": limit,
            },
            {
                "mark": {
                    "type": "text",
                    "align": "left",
                    "baseline": "bottom",
                    "dx": 4,
                    "dy": -3,
                    "color": color("declined"),
                    "text": f"{allowed:,} a day allowed on average",
                },
                "encoding": {**limit, "x": {"value": 0}},
            },
        ],
    }
    total = sum(count for _, count in days)
    _draw(
        shown,
        spec,
        in_words=f"Reads of Stripe by day: {total:,} in 30 days; {allowed:,} a day are allowed.",
    )
