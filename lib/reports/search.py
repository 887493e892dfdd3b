"""One search over everything: what a name, address, id, reference, last four digits or sum leads to."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlite_utils import Database

from lib.domain.files import currency_signs
from lib.domain.files.number_styles import readings
from lib.domain.files.typed_sums import written
from lib.domain.identity import search_text
from lib.domain.reference_keys import reference_key
from lib.money import currency
from lib.reports.holds import COLUMN, held
from lib.reports.paging import Query
from lib.store.connection_pool import ConnectionPool

MOST = 5
"""Rows of a kind that are shown; a list has the others."""


def _query(alias: str, columns: str, tables: str) -> Query:
    position = f"{alias}.position"
    return Query(
        f"SELECT {alias}.id, {position}, {position} >> 20 AS at, {columns} FROM {tables}",
        position,
        position,
    )


_METHOD = "m.type, m.brand, m.last4"
_PAYER = "LEFT JOIN customers c ON c.id = h.customer"
# In the order in which they are shown: the table that is searched, and what is shown of a row.
_KINDS: dict[str, tuple[str, Query]] = {
    "customer": (
        "customers",
        _query("c", "c.id AS customer, c.name, c.email", "customers c").where("c.is_deleted = 0"),
    ),
    "charge": (
        "charges",
        _query(
            "h",
            f"h.reference, h.amount, h.currency, h.state, h.customer, c.name, c.email, {_METHOD}",
            f"charges h {_PAYER} LEFT JOIN payment_methods m ON m.id = h.payment_method",
        ),
    ),
    "link": (
        "setup_links",
        _query(
            "l",
            """l.reference, l.customer, coalesce(c.name, l.name) AS name,
                coalesce(c.email, l.email) AS email""",
            "setup_links l LEFT JOIN customers c ON c.id = l.customer",
        ),
    ),
    "run": ("runs", _query("r", "r.name, r.state, r.row_count", "runs r")),
    "refund": (
        "refunds",
        _query(
            "f",
            """f.charge_id, f.amount, f.currency, 'refund_' || f.state AS state, h.reference,
                h.customer, c.name, c.email""",
            f"refunds f JOIN charges h ON h.id = f.charge_id {_PAYER}",
        ),
    ),
    "payment_method": (
        "payment_methods",
        _query(
            "m",
            f"coalesce(c.name, m.billing_name) AS name, c.email, c.id AS customer, {_METHOD}",
            """payment_methods m
                LEFT JOIN customers c ON c.id = coalesce(m.customer, m.last_customer)""",
        ),
    ),
    "session": (
        "checkout_sessions",
        _query(
            "s",
            """s.reference, s.status AS state, s.customer,
                coalesce(c.name, s.customer_name) AS name,
                coalesce(c.email, s.customer_email) AS email""",
            "checkout_sessions s LEFT JOIN customers c ON c.id = s.customer",
        ),
    ),
}
# Most sessions are a link's, which is shown: they are found by their ids alone.
_BY_WORDS = tuple(kind for kind in _KINDS if kind != "session")
_RECENT = ("charge", "link", "run")
_WITH_REFERENCES = frozenset({"charge", "link", "refund"})
_WITH_SUMS = {"charge": "h", "refund": "f"}

# cus_…, pi_…: so long that few rows begin with it. Ids made at about the same time share their first
# letters, but not these many.
_ID = re.compile(r"([a-z]{2,5})_\w{10,250}\Z", re.ASCII)
# By what stands before the underscore: the kinds it leads to. What has no page of its own leads to its
# charge.
_IDS: dict[str, tuple[tuple[str, str], ...]] = {
    "cus": (("customer", "c.id"),),
    "chg": (("charge", "h.id"),),
    "link": (("link", "l.id"),),
    "run": (("run", "r.id"),),
    "rfd": (("refund", "f.id"),),
    "pm": (("payment_method", "m.id"),),
    "card": (("payment_method", "m.id"),),
    "cs": (("session", "s.id"),),
    "seti": (("session", "s.setup_intent"),),
    "pi": (("charge", ""),),
    "ch": (("charge", "stripe_charges"),),
    "py": (("charge", "stripe_charges"),),
    "re": (("refund", "f.refund"), ("charge", "stripe_refunds")),
    "pyr": (("refund", "f.refund"), ("charge", "stripe_refunds")),
    "du": (("charge", "disputes"),),
    "dp": (("charge", "disputes"),),
}


@dataclass(frozen=True, slots=True)
class SearchGroup:
    """What was found of one kind, newest first."""

    kind: str
    rows: list[dict[str, Any]]
    """
    At most `MOST`, each with `id` and `at`, whether its customer must not be charged, and more by its kind.
    """
    has_more: bool


class SearchReports:
    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool

    def find(self, search: str) -> list[SearchGroup]:
        """By kind, without kinds of which nothing was found; for no text, what is newest."""
        text = search_text(search)
        with self._pool.reading() as database:
            if not text:
                kinds = {kind: _newest(database, _KINDS[kind][1]) for kind in _RECENT}
            else:
                kinds = {kind: _matches(database, kind, text) for kind in _BY_WORDS}
                for kind, rows in _by_id(database, text):
                    kinds[kind] = rows + kinds.get(kind, [])
                for kind, rows in _by_sum(database, text):
                    kinds[kind] = rows + kinds[kind]
            groups = [_group(kind, kinds[kind]) for kind in _KINDS if kinds.get(kind)]
            rows = [row for group in groups for row in group.rows]
            for row, is_held in zip(rows, held(database, rows), strict=True):
                row[COLUMN] = is_held
        return groups


def _group(kind: str, rows: Sequence[dict[str, Any]]) -> SearchGroup:
    once = {row["id"]: row for row in rows}
    ordered = sorted(once.values(), key=lambda row: -row["position"])
    return SearchGroup(kind, ordered[:MOST], len(ordered) > MOST)


def _newest(database: Database, query: Query) -> list[dict[str, Any]]:
    where = f" WHERE {' AND '.join(query.conditions)}" if query.conditions else ""
    sql = f"{query.select}{where} ORDER BY {query.time_column} DESC LIMIT {MOST + 1}"
    return list(database.query(sql, query.parameters))


def _matches(database: Database, kind: str, text: str) -> list[dict[str, Any]]:
    table, query = _KINDS[kind]
    key = reference_key if kind in _WITH_REFERENCES else None
    return _newest(database, query.searching(table, text, key=key))


def _by_id(database: Database, text: str) -> list[tuple[str, list[dict[str, Any]]]]:
    match = _ID.match(text)
    places = _IDS.get(match[1], ()) if match else ()
    return [(kind, _beginning(database, kind, place, text)) for kind, place in places]


def _beginning(database: Database, kind: str, place: str, text: str) -> list[dict[str, Any]]:
    """Rows whose id, or that of whatever belongs to them, begins with the text."""
    bounds = (text, text + "\x7f")
    if "." in place:
        condition = f"{place} >= ? AND {place} < ?"
    elif place:
        condition = f"""h.id IN (SELECT a.charge_id FROM {place} o
            JOIN attempts a ON a.payment_intent = o.payment_intent WHERE o.id >= ? AND o.id < ?)"""
    else:
        condition = """h.id IN (SELECT charge_id FROM attempts
            WHERE payment_intent >= ? AND payment_intent < ?)"""
    query = _KINDS[kind][1].where(condition, *bounds)
    # Not in order: the few that there are lie together in the index of ids alone.
    where = " AND ".join(query.conditions)
    return list(database.query(f"{query.select} WHERE {where} LIMIT {MOST + 1}", query.parameters))


def _by_sum(database: Database, text: str) -> list[tuple[str, list[dict[str, Any]]]]:
    """Charges and refunds of exactly what was typed, in each currency and reading it can mean."""
    if currency_signs.has_foreign_words(text):
        return []
    numbers = set(readings(written(text)).values())
    if not numbers:
        return []
    named = currency_signs.named(text)
    matches = []
    for kind, alias in _WITH_SUMS.items():
        table, query = _KINDS[kind]
        for code in _currencies(database, table):
            if named is None or code in named:
                sums = {number * currency(code).factor for number in numbers}
                matches += [
                    (
                        kind,
                        _newest(
                            database,
                            query.where(
                                f"{alias}.currency = ? AND {alias}.amount = ?", code, int(minor)
                            ),
                        ),
                    )
                    for minor in sums
                    if minor == int(minor)
                ]
    return matches


def _currencies(database: Database, table: str) -> list[str]:
    """Those that occur, one look into the index each."""
    rows = database.execute(
        f"""WITH RECURSIVE one (code) AS (
                SELECT min(currency) FROM {table}
                UNION ALL
                SELECT (SELECT min(currency) FROM {table} WHERE currency > code) FROM one
                WHERE code IS NOT NULL)
            SELECT code FROM one WHERE code IS NOT NULL"""
    )
    return [str(code) for (code,) in rows.fetchall()]
