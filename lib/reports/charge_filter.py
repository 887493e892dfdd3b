"""Charges that a list is narrowed down to, and their sums."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

from sqlite_utils import Database

from lib.domain.identity import address_key, id_key, search_text
from lib.domain.reference_keys import reference_key
from lib.reports.counts import MOST_COUNTED
from lib.reports.paging import Order, Query
from lib.reports.sums import Sum
from lib.store.charge_sums import ChargeSumStore
from lib.store.search import match

SOURCES = """FROM charges h
       LEFT JOIN customers c ON c.id = h.customer
       LEFT JOIN attempts a ON a.charge_id = h.id AND a.number =
           (SELECT max(number) FROM attempts WHERE charge_id = h.id)"""
CHARGES = "FROM charges h"
JOINED = "CROSS JOIN charges h ON h.id = o.charge_id"
_FAILURES = f"FROM open_failures o {JOINED}"
SUMS = Query(
    f"SELECT h.state, h.currency, count(*) AS n, sum(h.amount) AS amount {CHARGES}",
    "h.charged_at",
    "h.id",
)
_FAR = 2**53
_MOST_PENDING = 2_000
# Of lists that are short beside that of all charges.
MOST_OF_FEW = 100_000
_LISTED = "listed_charges"
FAILURE = "failure"
"""By which that index of short lists knows open failures."""
GIVEN_BACK = "given_back"
"""By which it knows charges with a refund or a dispute."""


@dataclass(frozen=True, slots=True)
class ChargeFilter:
    """Which charges, of whatever state."""

    search: str = ""
    customer: str | None = None
    since: int | None = None
    before: int | None = None
    """A charge belongs to the moment of its last try, or at which it was made if never tried."""
    unresolved: bool = False
    """Only failures that no later charge of the same reference made good: those in `open_failures`."""
    recovered: str | None = None
    """Only charges that were paid after a failure: one of lib.reports.month.Recovery, or ANY."""
    positions: str | None = None
    """What the search index has for `search`, as JSON; see `with_positions`."""
    is_asked: bool = False
    """Whether it was, so that it is not asked again by whatever is read next of the same charges."""

    def with_positions(self, database: Database, token: str | None = None) -> ChargeFilter:
        """Asks the search index, unless it finds more than can be held at once; `token`: of those alone."""
        if self.is_asked or not search_text(self.search):
            return self
        if self.unresolved:
            places = _positions(database, self.search, FAILURE, self.since, self.before)
        else:
            places = _positions(database, self.search, token)
        positions = None if places is None else json.dumps(places)
        return replace(self, positions=positions, is_asked=True)

    @property
    def is_vague(self) -> bool:
        """Whether its search, once it was asked, means so many that they are not added up."""
        return bool(search_text(self.search)) and self.positions is None

    @property
    def is_plain(self) -> bool:
        """Whether it narrows down to a period at most."""
        return not (search_text(self.search) or self.is_of_few)

    @property
    def is_of_few(self) -> bool:
        """Whether it narrows down by more than a search and a period."""
        return bool(self.customer or self.unresolved or self.recovered)

    def narrow(self, query: Query, *, sign: str = "") -> Query:
        """`sign`: a "+" for whoever reads an index of another order, which SQLite then keeps to."""
        query = self._of_failures(query) if self.unresolved else query
        at = f"{sign}{query.time_column}"
        if self.positions is not None:
            place = "h.position IN (SELECT value FROM json_each(?))"
            if self.unresolved:
                # A year's failures would each be looked up among all charges.
                place = f"o.charge_id IN (SELECT h.id {CHARGES} WHERE {place})"
            query = query.where(place, self.positions)
        elif (condition := match(self.search, key=reference_key)) is not None:
            query = query.saying("charges", "h.position", condition)
        if self.customer is not None:
            query = query.where("h.customer = ?", self.customer)
        if self.since is not None:
            query = query.where(f"{at} >= ?", self.since)
        if self.before is not None:
            query = query.where(f"{at} < ?", self.before)
        if self.recovered is not None:
            query = query.where(
                """h.id IN (SELECT charge_id FROM recoveries WHERE at >= ? AND at < ?
                    AND ? IN (how, 'any'))""",
                self.since or 0,
                _FAR if self.before is None else self.before,
                self.recovered,
            )
        return query

    def in_order_of_search(self, query: Query) -> Query:
        """The same of many matches, newest first, which the index has in that order."""
        plain = replace(self, search="").narrow(query, sign="+")
        condition = match(self.search, key=reference_key)
        if condition is None:
            return plain
        matches = replace(
            plain,
            found_in="FROM charges_fts CROSS JOIN charges h ON h.position = charges_fts.rowid",
            order=Order((("charges_fts.rowid", "position"),)),
        ).where("charges_fts MATCH ?", condition.expression)
        if self.since is not None:
            matches = matches.where("charges_fts.rowid >= ?", self.since << 20)
        if self.before is not None:
            matches = matches.where("charges_fts.rowid < ?", self.before << 20)
        return (
            matches
            if condition.is_exact
            else matches.saying("charges", "charges_fts.rowid", condition)
        )

    def _of_failures(self, query: Query) -> Query:
        return replace(
            query,
            select=query.select if query.found_in else query.select.replace(CHARGES, _FAILURES, 1),
            found_in=_FAILURES if query.found_in else None,
            time_column="o.charged_at",
            id_column="o.charge_id",
        )


EVERY = ChargeFilter()


def _spelt(query: Query, text: str) -> Query:
    """Row by row, of what the index does not have yet."""
    return query.matching(
        text,
        (
            "h.reference",
            "coalesce(c.name, c.email)",
            "c.email",
            "h.id",
            "h.customer",
            "a.payment_intent",
        ),
        {"h.reference_key": reference_key, "c.address_key": address_key, "c.id_key": id_key},
    )


def _positions(
    database: Database,
    text: str,
    token: str | None = None,
    since: int | None = None,
    before: int | None = None,
) -> list[int] | None:
    """
    None where the search finds more charges than can be held at once.

    Args:
        token: FAILURE or GIVEN_BACK, for a list of these alone, which has an index of its own.
    """
    query = Query("SELECT h.position FROM charges h", "h.position", "h.position")
    tokens, index = ((token,), _LISTED) if token else ((), None)
    query = query.searching("charges", text, *tokens, key=reference_key, index=index)
    query = query.between(query.time_column, since, before)
    most = MOST_OF_FEW if token else MOST_COUNTED
    rows = list(database.query(f"{query.sql} LIMIT ?", (*query.parameters, most + 1)))
    if len(rows) > most:
        return None
    positions = {row["position"] for row in rows}.union(_fresh(database, text))
    typed = search_text(text)
    if typed.startswith("pi_"):
        of_payments = database.query(
            """SELECT h.position FROM attempts a JOIN charges h ON h.id = a.charge_id
               WHERE a.payment_intent >= ? AND a.payment_intent < ? LIMIT ?""",
            (typed, f"{typed}\x7f", MOST_COUNTED),
        )
        positions.update(row["position"] for row in of_payments)
    return sorted(positions)


def _fresh(database: Database, text: str) -> list[int]:
    """Of charges that were written a moment ago, and are not indexed yet."""
    pending = [
        row["position"]
        for row in database.query(
            """SELECT position FROM search_pending WHERE kind = 'charges'
               ORDER BY position DESC LIMIT ?""",
            (_MOST_PENDING,),
        )
    ]
    if not pending:
        return []
    query = Query(f"SELECT h.position {SOURCES}", "h.position", "h.position").where(
        "h.position IN (SELECT value FROM json_each(?))", json.dumps(pending)
    )
    query = _spelt(query, text)
    return [row["position"] for row in database.query(query.sql, query.parameters)]


def kept_sums(database: Database, which: ChargeFilter) -> list[Sum]:
    """Of a period, by the sums that are kept."""
    before = _FAR if which.before is None else which.before
    kept = ChargeSumStore(database).of_period(which.since or 0, before)
    return [Sum(one.state, one.currency, one.count, one.amount) for one in kept]
