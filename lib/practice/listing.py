"""Lists: filters by time, cursors, limits; and Stripe's small search language."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from lib.practice.ledger import Ledger, noun
from lib.practice.replies import invalid, missing
from lib.practice.routing import Call

DEFAULT_LIMIT = 10
LARGEST_LIMIT = 100

_COMPARISONS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
_CLAUSE = re.compile(
    r"""\s*(?P<field>[a-z_]+)(\[(?P<quote>["'])(?P<key>[^"']{1,40})(?P=quote)\])?\s*"""
    r"""(?P<operator>[:~])\s*(?P<mark>["'])(?P<value>.*?)(?P=mark)\s*""",
    re.DOTALL,
)
_AND = re.compile(r"AND\s+", re.IGNORECASE)
_METADATA_KEY = re.compile(r"[^\"\\]+")


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
    limit = _limit(call.params)
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


def search(
    call: Call, kind: str, fields: Mapping[str, str], *, lag_seconds: int | None = None
) -> dict[str, Any]:
    """Clauses joined by AND: `name:"exact"`, `name~"part"`, `metadata["key"]:"value"`.

    Args:
        fields: Searchable field and its place in the payload, as a JSON path.
        lag_seconds: Younger objects are not found yet.
    """
    where = "kind = ? AND is_deleted = 0"
    values: list[Any] = [kind]
    if lag_seconds is not None:
        where += " AND created <= ?"
        values.append(call.now - lag_seconds)
    for condition, bound in _clauses(call.params["query"], fields):
        where += f" AND {condition}"
        values += bound
    limit = _limit(call.params)
    start = _search_start(call.params.get("page"))
    rows = call.ledger.connection.execute(
        f"SELECT payload FROM objects WHERE {where}"  # noqa: S608  fixed names, bound values
        " ORDER BY created DESC, seq DESC LIMIT ? OFFSET ?",
        (*values, limit + 1, start),
    ).fetchall()
    found = [] if call.ledger.livemode else rows
    has_more = len(found) > limit
    return {
        "object": "search_result",
        "data": [json.loads(row["payload"]) for row in found[:limit]],
        "has_more": has_more,
        "next_page": f"page_{start + limit}" if has_more else None,
        "url": call.path,
    }


def _limit(params: Mapping[str, Any]) -> int:
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


def _search_start(page_token: str | None) -> int:
    if page_token is None:
        return 0
    digits = page_token.removeprefix("page_")
    if not digits.isdecimal():
        raise invalid("Invalid page token.", param="page")
    return int(digits)


def _clauses(query: str, fields: Mapping[str, str]) -> list[tuple[str, list[str]]]:
    clauses, rest = [], query
    while rest.strip():
        clause = _CLAUSE.match(rest)
        if clause is None:
            raise invalid(f"We were unable to parse your search query: {query}", param="query")
        clauses.append(_condition(clause, fields))
        rest = rest[clause.end() :]
        joint = _AND.match(rest)
        if rest.strip() and joint is None:
            raise invalid(
                "We were unable to parse your search query: clauses are joined by AND.",
                param="query",
            )
        rest = rest[joint.end() :] if joint else rest
    if not clauses:
        raise invalid("Your search query is empty.", param="query")
    return clauses


def _condition(clause: re.Match[str], fields: Mapping[str, str]) -> tuple[str, list[str]]:
    field, key, value = clause["field"], clause["key"], clause["value"]
    if field == "metadata" and key is not None and _METADATA_KEY.fullmatch(key):
        place = f'$.metadata."{key}"'
    elif field in fields and key is None:
        place = fields[field]
    else:
        raise invalid(f"Field `{field}` is an unsupported search field.", param="query")
    if clause["operator"] == ":":
        return "json_extract(payload, ?) = ? COLLATE NOCASE", [place, value]
    if len(value) < 3:
        raise invalid("Substring search needs at least 3 characters.", param="query")
    return "instr(lower(json_extract(payload, ?)), lower(?)) > 0", [place, value]
