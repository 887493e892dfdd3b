"""Counts of the rows of a list, by state, as far as they are counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlite_utils import Database

from lib.reports.paging import Query
from lib.store.connection_pool import ConnectionPool

# A list that is narrowed down counts no further: it would read all that it counts.
MOST_COUNTED = 10_000
# An index that has all conditions is walked further: a million take a tenth of a second.
MOST_WALKED = 1_000_000


@dataclass(frozen=True, slots=True)
class Counts:
    """Rows of a list as it is narrowed down, but for the state."""

    by_state: Mapping[str, int]
    every: int | None
    """None where there are more than MOST_COUNTED, and none are counted by state."""

    def of(self, state: str | None) -> int | None:
        return self.every if state is None or self.every is None else self.by_state.get(state, 0)


UNCOUNTED = Counts({}, None)


def count_rows(pool: ConnectionPool, query: Query, *, most: int) -> int | None:
    """None where there are more than that."""
    with pool.reading() as database:
        counted = database.execute(
            f"SELECT count(*) FROM ({query.sql} LIMIT ?)", (*query.parameters, most + 1)
        ).fetchone()[0]
    return None if counted > most else int(counted)


def tally(database: Database, query: Query, *names: str) -> dict[tuple[Any, ...], int] | None:
    """
    Rows by these columns of the query; None where there are more than MOST_COUNTED.
    """
    columns = ", ".join(names)
    rows = list(
        database.query(
            f"""SELECT {columns}, count(*) AS n FROM ({query.sql} LIMIT ?) GROUP BY {columns}""",
            (*query.parameters, MOST_COUNTED + 1),
        )
    )
    if sum(row["n"] for row in rows) > MOST_COUNTED:
        return None
    return {tuple(row[name] for name in names): row["n"] for row in rows}
