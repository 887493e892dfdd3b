"""Debts, as the ledger, the mirror and the runs know them: a few queries for any number of customers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from sqlite_utils import Database

from lib.domain.admit import DebtFacts, Earlier, PaymentAtStripe
from lib.domain.charges import COMMITTED_STATES, LIVE_OUTCOMES, LIVE_STATES, Attempt, Charge
from lib.domain.identity import address_key, drawn_key
from lib.domain.incidents import CONFLICT
from lib.domain.mirror import Customer, PaymentMethod
from lib.domain.payment_statuses import CONFIRMED_STATUSES, MOVING_STATUSES
from lib.domain.reference_keys import reference_key
from lib.domain.references import WaitingRun
from lib.domain.runs import OVER_STATES, RunState
from lib.domain.twins import Twin
from lib.store.announcements import AnnouncementStore
from lib.store.charge_rows import attempt_of, charge_of
from lib.store.corrected_rows import charged_for_corrected_rows
from lib.store.erasures import ErasureStore
from lib.store.holds import HoldStore
from lib.store.mirror import DRAWN
from lib.store.never_again import never_again
from lib.store.slices import THESE, in_slices
from lib.store.states import listed, one_of
from lib.store.twins import TwinStore
from lib.store.waiting_charges import WaitingChargeStore

_LIVE = f"(a.outcome IS NULL OR a.outcome IN {one_of(LIVE_OUTCOMES)})"
# A payment that an attempt here failed to make, and that was paid later all the same, counts; one that is
# still open under a failed attempt is closed before the next. Of another Onfile's, one that waits for a method
# is open until it fails: its next try has the same key as ours. Nobody else's ends by a failure: it can be
# paid with another card for as long as nobody cancels it.
_NOT_OURS = f"""p.reference IS NOT NULL AND (p.status IN {listed(CONFIRMED_STATUSES)}
        OR (p.status = 'requires_payment_method' AND (p.charge_id IS NULL OR (
            p.latest_charge IS NULL AND p.error_code IS NULL AND p.error_decline_code IS NULL))))
    AND NOT EXISTS (SELECT 1 FROM attempts a WHERE a.payment_intent = p.id
        AND a.reference = p.reference AND (p.status <> 'succeeded' OR {_LIVE}))"""
_DRAWN_OF_C = "coalesce(c.drawn_key, c.address_key)"
Found = TypeVar("Found")
# Of an address that many customers have: as many as a person compares.
_COMPARED = 20
_UNDECIDED = frozenset({RunState.DRAFT, RunState.REJECTED})


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
        Of all debts of these customers and of whoever has an address that a person takes for theirs.

        Args:
            except_run: whose rows do not count as waiting; None to leave waiting runs out: of two
                approved runs, the one that comes second is stopped by what the first has charged.
        """
        every = list(customers)
        ids = [one.id for one in every]
        keys = {address_key(one.email) for one in every if one.email}
        # Whoever was erased, and came back, is still one person with who they were.
        aliases = {
            pseudonym: drawn_key(key)
            for pseudonym, key in ErasureStore(self._database).aliases(keys).items()
        }
        addresses = [*self._shared(set(map(drawn_key, keys))), *aliases]
        payments = self._at_stripe(ids)
        exact = self._exact(ids, payments)
        alike: dict[tuple[str, str], list[Earlier]] = {}
        both: list[Earlier] = [*exact.live.values(), *payments]
        for earlier in both:
            key = (earlier.customer, reference_key(earlier.reference))
            alike.setdefault(key, []).append(earlier)
        waits = except_run is not None
        sharing = self._sharing(ids, addresses)
        # Whichever of them was told, or paid otherwise: to a person they are one.
        payers = {*ids, *(twin.customer.id for some in sharing.values() for twin in some)}
        return replace(
            exact,
            alike=alike,
            corrected=charged_for_corrected_rows(self._database, ids),
            twins=_by_address(self._twins(addresses), aliases),
            refused_by_payer=AnnouncementStore(self._database).refused(payers),
            paid_otherwise=WaitingChargeStore(self._database).paid_otherwise(payers),
            in_runs=self._in_runs(ids, except_run or "") if waits else {},
            twins_in_runs=_by_address(
                self._twins_in_runs(addresses, except_run or "") if waits else {}, aliases
            ),
            sharing=sharing,
            never_again=never_again(self._database, methods),
        )

    def exact(self, customers: Iterable[str]) -> DebtFacts:
        """What is red whatever the method: of these customers' very references, and their holds."""
        ids = list(customers)
        return self._exact(ids, self._at_stripe(ids))

    def _exact(self, ids: list[str], payments: Iterable[PaymentAtStripe]) -> DebtFacts:
        return DebtFacts(
            live=self._live(ids),
            held=self._held(ids),
            at_stripe={(one.customer, one.reference): one for one in payments},
            incidents=self._incidents(ids),
            holds=HoldStore(self._database).covering(ids),
            erased=ErasureStore(self._database).of(ids),
        )

    def _live(self, ids: list[str]) -> dict[tuple[str, str], Charge]:
        """Of a surplus and the debt's own charge the latter; alone, a surplus was paid all the same."""
        return {
            (row["customer"], row["reference"]): charge_of(row)
            for row in in_slices(
                self._database,
                f"""SELECT * FROM charges INDEXED BY charges_by_reference
                    WHERE customer IN {THESE}
                        AND state IN {one_of(LIVE_STATES)} ORDER BY is_surplus DESC""",
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

    def _at_stripe(self, ids: list[str]) -> list[PaymentAtStripe]:
        """Of one reference what was paid, or is on its way, comes last."""
        return [
            PaymentAtStripe(**row)
            for row in in_slices(
                self._database,
                f"""SELECT id, status, customer, reference, amount, currency
                    FROM payment_intents p INDEXED BY payment_intents_by_reference
                    WHERE p.customer IN {THESE} AND p.reference_key IS NOT NULL AND {_NOT_OURS}
                    ORDER BY p.status IN {listed(MOVING_STATUSES)}, p.created""",
                ids,
            )
        ]

    def _shared(self, addresses: Iterable[str]) -> list[str]:
        """
        Those that several customers have had: deleted ones keep theirs. What is asked about them next
        holds SQLite to its order by CROSS JOIN: it would read all that is live for every slice.
        """
        rows = in_slices(
            self._database,
            f"""SELECT {DRAWN} AS drawn FROM customers WHERE {DRAWN} IN {THESE}
                GROUP BY 1 HAVING count(*) > 1""",
            addresses,
        )
        return [row["drawn"] for row in rows]

    def _sharing(self, ids: list[str], addresses: list[str]) -> dict[str, list[Twin]]:
        living: dict[str, list[str]] = {}
        for row in in_slices(
            self._database,
            f"""SELECT id, {DRAWN} AS drawn FROM customers
                WHERE {DRAWN} IN {THESE} AND is_deleted = 0 ORDER BY position DESC""",
            addresses,
        ):
            living.setdefault(row["drawn"], []).append(row["id"])
        wanted = set(ids)
        together = {
            id_: list(dict.fromkeys((id_, *some[:_COMPARED])))
            for some in living.values()
            if len(some) > 1
            for id_ in some
            if id_ in wanted
        }
        named = sorted({one for some in together.values() for one in some})
        known = {twin.customer.id: twin for twin in TwinStore(self._database).of(named)}
        return {id_: [known[one] for one in some] for id_, some in together.items()}

    def _twins(self, addresses: list[str]) -> dict[tuple[str, str], list[Earlier]]:
        twins: dict[tuple[str, str], list[Earlier]] = {}
        for row in in_slices(
            self._database,
            f"""SELECT {_DRAWN_OF_C} AS drawn, h.* FROM customers c
                CROSS JOIN charges h ON h.customer = c.id
                    AND h.state IN {one_of(COMMITTED_STATES)}
                WHERE {_DRAWN_OF_C} IN {THESE}""",
            addresses,
        ):
            key = (row["drawn"], reference_key(row["reference"]))
            twins.setdefault(key, []).append(charge_of(row))
        for row in in_slices(
            self._database,
            f"""SELECT {_DRAWN_OF_C} AS drawn, p.id, p.status, p.customer, p.reference, p.amount,
                    p.currency FROM customers c
                CROSS JOIN payment_intents p ON p.customer = c.id AND {_NOT_OURS}
                WHERE {_DRAWN_OF_C} IN {THESE}""",
            addresses,
        ):
            key = (row.pop("drawn"), reference_key(row["reference"]))
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
        self, addresses: list[str], except_run: str
    ) -> dict[tuple[str, str], list[WaitingRun]]:
        waiting: dict[tuple[str, str], list[WaitingRun]] = {}
        for row in in_slices(
            self._database,
            f"""SELECT {_DRAWN_OF_C} AS drawn, r.customer, r.reference, runs.name, runs.state
                FROM customers c
                CROSS JOIN run_rows r ON r.customer = c.id AND r.state = 'planned'
                CROSS JOIN runs ON runs.id = r.run_id
                    AND runs.state NOT IN {one_of(OVER_STATES)}
                WHERE {_DRAWN_OF_C} IN {THESE} AND r.run_id <> ?""",
            addresses,
            except_run,
        ):
            key = (row["drawn"], row["reference"])
            waiting.setdefault(key, []).append(_waiting(row))
        return waiting

    def _incidents(self, ids: list[str]) -> dict[tuple[str, str], str]:
        """Of what a rebuild could not take over and names no reference, any of the customer's may be it."""
        if not list(
            self._database.query("SELECT 1 FROM incidents WHERE settled_at IS NULL LIMIT 1")
        ):
            return {}
        return {
            (row["customer"], row["reference"] or ""): row["id"]
            for row in in_slices(
                self._database,
                f"""SELECT id, json_extract(details, '$.customer') AS customer,
                        json_extract(details, '$.reference') AS reference
                    FROM incidents WHERE settled_at IS NULL
                        AND json_extract(details, '$.customer') IN {THESE}
                        AND (json_extract(details, '$.reference') IS NOT NULL OR kind = ?)""",
                ids,
                CONFLICT,
            )
        }


def _by_address(
    by_key: Mapping[tuple[str, str], list[Found]], aliases: Mapping[str, str]
) -> dict[tuple[str, str], list[Found]]:
    """With what stands under a pseudonym under the address itself."""
    every: dict[tuple[str, str], list[Found]] = {}
    for (key, reference), some in by_key.items():
        every.setdefault((aliases.get(key, key), reference), []).extend(some)
    return every


def _waiting(row: dict[str, Any]) -> WaitingRun:
    is_submitted = RunState(row["state"]) not in _UNDECIDED
    return WaitingRun(row["name"], row["customer"], is_submitted)
