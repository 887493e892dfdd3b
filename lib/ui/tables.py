"""Tables of rows: what a column looks like, and choosing rows by their ids."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any, Literal

import pandas as pd
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from lib.money import format_money
from lib.ui import badges, customer_names, selections

Kind = Literal["text", "amount", "state", "time", "date", "number"]
Width = Literal["small", "medium", "large"] | int | None

# Of one line, and of more: Streamlit wraps text only in rows that are higher than 4rem.
_ROW_HEIGHT, _WRAPPING_HEIGHT = 36, 66
# Of "28 Nov 2026, 17:25", the longest that is usual.
_TIME_WIDTH = 150
_DATE_WIDTH = 112


@dataclass(frozen=True, slots=True)
class TableColumn:
    kind: Kind
    label: str
    width: Width = None
    help: str | None = None
    currency: str = "currency"
    """For amounts: the frame's column that holds the currency."""
    now: datetime | None = None
    """For dates: the year that goes without saying."""


def text(label: str, *, width: Width = None, help: str | None = None) -> TableColumn:
    return TableColumn("text", label, width, help)


def amount(
    label: str = "Amount", *, currency: str = "currency", width: Width = None
) -> TableColumn:
    """Minor units beside a column of currencies, shown as "€1,234.50" at the right."""
    return TableColumn("amount", label, width, currency=currency)


def state(label: str = "State", *, width: Width = None) -> TableColumn:
    """A state of `badges.STATES`, or a list of them, as coloured badges."""
    return TableColumn("state", label, width)


def time(label: str) -> TableColumn:
    """A time (datetime, or seconds since 1970), exactly, in the operator's zone."""
    return TableColumn("time", label, _TIME_WIDTH)


def date(label: str, now: datetime) -> TableColumn:
    """A time as "24 Nov, 14:05", with the year where a row is of another one than this."""
    return TableColumn("date", label, now=now)


def number(label: str, *, width: Width = None, help: str | None = None) -> TableColumn:
    return TableColumn("number", label, width, help)


def table(
    frame: pd.DataFrame,
    columns: Mapping[str, TableColumn],
    *,
    key: str,
    alt: str,
    timezone: tzinfo,
    id_column: str = "id",
    wraps: bool = False,
    most_height: int | None = None,
    by_cell: bool = False,
    on_heading: Callable[[str], None] | None = None,
) -> str | None:
    """
    Draw the rows and return the id of the chosen one.

    Only the named columns are sent to the browser. The id is the one that stood in the row when
    the operator clicked it, even if newer rows have moved it since; None once it is not in `frame`.

    Args:
        columns: the frame's columns in order, and how each is shown.
        alt: what the table holds, in one plain sentence.
        wraps: whether long text runs over several lines.
        most_height: in pixels; what does not fit is scrolled to. None: all rows are seen.
        by_cell: a click on any cell chooses its row, and the arrow keys move on, as in a list of mails.
        on_heading: called with the name of a column whose heading was clicked, before the page reads again.
            Streamlit would only order the rows that are shown, and amounts by their letters; so it never does.
    """
    row_height = _WRAPPING_HEIGHT if wraps else _ROW_HEIGHT
    is_higher = most_height is not None and (len(frame) + 1) * row_height > most_height
    ids = [str(value) for value in frame[id_column]]
    chosen_key, ids_key, heading_key = f"{key}_chosen", f"{key}_ids", f"{key}_heading"
    clicked_key = f"{key}_clicked"

    def remember() -> None:
        # Runs before the page reads again, so the ids are still those of the rows on the screen.
        clicked = selections.heading(
            st.session_state.get(key),
            st.session_state.get(heading_key),
            had_row=chosen_key in st.session_state,
        )
        if clicked:
            st.session_state[heading_key] = clicked
            st.session_state[key] = selections.cleared()
            if on_heading is not None:
                on_heading(clicked)
        rows = selections.rows(st.session_state.get(key))
        on_screen: list[str] = st.session_state.get(ids_key, [])
        chosen = selections.newest(rows, st.session_state.get(chosen_key), on_screen)
        if chosen is not None and len(set(rows)) > 1:
            # The arrow keys move the cell, a click on a box the row: whichever it was, both go there.
            cells = [
                cell for cell in selections.cells(st.session_state.get(key)) if cell[0] == chosen
            ]
            st.session_state[key] = {"selection": {"rows": [chosen], "columns": [], "cells": cells}}
        clicked = None if chosen is None else selections.id_at(on_screen, [chosen])
        st.session_state[chosen_key] = st.session_state[clicked_key] = clicked

    marked = selections.rows(st.session_state.get(key))
    meant = st.session_state.get(chosen_key)
    if marked and meant and meant not in [selections.id_at(ids, [row]) for row in marked]:
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
        selection_mode=["single-row", "single-cell" if by_cell else "single-column"],
        row_height=row_height,
        height=most_height if is_higher else "content",
    )
    rows = selections.rows(event)
    st.session_state[ids_key], st.session_state[_drawn(key)] = ids, rows
    # Also of a row that the list has lost since: a click is never for nothing.
    clicked: str | None = st.session_state.pop(clicked_key, None)
    if not rows:
        st.session_state.pop(chosen_key, None)
        return clicked
    chosen: str | None = st.session_state.get(chosen_key) or selections.id_at(ids, rows)
    st.session_state[chosen_key] = chosen
    return chosen if chosen in ids else clicked


def unmark(key: str) -> None:
    """For callbacks: take the mark that was drawn away, and leave one that came since."""
    marked = selections.rows(st.session_state.get(key))
    if not marked or marked == st.session_state.get(_drawn(key), marked):
        st.session_state[key] = {"selection": {"rows": [], "columns": [], "cells": []}}


def _drawn(key: str) -> str:
    """Which rows were marked when the table was drawn last."""
    return f"{key}_drawn"


def has_choice(key: str) -> bool:
    """Whether a row is marked in the table of this key, before it is drawn."""
    return bool(selections.rows(st.session_state.get(key)))


def choose_many(
    frame: pd.DataFrame,
    columns: Mapping[str, TableColumn],
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
    return [ids[row] for row in sorted(selections.rows(event)) if row < len(ids)]


def listing(
    frame: pd.DataFrame,
    columns: Mapping[str, TableColumn],
    *,
    key: str,
    alt: str,
    timezone: tzinfo,
    wraps: bool = False,
) -> None:
    """The same table, to read only."""
    height = _WRAPPING_HEIGHT if wraps else _ROW_HEIGHT
    _draw(frame, columns, timezone, alt, key=key, row_height=height)


def rendered(frame: pd.DataFrame, columns: Mapping[str, TableColumn]) -> pd.DataFrame:
    """The frame as it is sent to the browser: the named columns only, values ready to show."""
    shown = {name: _values(frame, name, column) for name, column in columns.items()}
    return pd.DataFrame(shown, index=frame.index)


def _draw(
    frame: pd.DataFrame,
    columns: Mapping[str, TableColumn],
    timezone: tzinfo,
    alt: str,
    **how: Any,  # noqa: ANN401 - passed on to st.dataframe
) -> object:
    how.setdefault("height", "content")
    return st.dataframe(
        rendered(frame, columns),
        hide_index=True,
        placeholder="",
        alt=alt,
        column_config={
            name: _config(column, frame[name], timezone) for name, column in columns.items()
        },
        **how,
    )


def _values(frame: pd.DataFrame, name: str, column: TableColumn) -> Any:  # noqa: ANN401 - pandas
    cells = frame[name]
    match column.kind:
        case "amount":
            pairs = zip(cells, frame[column.currency], strict=True)
            return [
                None if pd.isna(minor) else format_money(int(minor), str(code))
                for minor, code in pairs
            ]
        case "state":
            return [badges.cell_labels(cell) for cell in cells]
        case "time" | "date":
            # Whole seconds, or datetimes: both become aware UTC.
            if pd.api.types.is_numeric_dtype(cells.dtype):
                return pd.to_datetime(cells, unit="s", utc=True)
            return pd.to_datetime(cells, utc=True)
        case "text":
            return customer_names.column(frame, name)
        case _:
            return cells


def _config(column: TableColumn, cells: pd.Series[Any], timezone: tzinfo) -> ColumnConfig:
    common: dict[str, Any] = {"width": column.width, "help": column.help}
    zone = str(timezone)
    match column.kind:
        case "amount":
            return st.column_config.TextColumn(column.label, alignment="right", **common)
        case "state":
            used = badges.cell_colors(cells, dark=st.context.theme.type == "dark")
            return st.column_config.MultiselectColumn(
                column.label,
                options=list(used),
                color=list(used.values()) or None,
                **common,
            )
        case "time":
            return st.column_config.DatetimeColumn(
                column.label, format="D MMM YYYY, HH:mm", timezone=zone, **common
            )
        case "date":
            moments = pd.to_datetime(
                cells, unit="s" if pd.api.types.is_numeric_dtype(cells.dtype) else None, utc=True
            ).dt.tz_convert(zone)
            now = (column.now or datetime.now(timezone)).astimezone(timezone)
            is_this_year = bool((moments.dropna().dt.year == now.year).all())
            return st.column_config.DatetimeColumn(
                column.label,
                format="D MMM, HH:mm" if is_this_year else "D MMM YYYY, HH:mm",
                timezone=zone,
                width=_DATE_WIDTH if is_this_year else _TIME_WIDTH,
                help=f"In the time of {zone}",
            )
        case "number":
            return st.column_config.NumberColumn(column.label, format="localized", **common)
        case _:
            return st.column_config.TextColumn(column.label, **common)
