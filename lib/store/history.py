"""Earlier runs and charges, for comparison with a new run."""

from __future__ import annotations

import json
from collections.abc import Collection

from sqlite_utils import Database

from lib.domain.charges import FAILED_OUTCOMES, MONEY_MOVES, Outcome
from lib.domain.variance import Past, Tally
from lib.store.states import CHARGEABLE_ROW, one_of

# As many as show how customers pay now, and as can be read while a page is drawn.
_MOST_CHARGES = 20_000
_PAST = f"""CASE WHEN {{state}} IN {one_of(MONEY_MOVES)} THEN 'paid'
    WHEN {{state}} IS NULL THEN 'none' ELSE 'failed' END"""
_DECIDED = FAILED_OUTCOMES | {Outcome.SUCCEEDED}


class HistoryStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def payers(self, run_id: str) -> dict[tuple[str, str], int]:
        """Minor units by customer and currency of the rows that are, or were, to be charged."""
        rows = self._database.query(
            f"""SELECT customer, currency, sum(amount) AS amount FROM run_rows
               WHERE run_id = ? AND (({CHARGEABLE_ROW}) OR (is_submitted = 1 AND state <> 'planned'))
                   AND customer IS NOT NULL AND amount IS NOT NULL
               GROUP BY customer, currency""",
            (run_id,),
        )
        return {(row["customer"], row["currency"]): row["amount"] for row in rows}

    def runs_before(self, run_id: str, *, limit: int) -> list[str]:
        """Finished ones that began anew, newest first: no second tries of another run's failures."""
        rows = self._database.query(
            """SELECT id FROM runs WHERE state = 'finished' AND follows IS NULL AND id <> ?
                   AND created_at <= (SELECT created_at FROM runs WHERE id = ?)
               ORDER BY started_at DESC, id LIMIT ?""",
            (run_id, run_id, limit),
        )
        return [row["id"] for row in rows]

    def tallies(self, *, since: int) -> dict[Past, Tally]:
        """
        How many charges were paid at the first try, by the outcome of the customer's charge before.

        Only the newest 20 000 since then.
        """
        past = _PAST.format(
            state="""(SELECT p.state FROM charges p WHERE p.customer = h.customer
                AND p.created_at < h.created_at ORDER BY p.created_at DESC LIMIT 1)"""
        )
        rows = self._database.query(
            f"""SELECT past, sum(outcome = 'succeeded') AS paid, count(*) AS n FROM (
                    SELECT {past} AS past, a.outcome FROM (
                        SELECT id, customer, created_at FROM charges WHERE created_at >= ?
                        ORDER BY created_at DESC, id DESC LIMIT {_MOST_CHARGES}) h
                    JOIN attempts a ON a.charge_id = h.id AND a.number = 1
                        AND a.outcome IN {one_of(_DECIDED)})
                GROUP BY past""",
            (since,),
        )
        return {Past(row["past"]): Tally(row["paid"], row["n"]) for row in rows}

    def planned(self, run_id: str) -> dict[tuple[Past, str], tuple[int, int]]:
        """Rows and minor units to be charged, by past and currency."""
        past = _PAST.format(
            state="""(SELECT p.state FROM charges p WHERE p.customer = w.customer
                ORDER BY p.created_at DESC LIMIT 1)"""
        )
        rows = self._database.query(
            f"""SELECT past, currency, sum(n) AS n, sum(amount) AS amount FROM (
                    SELECT {past} AS past, w.currency, w.n, w.amount FROM (
                        SELECT customer, currency, count(*) AS n, sum(amount) AS amount
                        FROM run_rows WHERE run_id = ? AND {CHARGEABLE_ROW}
                        GROUP BY customer, currency) w)
                GROUP BY past, currency""",
            (run_id,),
        )
        return {(Past(row["past"]), row["currency"]): (row["n"], row["amount"]) for row in rows}

    def names(self, customers: Collection[str]) -> dict[str, str]:
        """What each is called; ids that are not mirrored are left out."""
        rows = self._database.query(
            """SELECT id, coalesce(name, email, id) AS name FROM customers
               WHERE id IN (SELECT value FROM json_each(?))""",
            (json.dumps(sorted(customers)),),
        )
        return {row["id"]: row["name"] for row in rows}
