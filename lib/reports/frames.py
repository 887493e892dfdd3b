"""Rows of the database as frames, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
from sqlite_utils import Database


def frame_of(
    database: Database, sql: str, parameters: Sequence[object], *, integers: Sequence[str] = ()
) -> pd.DataFrame:
    """
    Rows as a frame with every column kept as it is.

    `integers` may hold NULL and stay whole numbers: pandas would make them floats otherwise.
    """
    cursor = database.execute(sql, tuple(parameters))
    names = [column[0] for column in cursor.description]
    # The names as objects: as Arrow's strings each column that is added later copies them all.
    columns = pd.Index(names, dtype=object)
    frame = pd.DataFrame(cursor.fetchall(), columns=columns, dtype=object)
    for name in integers:
        frame[name] = frame[name].astype("Int64")
    return frame


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """
    The rows as dictionaries, with None for every missing value.

    By one array of all values: column by column takes four times as long for one row of many columns.
    """
    names = [str(name) for name in frame.columns]
    return [
        {name: None if value is pd.NA else value for name, value in zip(names, row, strict=True)}
        for row in frame.to_numpy(dtype=object).tolist()
    ]
