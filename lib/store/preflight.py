"""What the mirror and the ledger know of the customers in a run: a few queries for any number of rows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from sqlite_utils import Database

from lib.domain.charges import COMMITTED_STATES, LIVE_STATES, Attempt, Charge
from lib.domain.identity import address_key, reference_key
from lib.domain.mirror import Customer, PaymentMethod
from lib.domain.preflight import SIMILAR_WITHIN_SECONDS, PreflightFacts, Similar
from lib.domain.runs import OVER_STATES
from lib.store.charge_rows import attempt_of, charge_of
from lib.store.mirror import customer_of, payment_method_of
from lib.store.states import one_of
from lib.store.twins import TwinStore

_THESE = "(SELECT value FROM json_each(?))"
# As many keys a query as keep its list small beside the rows it finds.
_AT_ONCE = 2_000
# Of an address that many customers have.
_NAMED = 20


class PreflightStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def facts(
        self,
        *,
        customers: Iterable[str],
        emails: Iterable[str],
        methods: Iterable[str],
        except_run: str,
        now: int,
    ) -> PreflightFacts:
        """Of these ids and addresses; what is not known is left out."""
        by_address = self._by_address(emails)
        ids = sorted({*customers, *(one for found in by_address.values() for one in found)})
        live, tried = self._debts(ids)
        known = self._customers(ids)
        return PreflightFacts(
            customers=known,
            by_address=by_address,
            twins={
                twin.customer.id: twin
                for twin in TwinStore(self._database).of(
                    [id_ for ids_ in by_address.values() if len(ids_) > 1 for id_ in ids_[:_NAMED]]
                )
            },
            methods=self._methods_of(ids),
            named_methods=self._named_methods(sorted(set(methods))),
            live=live,
            live_by_address=self._live_by_address(known.values()),
            live_alike={
                (customer, reference_key(reference)): charge
                for (customer, reference), charge in live.items()
            },
            tried=tried,
            in_runs=self._in_runs(ids, except_run),
            largest=self._largest(ids),
            similar=self._similar(ids, now - SIMILAR_WITHIN_SECONDS),
        )

    def payers(self, *, year: int, month: int, limit: int) -> list[Customer]:
        """Customers with a saved method that has not expired by this month, newest first."""
        rows = self._database.query(
            """SELECT c.* FROM customers c WHERE c.is_deleted = 0 AND EXISTS (
                   SELECT 1 FROM payment_methods m WHERE m.customer = c.id AND m.is_detached = 0
                       AND (m.exp_year IS NULL OR (m.exp_year, m.exp_month) >= (?, ?)))
               ORDER BY c.position DESC LIMIT ?""",
            (year, month, limit),
        )
        return [customer_of(row) for row in rows]

    def usual_currencies(self, ids: list[str]) -> dict[str, str]:
        """What each customer paid in last."""
        return {
            row["customer"]: row["currency"]
            for row in self._each(
                f"""SELECT customer, currency FROM payment_intents WHERE customer IN {_THESE}
                    AND status = 'succeeded' ORDER BY created""",
                ids,
            )
        }

    def _by_address(self, emails: Iterable[str]) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for row in self._each(
            f"""SELECT address_key, id FROM customers
                WHERE address_key IN {_THESE} AND is_deleted = 0 ORDER BY position DESC""",
            sorted(set(map(address_key, emails))),
        ):
            found.setdefault(row["address_key"], []).append(row["id"])
        return found

    def _customers(self, ids: list[str]) -> dict[str, Customer]:
        rows = self._each(f"SELECT * FROM customers WHERE id IN {_THESE}", ids)
        return {row["id"]: customer_of(row) for row in rows}

    def _methods_of(self, ids: list[str]) -> dict[str, list[PaymentMethod]]:
        found: dict[str, list[PaymentMethod]] = {}
        for row in self._each(
            f"""SELECT * FROM payment_methods WHERE customer IN {_THESE}
                ORDER BY customer, position DESC""",
            ids,
        ):
            found.setdefault(row["customer"], []).append(payment_method_of(row))
        return found

    def _named_methods(self, ids: list[str]) -> dict[str, PaymentMethod]:
        rows = self._each(f"SELECT * FROM payment_methods WHERE id IN {_THESE}", ids)
        return {row["id"]: payment_method_of(row) for row in rows}

    def _debts(
        self, ids: list[str]
    ) -> tuple[dict[tuple[str, str], Charge], dict[tuple[str, str], list[Attempt]]]:
        live: dict[tuple[str, str], Charge] = {}
        for row in self._each(
            f"""SELECT * FROM charges WHERE customer IN {_THESE} AND state IN
                    {one_of(LIVE_STATES)}""",
            ids,
        ):
            live[row["customer"], row["reference"]] = charge_of(row)
        tried: dict[tuple[str, str], list[Attempt]] = {}
        for row in self._each(
            f"""SELECT c.customer, c.reference, a.* FROM charges c
                JOIN attempts a ON a.charge_id = c.id
                WHERE c.customer IN {_THESE} AND c.state IN
                    ('planned', 'declined', 'needs_customer', 'cancelled')
                ORDER BY a.requested_at, c.created_at, a.charge_id, a.number""",
            ids,
        ):
            tried.setdefault((row["customer"], row["reference"]), []).append(attempt_of(row))
        return live, tried

    def _live_by_address(self, customers: Iterable[Customer]) -> dict[tuple[str, str], Charge]:
        """Only of addresses that several customers have had: deleted ones keep theirs."""
        # Collected first: one address of thousands of customers is then looked at once. CROSS JOIN
        # keeps the order, as SQLite would read all live charges for every slice of addresses.
        addresses = sorted({address_key(one.email) for one in customers if one.email})
        return {
            (row["address_key"], row["reference"]): charge_of(row)
            for row in self._each(
                f"""WITH shared AS MATERIALIZED (
                        SELECT address_key FROM customers WHERE address_key IN {_THESE}
                        GROUP BY 1 HAVING count(*) > 1)
                    SELECT address_key, h.* FROM shared
                    CROSS JOIN customers c USING (address_key)
                    CROSS JOIN charges h ON h.customer = c.id
                        AND h.state IN {one_of(COMMITTED_STATES)}""",
                addresses,
            )
        }

    def _in_runs(self, ids: list[str], except_run: str) -> dict[tuple[str, str], str]:
        return {
            (row["customer"], row["reference"]): row["name"]
            for row in self._each(
                f"""SELECT r.customer, r.reference, runs.name FROM run_rows r
                    JOIN runs ON runs.id = r.run_id
                    WHERE r.customer IN {_THESE} AND r.state = 'planned' AND r.run_id <> ?
                        AND runs.state NOT IN {one_of(OVER_STATES)}""",
                ids,
                except_run,
            )
        }

    def _largest(self, ids: list[str]) -> dict[tuple[str, str], tuple[int, int]]:
        """Also of payments that were made elsewhere."""
        return {
            (row["customer"], row["currency"]): (row["n"], row["largest"])
            for row in self._each(
                f"""SELECT customer, currency, count(*) AS n, max(amount) AS largest
                    FROM payment_intents WHERE customer IN {_THESE} AND status = 'succeeded'
                    GROUP BY customer, currency""",
                ids,
            )
        }

    def _similar(self, ids: list[str], since: int) -> dict[tuple[str, str, int], Similar]:
        return {
            (row["customer"], row["currency"], row["amount"]): Similar(
                row["created"], row["id"], row["charge_id"] is not None
            )
            for row in self._each(
                f"""SELECT id, customer, currency, amount, created, charge_id
                    FROM payment_intents WHERE customer IN {_THESE} AND created >= ?
                        AND status IN ('succeeded', 'processing') ORDER BY created""",
                ids,
                since,
            )
        }

    def _each(self, sql: str, keys: list[str], *more: object) -> Iterator[dict[str, Any]]:
        for start in range(0, len(keys), _AT_ONCE):
            some = json.dumps(keys[start : start + _AT_ONCE])
            yield from self._database.query(sql, (some, *more))
