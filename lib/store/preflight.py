"""Customers in a run, as the mirror and the ledger know them: a few queries for any number of rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sqlite_utils import Database

from lib.domain.admit import DebtFacts
from lib.domain.charges import RETRYABLE_STATES, Attempt, ChargeState
from lib.domain.identity import drawn_key, id_key
from lib.domain.mirror import Customer, PaymentMethod
from lib.domain.named_customers import NamedCustomers
from lib.domain.payment_statuses import MOVING_STATUSES
from lib.domain.preflight import SIMILAR_WITHIN_SECONDS, PreflightFacts, Similar
from lib.domain.twins import Twin
from lib.store.charge_rows import attempt_of
from lib.store.confirmations import ConfirmationStore
from lib.store.debts import DebtStore
from lib.store.meta import MetaStore
from lib.store.mirror import DRAWN, customer_of, payment_method_of
from lib.store.never_again import never_again
from lib.store.slices import THESE, in_slices
from lib.store.states import listed, one_of
from lib.store.twins import TwinStore

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
        names = self.named(customers=customers, emails=emails)
        ids, known = sorted(names.by_id), names.by_id
        methods_of = self._methods_of(ids)
        named = self._named_methods(sorted(set(methods)))
        every = [*named.values(), *(one for some in methods_of.values() for one in some)]
        return PreflightFacts(
            named=names,
            methods=methods_of,
            named_methods=named,
            confirming=ConfirmationStore(self._database).of(ids),
            debts=DebtStore(self._database).facts(known.values(), every, except_run=except_run),
            tried=self._tried(ids),
            largest=self._largest(ids),
            similar=self._similar(ids, now - SIMILAR_WITHIN_SECONDS),
            timezone=MetaStore(self._database).timezone,
        )

    def named(self, *, customers: Iterable[str], emails: Iterable[str]) -> NamedCustomers:
        """Who these ids and addresses can mean; what is not known is left out."""
        written = {*customers}
        by_address, by_drawn = self._by_address(emails)
        by_id_key = self._by_id_key(written)
        matches = [one for some in (by_drawn, by_id_key) for ids in some.values() for one in ids]
        return NamedCustomers(
            by_id=self._customers(sorted({*written, *map(id_key, written), *matches})),
            by_address=by_address,
            by_drawn=by_drawn,
            by_id_key=by_id_key,
            twins=self._twins(by_drawn, by_id_key),
        )

    def methods_of(self, customer_ids: Iterable[str]) -> dict[str, list[PaymentMethod]]:
        """By customer, newest first."""
        return self._methods_of(sorted(set(customer_ids)))

    def debts(
        self, customer: Customer, method: PaymentMethod | None, *, except_run: str | None
    ) -> DebtFacts:
        """Of one customer, for the method that is about to be charged; see DebtStore.facts."""
        methods = [method] if method is not None else []
        return DebtStore(self._database).facts([customer], methods, except_run=except_run)

    def exact_debts(self, customers: Iterable[str]) -> DebtFacts:
        """See DebtStore.exact."""
        return DebtStore(self._database).exact(customers)

    def never_again(self, methods: Iterable[PaymentMethod]) -> frozenset[str]:
        """Fingerprints of those that must not be charged again."""
        return never_again(self._database, methods)

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
                f"""SELECT customer, currency FROM payment_intents WHERE customer IN {THESE}
                    AND status = 'succeeded' ORDER BY created""",
                ids,
            )
        }

    def _by_address(
        self, emails: Iterable[str]
    ) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
        """By the keys of their addresses, and by what these are drawn as."""
        same: dict[str, list[str]] = {}
        drawn: dict[str, list[str]] = {}
        for row in self._each(
            f"""SELECT id, address_key, {DRAWN} AS drawn FROM customers
                WHERE {DRAWN} IN {THESE} AND is_deleted = 0 ORDER BY position DESC""",
            sorted(set(map(drawn_key, emails))),
        ):
            same.setdefault(row["address_key"], []).append(row["id"])
            drawn.setdefault(row["drawn"], []).append(row["id"])
        return same, drawn

    def _by_id_key(self, ids: Iterable[str]) -> dict[str, list[str]]:
        customers: dict[str, list[str]] = {}
        for row in self._each(
            f"""SELECT id_key, id FROM customers
                WHERE id_key IN {THESE} AND is_deleted = 0 ORDER BY position DESC""",
            sorted(set(map(id_key, ids))),
        ):
            customers.setdefault(row["id_key"], []).append(row["id"])
        return customers

    def _twins(
        self, by_drawn: Mapping[str, list[str]], by_id_key: Mapping[str, list[str]]
    ) -> dict[str, Twin]:
        ids = [one for ids in by_drawn.values() if len(ids) > 1 for one in ids[:_NAMED]]
        ids += [one for key, some in by_id_key.items() for one in (key, *some[:_NAMED])]
        return {twin.customer.id: twin for twin in TwinStore(self._database).of(ids)}

    def _customers(self, ids: list[str]) -> dict[str, Customer]:
        rows = self._each(f"SELECT * FROM customers WHERE id IN {THESE}", ids)
        return {row["id"]: customer_of(row) for row in rows}

    def _methods_of(self, ids: list[str]) -> dict[str, list[PaymentMethod]]:
        methods: dict[str, list[PaymentMethod]] = {}
        for row in self._each(
            f"""SELECT * FROM payment_methods WHERE customer IN {THESE}
                ORDER BY customer, position DESC""",
            ids,
        ):
            methods.setdefault(row["customer"], []).append(payment_method_of(row))
        return methods

    def _named_methods(self, ids: list[str]) -> dict[str, PaymentMethod]:
        rows = self._each(f"SELECT * FROM payment_methods WHERE id IN {THESE}", ids)
        return {row["id"]: payment_method_of(row) for row in rows}

    def _tried(self, ids: list[str]) -> dict[tuple[str, str], list[Attempt]]:
        tried: dict[tuple[str, str], list[Attempt]] = {}
        for row in self._each(
            f"""SELECT c.customer, c.reference, a.* FROM charges c
                JOIN attempts a ON a.charge_id = c.id
                WHERE c.customer IN {THESE} AND c.state IN {one_of(RETRYABLE_STATES | {ChargeState.CANCELLED})}
                ORDER BY a.requested_at, c.created_at, a.charge_id, a.number""",
            ids,
        ):
            tried.setdefault((row["customer"], row["reference"]), []).append(attempt_of(row))
        return tried

    def _largest(self, ids: list[str]) -> dict[tuple[str, str], tuple[int, int]]:
        """Also of payments that were made elsewhere."""
        return {
            (row["customer"], row["currency"]): (row["n"], row["largest"])
            for row in self._each(
                f"""SELECT customer, currency, count(*) AS n, max(amount) AS largest
                    FROM payment_intents WHERE customer IN {THESE} AND status = 'succeeded'
                    GROUP BY customer, currency""",
                ids,
            )
        }

    def _similar(self, ids: list[str], since: int) -> dict[tuple[str, str, int], Similar]:
        return {
            (row["customer"], row["currency"], row["amount"]): Similar(
                row["created"], row["id"], bool(row["is_ours"]), row["charge_id"] is not None
            )
            for row in self._each(
                f"""SELECT id, customer, currency, amount, created, charge_id, EXISTS (
                        SELECT 1 FROM attempts a WHERE a.payment_intent = p.id) AS is_ours
                    FROM payment_intents p WHERE customer IN {THESE} AND created >= ?
                        AND status IN {listed(MOVING_STATUSES)}
                    ORDER BY is_ours DESC, created""",
                ids,
                since,
            )
        }

    def _each(self, sql: str, keys: list[str], *more: object) -> Iterator[dict[str, Any]]:
        return in_slices(self._database, sql, keys, *more)
