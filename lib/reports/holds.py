"""Marks rows of lists whose customer must not be charged: one look for a whole page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pandas as pd
from sqlite_utils import Database

from lib.store.holds import HoldStore

COLUMN = "do_not_charge"


def marked(database: Database, frame: pd.DataFrame) -> pd.DataFrame:
    """With a column that says so, also of whoever shares the address, where the frame names customers."""
    if "customer" not in frame.columns:
        return frame
    return frame.assign(**{COLUMN: _covered(database, frame["customer"])})


def held(database: Database, rows: Iterable[Mapping[str, object]]) -> list[bool]:
    """The same of each row, by its `customer`."""
    return _covered(database, [row.get("customer") for row in rows])


def _covered(database: Database, customers: Iterable[object]) -> list[bool]:
    covering = HoldStore(database).covering({one for one in customers if isinstance(one, str)})
    return [one in covering for one in customers]
