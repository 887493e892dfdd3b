"""Pages by key: the rows after (or before) a known row, at any depth for the same price."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
from sqlite_utils import Database

from lib.domain.identity import visible
from lib.store.search import match

PAGE_ROWS = 50
EXPORT_ROWS = 100_000


@dataclass(frozen=True, slots=True)
class Page:
    frame: pd.DataFrame
    newer: str | None
    """Cursor of the page before this one, None on the first."""
    older: str | None
    """Cursor of the page after this one, None on the last."""


@dataclass(frozen=True, slots=True)
class Query:
    """
    A listing: SELECT and FROM, conditions, and the pair of columns it is ordered by, newest first.

    `time_column` and `id_column` must be indexed together, or paging costs a sort. They are the same
    where one column says it all.
    """

    select: str
    time_column: str
    id_column: str
    conditions: tuple[str, ...] = ()
    parameters: tuple[object, ...] = ()

    def where(self, condition: str, *parameters: object) -> Query:
        return replace(
            self,
            conditions=(*self.conditions, condition),
            parameters=(*self.parameters, *parameters),
        )

    def searching(self, table: str, text: str, *tokens: str) -> Query:
        """
        Rows of a table with a search index that match the text and carry the tokens.

        The index is read in the order of the listing, so that a page costs the same whatever is
        searched for. `select` must say FROM {table} {alias}, and be ordered by {alias}.position.
        """
        condition = match(text, *tokens)
        if condition is None:
            return self
        alias, fts = self.time_column.partition(".")[0], f"{table}_fts"
        joined = self.select.replace(
            f"FROM {table} {alias}",
            f"FROM {fts} CROSS JOIN {table} {alias} ON {alias}.position = {fts}.rowid",
        )
        query = replace(
            self, select=joined, time_column=f"{fts}.rowid", id_column=f"{fts}.rowid"
        ).where(f"{fts} MATCH ?", condition.expression)
        if condition.text:
            query = query.where(
                f"""instr((SELECT t.text FROM {table}_search t
                    WHERE t.position = {fts}.rowid), ?) > 0""",
                condition.text,
            )
        return query

    def matching(
        self,
        text: str,
        columns: Sequence[str],
        keys: Mapping[str, Callable[[str], str]] | None = None,
    ) -> Query:
        """
        Rows in which any of the columns contains the text, in any case, or any column of `keys`
        the key that its function makes of the text.
        """
        cleaned = visible(text)[:200]
        if not cleaned:
            return self
        sought = [(column, cleaned) for column in columns]
        sought += [(column, key(cleaned)) for column, key in (keys or {}).items()]
        condition = " OR ".join(f"{column} LIKE ? ESCAPE '\\'" for column, _ in sought)
        return self.where(f"({condition})", *(_containing(wanted) for _, wanted in sought))


def _containing(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


def frame_of(
    database: Database, sql: str, parameters: Sequence[object], *, integers: Sequence[str] = ()
) -> pd.DataFrame:
    """
    Rows as a frame with every column kept as it is.

    `integers` may hold NULL and stay whole numbers: pandas would make them floats otherwise.
    """
    cursor = database.execute(sql, tuple(parameters))
    names = [column[0] for column in cursor.description]
    frame = pd.DataFrame(cursor.fetchall(), columns=names, dtype=object)
    for name in integers:
        frame[name] = frame[name].astype("Int64")
    return frame


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows as dictionaries, with None for every missing value."""
    return [
        {str(name): None if value is pd.NA else value for name, value in row.items()}
        for row in frame.to_dict("records")
    ]


def page_of(
    database: Database,
    query: Query,
    *,
    cursor: str | None = None,
    rows: int = PAGE_ROWS,
    integers: Sequence[str] = (),
) -> Page:
    """
    One page of a listing. A cursor that cannot be read shows the first page: it comes from the
    address bar, where people cut and paste.
    """
    direction, key = _parsed(cursor)
    conditions, parameters = list(query.conditions), list(query.parameters)
    order = "DESC"
    if key is not None:
        comparison = "<" if direction == "older" else ">"
        order = "DESC" if direction == "older" else "ASC"
        if query.time_column == query.id_column:
            conditions.append(f"{query.time_column} {comparison} ?")
            parameters.append(key[0])
        else:
            conditions.append(f"({query.time_column}, {query.id_column}) {comparison} (?, ?)")
            parameters += key
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    columns = dict.fromkeys((query.time_column, query.id_column))
    ordered = ", ".join(f"{column} {order}" for column in columns)
    sql = f"{query.select}{where} ORDER BY {ordered} LIMIT ?"
    frame = frame_of(database, sql, [*parameters, rows + 1], integers=integers)
    more = len(frame) > rows
    frame = frame.iloc[:rows]
    if order == "ASC":
        frame = frame.iloc[::-1]
    frame = frame.reset_index(drop=True)
    if frame.empty:
        return Page(frame, None, None)
    backwards = direction == "newer" and key is not None
    has_older = backwards or more
    has_newer = more if backwards else key is not None
    return Page(
        frame,
        _cursor("newer", frame.iloc[0]) if has_newer else None,
        _cursor("older", frame.iloc[-1]) if has_older else None,
    )


def _cursor(direction: str, row: Any) -> str:  # noqa: ANN401 - a pandas row
    return f"{direction}.{row['page_time']}.{row['page_id']}"


def _parsed(cursor: str | None) -> tuple[str, tuple[int, str | int] | None]:
    parts = (cursor or "").split(".", 2)
    if len(parts) != 3 or parts[0] not in ("older", "newer") or not parts[1].isdecimal():
        return "older", None
    identifier: str | int = int(parts[2]) if parts[2].isdecimal() else parts[2]
    return parts[0], (int(parts[1]), identifier)
