"""Debts, as the ledger, the mirror and the runs know them: a few queries for any number of customers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from sqlite_utils import Database

from lib.domain.admit import (
    DebtFacts,
    Earlier,
    PaymentAtStripe,
    WaitingRun,
    is_never_again,
)
from lib.domain.charges import COMMITTED_STATES, LIVE_STATES, Attempt, Charge
from lib.domain.identity import address_key, reference_key
from lib.domain.mirror import Customer, PaymentMethod
from lib.domain.runs import OVER_STATES, RunState
from lib.store.charge_rows import attempt_of, charge_of, decline_of
from lib.store.states import one_of

THESE = "(SELECT value FROM json_each(?))"
# As many keys a query as keep its list small beside the rows it finds.
_AT_ONCE = 2_000
_LIVE = "(a.outcome IS NULL OR a.outcome IN ('succeeded', 'processing', 'unknown'))"
# A payment that an attempt here failed to make, and that was paid later all the same, counts; one that is
# still open under a failed attempt is closed before the next.
_NOT_OURS = f"""p.reference IS NOT NULL AND p.status IN ('succeeded', 'processing',
        'requires_capture', 'requires_action', 'requires_confirmation')
    AND NOT EXISTS (SELECT 1 FROM attempts a WHERE a.payment_intent = p.id
        AND (p.status <> 'succeeded' OR {_LIVE}))"""
# Of addresses that several customers have had: deleted ones keep theirs. CROSS JOIN keeps the order, as
# SQLite would read everything that is live for every slice of addresses.
_SHARED = f"""WITH shared AS MATERIALIZED (
        SELECT address_key FROM customers WHERE address_key IN {THESE}
        GROUP BY 1 HAVING count(*) > 1)"""
_UNDECIDED = frozenset({RunState.DRAFT, RunState.REJECTED})
# The index attempts_never_again has these words.
_NEVER_AGAIN = """a.outcome = 'declined' AND (a.advice_code = 'do_not_try_again'
    OR a.decline_code IN ('lost_card', 'stolen_card', 'lost_or_stolen_card', 'pickup_card',
        'do_not_try_again')
    OR a.code IN ('lost_card', 'stolen_card', 'lost_or_stolen_card', 'pickup_card',
        'do_not_try_again'))"""


def in_slices(
    database: Database, sql: str, keys: Iterable[str], *more: object
) -> Iterator[dict[str, Any]]:
    """Rows of a query whose first parameter is a list of keys, however many there are."""
    every = sorted(set(keys))
    for start in range(0, len(every), _AT_ONCE):
        yield from database.query(sql, (json.dumps(every[start : start + _AT_ONCE]), *more))


class DebtStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def facts(
        self,
        customers: Iterable[Customer],
        methods: Iterable[PaymentMethod],
        *,
        except_run: str | None,
    ) -> DebtFacts:
        """
        Of all debts of these customers and whoever shares their addresses.

        Args:
            except_run: whose rows do not count as waiting; None to leave waiting runs out: of two
                approved runs, the one that comes second is stopped by what the first has charged.
        """
        every = list(customers)
        ids = [one.id for one in every]
        addresses = {address_key(one.email) for one in every if one.email}
        live = self._live(ids)
        at_stripe = self._at_stripe(ids)
        alike: dict[tuple[str, str], list[Earlier]] = {}
        both: list[Earlier] = [*live.values(), *at_stripe.values()]
        for earlier in both:
            key = (earlier.customer, reference_key(earlier.reference))
            alike.setdefault(key, []).append(earlier)
        waits = except_run is not None
        return DebtFacts(
            live=live,
            held=self._held(ids),
            at_stripe=at_stripe,
            alike=alike,
            twins=self._twins(addresses),
            in_runs=self._in_runs(ids, except_run or "") if waits else {},
            twins_in_runs=self._twins_in_runs(addresses, except_run or "") if waits else {},
            never_again=self.never_again(methods),
        )

    def _live(self, ids: list[str]) -> dict[tuple[str, str], Charge]:
        return {
            (row["customer"], row["reference"]): charge_of(row)
            for row in in_slices(
                self._database,
                f"""SELECT * FROM charges WHERE customer IN {THESE}
                    AND state IN {one_of(LIVE_STATES)} AND is_surplus = 0""",
                ids,
            )
        }

    def _held(self, ids: list[str]) -> dict[tuple[str, str], Attempt]:
        return {
            (row["customer"], row["reference"]): attempt_of(row)
            for row in in_slices(
                self._database,
                f"""SELECT a.* FROM attempts a JOIN charges c ON c.id = a.charge_id
                    WHERE a.customer IN {THESE} AND {_LIVE}
                        AND c.state NOT IN {one_of(COMMITTED_STATES)}""",
                ids,
            )
        }

    def _at_stripe(self, ids: list[str]) -> dict[tuple[str, str], PaymentAtStripe]:
        return {
            (row["customer"], row["reference"]): PaymentAtStripe(**row)
            for row in in_slices(
                self._database,
                f"""SELECT id, status, customer, reference, amount, currency
                    FROM payment_intents p INDEXED BY payment_intents_by_reference
                    WHERE p.customer IN {THESE} AND p.reference_key IS NOT NULL AND {_NOT_OURS}
                    ORDER BY p.created""",
                ids,
            )
        }

    def _twins(self, addresses: Iterable[str]) -> dict[tuple[str, str], list[Earlier]]:
        addresses = list(addresses)
        twins: dict[tuple[str, str], list[Earlier]] = {}
        for row in in_slices(
            self._database,
            f"""{_SHARED} SELECT address_key, h.* FROM shared
                CROSS JOIN customers c USING (address_key)
                CROSS JOIN charges h ON h.customer = c.id
                    AND h.state IN {one_of(COMMITTED_STATES)}""",
            addresses,
        ):
            twins.setdefault((row["address_key"], row["reference"]), []).append(charge_of(row))
        for row in in_slices(
            self._database,
            f"""{_SHARED} SELECT address_key, p.id, p.status, p.customer, p.reference, p.amount,
                    p.currency FROM shared
                CROSS JOIN customers c USING (address_key)
                CROSS JOIN payment_intents p ON p.customer = c.id AND {_NOT_OURS}""",
            addresses,
        ):
            key = (row.pop("address_key"), row["reference"])
            twins.setdefault(key, []).append(PaymentAtStripe(**row))
        return twins

    def _in_runs(self, ids: list[str], except_run: str) -> dict[tuple[str, str], WaitingRun]:
        """The submitted one of several."""
        rows = in_slices(
            self._database,
            f"""SELECT r.customer, r.reference, runs.name, runs.state FROM run_rows r
                JOIN runs ON runs.id = r.run_id
                WHERE r.customer IN {THESE} AND r.state = 'planned' AND r.run_id <> ?
                    AND runs.state NOT IN {one_of(OVER_STATES)}""",
            ids,
            except_run,
        )
        waiting: dict[tuple[str, str], WaitingRun] = {}
        for row in rows:
            key, run = (row["customer"], row["reference"]), _waiting(row)
            if key not in waiting or run.is_submitted:
                waiting[key] = run
        return waiting

    def _twins_in_runs(
        self, addresses: Iterable[str], except_run: str
    ) -> dict[tuple[str, str], list[WaitingRun]]:
        waiting: dict[tuple[str, str], list[WaitingRun]] = {}
        for row in in_slices(
            self._database,
            f"""{_SHARED} SELECT address_key, r.customer, r.reference, runs.name, runs.state
                FROM shared
                CROSS JOIN customers c USING (address_key)
                CROSS JOIN run_rows r ON r.customer = c.id AND r.state = 'planned' AND r.run_id <> ?
                CROSS JOIN runs ON runs.id = r.run_id
                    AND runs.state NOT IN {one_of(OVER_STATES)}""",
            addresses,
            except_run,
        ):
            key = (row["address_key"], row["reference"])
            waiting.setdefault(key, []).append(_waiting(row))
        return waiting

    def never_again(self, methods: Iterable[PaymentMethod]) -> frozenset[str]:
        """Those of the methods' fingerprints that a bank has stopped, under whatever id they were saved."""
        rows = in_slices(
            self._database,
            f"""SELECT m.fingerprint, a.* FROM payment_methods m
                CROSS JOIN attempts a ON json_extract(a.params, '$.payment_method') = m.id
                WHERE m.fingerprint IN {THESE} AND {_NEVER_AGAIN}""",
            {one.fingerprint for one in methods if one.fingerprint is not None},
        )
        return frozenset(
            row["fingerprint"]
            for row in rows
            if is_never_again(decline_of(row), http_status=row["http_status"])
        )


def _waiting(row: dict[str, Any]) -> WaitingRun:
    is_submitted = RunState(row["state"]) not in _UNDECIDED
    return WaitingRun(row["name"], row["customer"], is_submitted)
