"""Charts, compared with Vega-Lite's schema here, as pages do not on each view."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import altair as alt
import pandas as pd
import pytest
import streamlit as st

from lib.ui import charts

PER_DAY = pd.DataFrame(
    {
        "day": ["2026-11-01", "2026-11-02"],
        "state": ["succeeded", "blocked"],
        "amount": [1_234, 500],
        "count": [2, 1],
    }
)
BY_WEEK = pd.DataFrame(
    {"week": ["1–7 Nov 2026"], "shown": ["50.0 %"], "rate": [0.5], "paid": [1], "failed": [1]}
)
BY_REASON = pd.DataFrame(
    {
        "label": ["Not enough money"],
        "count": [3],
        "text": ["€3.00"],
        "shown": ["3"],
        "state": ["declined"],
    }
)


@pytest.mark.parametrize(
    "draw",
    [
        lambda: charts.per_day(PER_DAY, ["2026-11-01", "2026-11-02"], "eur"),
        lambda: charts.success_by_week(BY_WEEK),
        lambda: charts.by_reason(BY_REASON),
        lambda: charts.reads_by_day([(1_793_491_200, 5)], allowed=333),
    ],
    ids=["by day", "by week", "by reason", "reads"],
)
def test_each_is_what_vega_lite_understands(
    monkeypatch: pytest.MonkeyPatch, draw: Callable[[], None]
) -> None:
    drawn: list[dict[str, Any]] = []
    monkeypatch.setattr(
        st,
        "vega_lite_chart",
        lambda frame, spec, alt: drawn.append({"frame": frame, "alt": alt} | spec),
    )
    draw()
    [spec] = drawn
    assert spec.pop("alt")
    frame = spec.pop("frame")
    assert fields(spec) <= set(frame.columns)
    read = alt.LayerChart if "layer" in spec else alt.Chart
    with_data = spec | {"data": {"values": frame.to_dict("records")}}
    read.from_dict(with_data).to_dict(validate=True)


def fields(spec: object) -> set[str]:
    """The columns that a chart draws, wherever it names them."""
    if isinstance(spec, list):
        return {name for part in spec for name in fields(part)}
    if not isinstance(spec, dict):
        return set()
    named = {spec["field"]} if "field" in spec else set()
    return named | {name for part in spec.values() for name in fields(part)}
