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
from lib.store.search import Match, match

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
# So many are read from the index sooner than the words of a year's refunds.
MOST_INDEXED = 150_000


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

    def with_positions(self, database: Database) -> ChargeFilter:
        """Asks the search index, unless it finds more than can be held at once."""
        if self.is_asked or not search_text(self.search):
            return self
        places = self._failures_found(database) if self.unresolved else None
        if places is None:
            places = _positions(database, self.search)
        positions = None if places is None else json.dumps(places)
        return replace(self, positions=positions, is_asked=True)

    def _failures_found(self, database: Database) -> list[int] | None:
        """Among open failures alone, where the search means many charges; None where it does not."""
        wide = wide_match(database, self.search)
        if wide is None:
            return None
        query = replace(self, search="").narrow(Query(f"SELECT h.position {CHARGES}", "", ""))
        query = wide.narrow(query, self.since, self.before)
        rows = list(database.query(f"{query.sql} LIMIT ?", (*query.parameters, MOST_COUNTED + 1)))
        return None if len(rows) > MOST_COUNTED else [row["position"] for row in rows]

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


@dataclass(frozen=True, slots=True)
class WideMatch:
    """A search that may mean many charges, to be asked of a list that has few of them."""

    condition: Match
    is_common: bool
    """Whether it may mean so many that the words of the list's own rows are read sooner."""
    fresh: str
    """Positions of charges that it means and the index does not have yet, as JSON."""

    def narrow(self, query: Query, since: int | None = None, before: int | None = None) -> Query:
        """`query` has each row's charge as `h`, which was tried within the period."""
        words = Query("", "", "").saying("charges", "h.position", self.condition)
        if not self.is_common:
            matches = Query("SELECT rowid FROM charges_fts", "", "").where(
                "charges_fts MATCH ?", self.condition.expression
            )
            matches = matches.between("rowid", since, before)
            # The sign keeps SQLite from looking for each of these among all charges.
            words = words.where(f"+h.position IN ({matches.sql})", *matches.parameters)
        return query.where(
            f"({' AND '.join(words.conditions)} OR +h.position IN (SELECT value FROM json_each(?)))",
            *words.parameters,
            self.fresh,
        )


def wide_match(database: Database, text: str) -> WideMatch | None:
    """None for a search that means few charges whatever their words are: `with_positions` has them all."""
    condition = match(text, key=reference_key)
    if condition is None:
        return None
    ((count,),) = database.execute(
        "SELECT count(*) FROM (SELECT 1 FROM charges_fts WHERE charges_fts MATCH ? LIMIT ?)",
        (condition.expression, MOST_INDEXED + 1),
    ).fetchall()
    if count <= MOST_COUNTED:
        return None
    return WideMatch(condition, count > MOST_INDEXED, json.dumps(_fresh(database, text)))


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


def _positions(database: Database, text: str) -> list[int] | None:
    query = Query("SELECT h.position FROM charges h", "h.position", "h.position")
    query = query.searching("charges", text, key=reference_key)
    rows = list(database.query(f"{query.sql} LIMIT ?", (*query.parameters, MOST_COUNTED + 1)))
    if len(rows) > MOST_COUNTED:
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
