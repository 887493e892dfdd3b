"""Stripe's Search: its small language, and pages that name the next one."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from lib.practice.listing import SHOWN, limit_of
from lib.practice.replies import invalid
from lib.practice.routing import Call

MOST_CLAUSES = 10
_CLAUSE = re.compile(
    r"""\s*(?P<not>-)?(?P<field>[a-z_]+)(\[(?P<quote>["'])(?P<key>[^"']{1,40})(?P=quote)\])?\s*"""
    r"""(?:(?P<operator>[:~])\s*(?P<mark>["'])(?P<value>.*?)(?P=mark)"""
    r"""|:\s*(?P<null>null)\b|(?P<comparison>:|<=|>=|<|>)\s*(?P<number>\d{1,12}))\s*""",
    re.DOTALL,
)
_AND = re.compile(r"AND\s+", re.IGNORECASE)
_METADATA_KEY = re.compile(r"[^\"\\]+")


def search(
    call: Call,
    kind: str,
    fields: Mapping[str, str],
    *,
    numbers: Mapping[str, str] | None = None,
    lag_seconds: int | None = None,
) -> dict[str, Any]:
    """
    Clauses joined by AND, each denied by a `-` before it: `name:"exact"`, `name~"part"`,
    `metadata["key"]:"value"`, `metadata["key"]:null`, `created>=1700000000`.

    Args:
        fields: Searchable field and its place in the payload, as a JSON path.
        numbers: The same of fields that are compared as numbers.
        lag_seconds: Younger objects are not found yet.
    """
    where = f"kind = ? AND is_deleted = 0{SHOWN}"
    values: list[Any] = [kind, call.now]
    if lag_seconds is not None:
        where += " AND created <= ?"
        values.append(call.now - lag_seconds)
    for condition, bound in _clauses(call.params["query"], fields, numbers or {}):
        where += f" AND {condition}"
        values += bound
    limit = limit_of(call.params)
    start = _search_start(call.params.get("page"))
    rows = call.ledger.connection.execute(
        f"SELECT payload FROM objects WHERE {where}"  # noqa: S608  fixed names, bound values
        " ORDER BY created DESC, seq DESC LIMIT ? OFFSET ?",
        (*values, limit + 1, start),
    ).fetchall()
    visible = [] if call.ledger.livemode else rows
    has_more = len(visible) > limit
    answer = {
        "object": "search_result",
        "data": [json.loads(row["payload"]) for row in visible[:limit]],
        "has_more": has_more,
        "next_page": f"page_{start + limit}" if has_more else None,
        "url": call.path,
    }
    if call.params.get("total_count"):
        (total,) = call.ledger.connection.execute(
            f"SELECT count(*) FROM objects WHERE {where}",  # noqa: S608  as above
            values,
        ).fetchone()
        answer["total_count"] = 0 if call.ledger.livemode else total
    return answer


def _search_start(page_token: str | None) -> int:
    if page_token is None:
        return 0
    digits = page_token.removeprefix("page_")
    if not digits.isdecimal():
        raise invalid("Invalid page token.", param="page")
    return int(digits)


def _clauses(
    query: str, fields: Mapping[str, str], numbers: Mapping[str, str]
) -> list[tuple[str, list[Any]]]:
    clauses: list[tuple[str, list[Any]]] = []
    rest = query
    while rest.strip():
        clause = _CLAUSE.match(rest)
        if clause is None:
            raise invalid(f"We were unable to parse your search query: {query}", param="query")
        condition, values = _condition(clause, fields, numbers)
        clauses.append((f"NOT coalesce({condition}, 0)" if clause["not"] else condition, values))
        rest = rest[clause.end() :]
        joint = _AND.match(rest)
        if rest.strip() and joint is None:
            raise invalid(
                "We were unable to parse your search query: clauses are joined by AND.",
                param="query",
            )
        rest = rest[joint.end() :] if joint else rest
    if not 0 < len(clauses) <= MOST_CLAUSES:
        raise invalid(f"A search query has 1 to {MOST_CLAUSES} clauses.", param="query")
    return clauses


def _condition(
    clause: re.Match[str], fields: Mapping[str, str], numbers: Mapping[str, str]
) -> tuple[str, list[Any]]:
    field, key, value = clause["field"], clause["key"], clause["value"]
    if clause["number"] is not None:
        if field not in numbers or key is not None:
            raise _unsupported(field)
        operator = "=" if clause["comparison"] == ":" else clause["comparison"]
        return f"json_extract(payload, ?) {operator} ?", [numbers[field], int(clause["number"])]
    if field == "metadata" and key is not None and _METADATA_KEY.fullmatch(key):
        place = f'$.metadata."{key}"'
    elif field in fields and key is None and clause["null"] is None:
        place = fields[field]
    else:
        raise _unsupported(field)
    if clause["null"] is not None:
        return "json_extract(payload, ?) IS NULL", [place]
    if clause["operator"] == ":":
        return "json_extract(payload, ?) = ? COLLATE NOCASE", [place, value]
    if len(value) < 3:
        raise invalid("Substring search needs at least 3 characters.", param="query")
    return "instr(lower(json_extract(payload, ?)), lower(?)) > 0", [place, value]


def _unsupported(field: str) -> Exception:
    return invalid(f"Field `{field}` is an unsupported search field.", param="query")
