"""Tables of rows: what a column looks like, and choosing rows by their ids."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any, Literal

import pandas as pd
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from lib.money import format_money
from lib.ui import badges

Kind = Literal["text", "amount", "state", "ago", "time", "number"]
Width = Literal["small", "medium", "large"] | int | None

# Of one line, and of more: Streamlit wraps text only in rows that are higher than 4rem.
_ROW_HEIGHT, _WRAPPING_HEIGHT = 36, 66
_TOOLBAR_HEIGHT = 20
# Of "a few seconds ago" and of "28 Nov 2026, 17:25": the longest that are usual.
_AGO_WIDTH, _TIME_WIDTH = 128, 150


@dataclass(frozen=True, slots=True)
class Column:
    kind: Kind
    label: str
    width: Width = None
    help: str | None = None
    currency: str = "currency"
    """For amounts: the frame's column that holds the currency."""


def text(label: str, *, width: Width = None, help: str | None = None) -> Column:
    return Column("text", label, width, help)


def amount(label: str = "Amount", *, currency: str = "currency", width: Width = None) -> Column:
    """Minor units beside a column of currencies, shown as "€1,234.50" at the right."""
    return Column("amount", label, width, currency=currency)


def state(label: str = "State", *, width: Width = None) -> Column:
    """A state of `badges.STATES`, or a list of them, as coloured badges."""
    return Column("state", label, width)


def ago(label: str) -> Column:
    """A time (datetime, or seconds since 1970) as "2 hours ago"."""
    return Column("ago", label, _AGO_WIDTH)


def time(label: str) -> Column:
    """A time, exactly, in the operator's zone."""
    return Column("time", label, _TIME_WIDTH)


def number(label: str, *, width: Width = None, help: str | None = None) -> Column:
    return Column("number", label, width, help)


def table(
    frame: pd.DataFrame,
    columns: Mapping[str, Column],
    *,
    key: str,
    alt: str,
    timezone: tzinfo,
    id_column: str = "id",
    wraps: bool = False,
) -> str | None:
    """
    Draw the rows and return the id of the chosen one.

    Only the named columns are sent to the browser. The id is the one that stood in the row when
    the operator clicked it, even if newer rows have moved it since; None once it is not in `frame`.

    Args:
        columns: the frame's columns in order, and how each is shown.
        alt: what the table holds, in one plain sentence.
        wraps: whether long text runs over several lines.
    """
    ids = [str(value) for value in frame[id_column]]
    chosen_key, ids_key = f"{key}_chosen", f"{key}_ids"

    def remember() -> None:
        # Runs before the page reads again, so the ids are still those of the rows on the screen.
        rows = _selected_rows(st.session_state.get(key))
        on_screen: list[str] = st.session_state.get(ids_key, [])
        st.session_state[chosen_key] = _at(on_screen, rows)

    marked = _selected_rows(st.session_state.get(key))
    meant = st.session_state.get(chosen_key)
    if marked and meant and _at(ids, marked) != meant:
        # The list has moved under the mark, after an action say: it goes with its row, or away.
        rows = [ids.index(meant)] if meant in ids else []
        st.session_state[key] = {"selection": {"rows": rows, "columns": [], "cells": []}}

    event = _draw(
        frame,
        columns,
        timezone,
        alt,
        key=key,
        on_select=remember,
        selection_mode="single-row",
        row_height=_WRAPPING_HEIGHT if wraps else _ROW_HEIGHT,
    )
    rows = _selected_rows(event)
    st.session_state[ids_key] = ids
    if not rows:
        st.session_state.pop(chosen_key, None)
        return None
    chosen: str | None = st.session_state.get(chosen_key) or _at(ids, rows)
    st.session_state[chosen_key] = chosen
    return chosen if chosen in ids else None


def choose_many(
    frame: pd.DataFrame,
    columns: Mapping[str, Column],
    *,
    key: str,
    alt: str,
    timezone: tzinfo,
    id_column: str = "id",
) -> list[str]:
    """
    The ids of the chosen rows, in the table's order; wrapping text.

    Other rows make another table, with nothing chosen: a mark never moves to a row nobody meant.
    """
    ids = [str(value) for value in frame[id_column]]
    shown = hashlib.sha256("\n".join(ids).encode()).hexdigest()[:12]
    event = _draw(
        frame,
        columns,
        timezone,
        alt,
        key=f"{key}_{shown}",
        on_select="rerun",
        selection_mode="multi-row",
        row_height=_WRAPPING_HEIGHT,
    )
    return [ids[row] for row in sorted(_selected_rows(event)) if row < len(ids)]


def listing(
    frame: pd.DataFrame,
    columns: Mapping[str, Column],
    *,
    key: str,
    alt: str,
    timezone: tzinfo,
    wraps: bool = False,
) -> None:
    """The same table, to read only."""
    height = _WRAPPING_HEIGHT if wraps else _ROW_HEIGHT
    _draw(frame, columns, timezone, alt, key=key, row_height=height)


def rendered(frame: pd.DataFrame, columns: Mapping[str, Column]) -> pd.DataFrame:
    """The frame as it is sent to the browser: the named columns only, values ready to show."""
    shown = {name: _values(frame, name, column) for name, column in columns.items()}
    return pd.DataFrame(shown, index=frame.index)


def _draw(
    frame: pd.DataFrame,
    columns: Mapping[str, Column],
    timezone: tzinfo,
    alt: str,
    **how: Any,  # noqa: ANN401 - passed on to st.dataframe
) -> object:
    shown = rendered(frame, columns)
    # Streamlit's own toolbar floats above a table's right end, and would lie over the button there.
    st.space(_TOOLBAR_HEIGHT)
    return st.dataframe(
        shown,
        hide_index=True,
        height="content",
        placeholder="",
        alt=alt,
        column_config={
            name: _config(column, frame[name], timezone) for name, column in columns.items()
        },
        **how,
    )


def _values(frame: pd.DataFrame, name: str, column: Column) -> Any:  # noqa: ANN401 - pandas
    cells = frame[name]
    match column.kind:
        case "amount":
            pairs = zip(cells, frame[column.currency], strict=True)
            return [
                None if pd.isna(minor) else format_money(int(minor), str(code))
                for minor, code in pairs
            ]
        case "state":
            return [_labels(cell) for cell in cells]
        case "ago" | "time":
            # Whole seconds, or datetimes: both become aware UTC.
            if pd.api.types.is_numeric_dtype(cells.dtype):
                return pd.to_datetime(cells, unit="s", utc=True)
            return pd.to_datetime(cells, utc=True)
        case _:
            return cells


def _labels(cell: object) -> list[str]:
    return [badges.cell_label(state) for state in _states(cell)]


def _states(cell: object) -> list[str]:
    if isinstance(cell, (list, tuple)):
        return [str(part) for part in cell]
    return [cell] if isinstance(cell, str) else []


def colors(cells: Iterable[object], *, dark: bool) -> dict[str, str]:
    """Each label of a column of states and its colour there: “Open” is not the same everywhere."""
    states = sorted({state for cell in cells for state in _states(cell)})
    scheme = {badges.cell_label(state): badges.cell_color(state, dark=dark) for state in states}
    return dict(sorted(scheme.items()))


def _config(column: Column, cells: pd.Series[Any], timezone: tzinfo) -> ColumnConfig:
    common: dict[str, Any] = {"width": column.width, "help": column.help}
    zone = str(timezone)
    match column.kind:
        case "amount":
            return st.column_config.TextColumn(column.label, alignment="right", **common)
        case "state":
            used = colors(cells, dark=st.context.theme.type == "dark")
            return st.column_config.MultiselectColumn(
                column.label,
                options=list(used),
                color=list(used.values()) or None,
                **common,
            )
        case "ago":
            return st.column_config.DatetimeColumn(
                column.label, format="distance", timezone=zone, **common
            )
        case "time":
            return st.column_config.DatetimeColumn(
                column.label, format="D MMM YYYY, HH:mm", timezone=zone, **common
            )
        case "number":
            return st.column_config.NumberColumn(column.label, format="localized", **common)
        case _:
            return st.column_config.TextColumn(column.label, **common)


def _selected_rows(event: object) -> list[int]:
    """Positions from a dataframe's state: an object in a page, a plain mapping where a test set it."""
    if not isinstance(event, Mapping):
        return []
    selection = event.get("selection", {})
    return list(selection.get("rows", []))


def _at(ids: list[str], rows: list[int]) -> str | None:
    return ids[rows[0]] if rows and 0 <= rows[0] < len(ids) else None
