"""Lists: filters by time, cursors, limits."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from lib.practice.ledger import Ledger, noun
from lib.practice.replies import invalid, missing
from lib.practice.routing import Call

DEFAULT_LIMIT = 10
LARGEST_LIMIT = 100

# Almost always nothing is late, and then nothing is looked up. For a moment to be bound.
SHOWN = """ AND (NOT EXISTS (SELECT 1 FROM shown_late)
    OR id NOT IN (SELECT id FROM shown_late WHERE shown_at > ?))"""
_COMPARISONS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


def page(
    call: Call, kind: str, filters: Mapping[str, Any] | None = None, *, url: str | None = None
) -> dict[str, Any]:
    """One page of objects, newest first.

    Args:
        filters: Column of `objects` and the value it must have; None asks for nothing.
    """
    wanted = {name: value for name, value in (filters or {}).items() if value is not None}
    where = " AND is_deleted = 0" + "".join(f" AND {name} = ?" for name in wanted)
    scope = ("kind = ?", (kind,))
    return page_of(
        call, "objects", scope, noun(kind), where=where, values=list(wanted.values()), url=url
    )


def page_of(
    call: Call,
    table: str,
    scope: tuple[str, Sequence[Any]],
    noun_: str,
    *,
    where: str = "",
    values: Sequence[Any] = (),
    url: str | None = None,
) -> dict[str, Any]:
    """Like `page`, for any table with `id`, `created`, `seq` and `payload`.

    Args:
        scope: What a cursor may name: a condition and its values. A list starts after a deleted
            customer too, which `where` leaves out of the answer.
        where: Further conditions, each after an AND.
    """
    limit = limit_of(call.params)
    after, before = call.params.get("starting_after"), call.params.get("ending_before")
    if after is not None and before is not None:
        raise invalid("You cannot parameterize both starting_after and ending_before.")
    order = "ASC" if before is not None else "DESC"
    bound = [*scope[1], *values]
    for condition, value in _created(call.params.get("created")):
        where += f" AND created {condition} ?"
        bound.append(value)
    cursor = after if after is not None else before
    if cursor is not None:
        param = "starting_after" if after is not None else "ending_before"
        where += f" AND (created, seq) {'<' if after is not None else '>'} (?, ?)"
        bound += _position(call.ledger, table, scope, cursor, noun_, param)
    where += SHOWN
    bound.append(call.now)
    if call.ledger.livemode:
        where += " AND 0"
    rows = call.ledger.connection.execute(
        f"SELECT payload FROM {table} WHERE {scope[0]}{where}"  # noqa: S608  fixed names, bound values
        f" ORDER BY created {order}, seq {order} LIMIT ?",
        (*bound, limit + 1),
    ).fetchall()
    items = [json.loads(row["payload"]) for row in rows[:limit]]
    if before is not None:
        items.reverse()
    return {
        "object": "list",
        "data": items,
        "has_more": len(rows) > limit,
        "url": url or call.path,
    }


def limit_of(params: Mapping[str, Any]) -> int:
    limit: int = params.get("limit", DEFAULT_LIMIT)
    if limit < 1:
        raise invalid(
            "This value must be greater than or equal to 1.",
            param="limit",
            code="parameter_invalid_integer",
        )
    if limit > LARGEST_LIMIT:
        raise invalid(
            f"This value must be less than or equal to {LARGEST_LIMIT} (it currently is '{limit}').",
            param="limit",
            code="parameter_invalid_integer",
        )
    return limit


def _created(given: int | dict[str, int] | None) -> list[tuple[str, int]]:
    if given is None:
        return []
    if isinstance(given, int):
        return [("=", given)]
    return [(_COMPARISONS[name], moment) for name, moment in given.items()]


def _position(
    ledger: Ledger,
    table: str,
    scope: tuple[str, Sequence[Any]],
    cursor: str,
    noun_: str,
    param: str,
) -> list[int]:
    row = ledger.connection.execute(
        f"SELECT created, seq FROM {table} WHERE id = ? AND {scope[0]}",  # noqa: S608
        (cursor, *scope[1]),
    ).fetchone()
    if row is None or ledger.livemode:
        raise missing(noun_, cursor, param=param, status=400)
    return [row["created"], row["seq"]]
