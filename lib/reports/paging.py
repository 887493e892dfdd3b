"""Pages by key: the rows after (or before) a known row, at any depth for the same price."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
from sqlite_utils import Database

from lib.domain.identity import search_text
from lib.errors import InvalidInput
from lib.reports.frames import frame_of
from lib.reports.holds import COLUMN, held, marked
from lib.store.search import Match, match

PAGE_ROWS = 50
EXPORT_ROWS = 100_000


@dataclass(frozen=True, slots=True)
class Page:
    frame: pd.DataFrame
    newer: str | None
    """Cursor of the page before this one, None on the first."""
    older: str | None
    """Cursor of the page after this one, None on the last."""
    before: int = 0
    """Rows of the pages before this one, as they were when one came past them."""


@dataclass(frozen=True, slots=True)
class Order:
    """Another order than newest first: columns with their names in the rows; an index must have them all."""

    keys: tuple[tuple[str, str], ...]
    ascending: bool = False


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
    order: Order | None = None
    found_in: str | None = None
    """FROM of few tables that has the conditions, the order and `h.id`: all else is read of the rows that are shown."""

    def sorted_by(self, order: Order | None) -> Query:
        return replace(self, order=order)

    @property
    def sql(self) -> str:
        """In no order."""
        return f"{self.select}{_where(self.conditions)}"

    @property
    def ids(self) -> Query:
        """Of the same rows."""
        return replace(self, select=f"SELECT h.id {self.found_in}", found_in=None)

    @property
    def keys(self) -> dict[str, str]:
        """Columns that the listing is ordered by, and their names in its rows."""
        if self.order is not None:
            return dict(self.order.keys)
        return {self.time_column: "page_time", self.id_column: "page_id"}

    def where(self, condition: str, *parameters: object) -> Query:
        return replace(
            self,
            conditions=(*self.conditions, condition),
            parameters=(*self.parameters, *parameters),
        )

    def between(self, position: str, since: int | None, before: int | None) -> Query:
        """Of the mirror's tables, whose `position` begins with the second at which Stripe made the object."""
        query = self if since is None else self.where(f"{position} >= ?", since << 20)
        return query if before is None else query.where(f"{position} < ?", before << 20)

    def searching(
        self,
        table: str,
        text: str,
        *tokens: str,
        key: Callable[[str], str] | None = None,
        index: str | None = None,
    ) -> Query:
        """
        Rows of a table with a search index that match the text, or its `key`, and carry the tokens.

        The index is read in the order of the listing, so that a page costs the same whatever is
        searched for. `select` must say FROM {table} {alias}, and be ordered by {alias}.position.
        `index`: that of some of the table's rows, in the place of all.
        """
        condition = match(text, *tokens, key=key)
        if condition is None:
            return self
        index = index or table
        alias, fts = self.time_column.partition(".")[0], f"{index}_fts"
        joined = self.select.replace(
            f"FROM {table} {alias}",
            f"FROM {fts} CROSS JOIN {table} {alias} ON {alias}.position = {fts}.rowid",
        )
        query = replace(
            self, select=joined, time_column=f"{fts}.rowid", id_column=f"{fts}.rowid"
        ).where(f"{fts} MATCH ?", condition.expression)
        return query if condition.is_exact else query.saying(index, f"{fts}.rowid", condition)

    def saying(self, table: str, position: str, condition: Match) -> Query:
        """Rows whose indexed words have a text: row by row, for few rows, or many that have it."""
        either = " OR ".join(["instr(t.text, ?) > 0"] * len(condition.texts))
        return self.where(
            f"EXISTS (SELECT 1 FROM {table}_search t WHERE t.position = {position} AND ({either}))",
            *condition.texts,
        )

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
        cleaned = search_text(text)[:200]
        if not cleaned:
            return self
        sought = [(column, cleaned) for column in columns]
        sought += [(column, key(cleaned)) for column, key in (keys or {}).items()]
        condition = " OR ".join(f"{column} LIKE ? ESCAPE '\\'" for column, _ in sought)
        return self.where(f"({condition})", *(_containing(wanted) for _, wanted in sought))


def _where(conditions: Sequence[str]) -> str:
    return f" WHERE {' AND '.join(conditions)}" if conditions else ""


def whole(page: Page) -> pd.DataFrame:
    """
    The rows of a page that was to hold all of a list.

    Raises:
        InvalidInput: it does not: a part would pass for all.
    """
    return of_all(page.frame, has_more=page.older is not None)


def of_all(frame: pd.DataFrame, *, has_more: bool) -> pd.DataFrame:
    """The same of rows that have no page."""
    if has_more:
        raise _too_many(len(frame))
    return frame


def _too_many(most: int) -> InvalidInput:
    return InvalidInput(
        f"More than {most:,} rows match, too many for one file. Choose a shorter period.",
        code="too_many_rows",
    )


def every(database: Database, query: Query, *, most: int = EXPORT_ROWS) -> list[dict[str, Any]]:
    """
    All rows of a listing, in its order.

    Raises:
        InvalidInput: there are more than `most`: a part of them would pass for all.
    """
    order = "ASC" if query.order is not None and query.order.ascending else "DESC"
    ordered = ", ".join(f"{column} {order}" for column in query.keys)
    rows = list(
        database.query(f"{query.sql} ORDER BY {ordered} LIMIT ?", (*query.parameters, most + 1))
    )
    if len(rows) > most:
        raise _too_many(most)
    return rows


def rows_of(database: Database, query: Query) -> list[dict[str, Any]]:
    """What `page_of` shows of each row, of a few that are named: a frame of them takes thirty times as long."""
    rows = list(database.query(query.sql, query.parameters))
    if rows and "customer" in rows[0]:
        marks = held(database, rows)
        return [row | {COLUMN: mark} for row, mark in zip(rows, marks, strict=True)]
    return rows


def _containing(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


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
    keys = query.keys
    place = _parsed(cursor, len(keys))
    conditions, parameters = list(query.conditions), list(query.parameters)
    backwards = place is not None and place.direction == "newer"
    descends = backwards == (query.order is not None and query.order.ascending)
    if place is not None:
        comparison = "<" if descends else ">"
        marks = ", ".join("?" * len(keys))
        conditions.append(f"({', '.join(keys)}) {comparison} ({marks})")
        parameters += place.key
    where = _where(conditions)
    ordered = ", ".join(f"{column} {'DESC' if descends else 'ASC'}" for column in keys)
    sql = f"{query.select}{where} ORDER BY {ordered} LIMIT ?"
    if query.found_in is not None:
        named = ", ".join(f"{name} {'DESC' if descends else 'ASC'}" for name in keys.values())
        ids = f"SELECT h.id {query.found_in}{where} ORDER BY {ordered} LIMIT ?"
        sql = f"{query.select} WHERE h.id IN ({ids}) ORDER BY {named}"
    frame = frame_of(database, sql, [*parameters, rows + 1], integers=integers)
    more = len(frame) > rows
    frame = frame.iloc[:rows]
    if backwards:
        frame = frame.iloc[::-1]
    frame = frame.reset_index(drop=True)
    if rows < EXPORT_ROWS:
        frame = marked(database, frame)
    if frame.empty:
        return Page(frame, None, None)
    before = _rows_before(place, len(frame), is_first=not more)
    names = list(keys.values())
    has_older = backwards or more
    has_newer = more if backwards else place is not None
    return Page(
        frame,
        _cursor("newer", before, list(frame.iloc[0][names])) if has_newer else None,
        _cursor("older", before + len(frame), list(frame.iloc[-1][names])) if has_older else None,
        before,
    )


@dataclass(frozen=True, slots=True)
class _Place:
    direction: str
    before: int
    """Rows on the newer side of the key."""
    key: tuple[int | str, ...]


def _rows_before(place: _Place | None, rows: int, *, is_first: bool) -> int:
    if place is None:
        return 0
    if place.direction == "older":
        return place.before
    return 0 if is_first else max(place.before - rows, 0)


def _cursor(direction: str, before: int, key: Sequence[object]) -> str:
    return ".".join([direction, str(before), *map(str, key)])


def _parsed(cursor: str | None, keys: int) -> _Place | None:
    direction, *rest = (cursor or "").split(".", keys + 1)
    numbers = [part for part in rest if part.isdecimal() and len(part) < 19]
    if len(rest) != keys + 1 or direction not in ("older", "newer") or rest[0] not in numbers:
        return None
    key = tuple(int(part) if part in numbers else part for part in rest[1:])
    return _Place(direction, int(rest[0]), key)
