"""Queries over many keys, a slice of them at a time."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from sqlite_utils import Database

THESE = "(SELECT value FROM json_each(?))"
# As many keys a query as keep its list small beside the rows it finds.
_AT_ONCE = 2_000


def in_slices(
    database: Database, sql: str, keys: Iterable[str], *more: object
) -> Iterator[dict[str, Any]]:
    """Rows of a query whose first parameter is a list of keys, however many there are."""
    every = sorted(set(keys))
    for start in range(0, len(every), _AT_ONCE):
        yield from database.query(sql, (json.dumps(every[start : start + _AT_ONCE]), *more))
