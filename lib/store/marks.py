"""Marks: what Onfile writes into the metadata of what it makes at Stripe, as the mirror holds it."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from typing import Any

from sqlite_utils import Database

from lib.domain.charges import Charge, ChargeState, Outcome
from lib.store.charges import ChargeStore

# Marks of before installations had an id count as ours.
_OURS = "(p.installation IS NULL OR p.installation = :installation)"
_UNKNOWN = """p.charge_id IS NOT NULL AND p.attempt IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM attempts a WHERE a.charge_id = p.charge_id AND a.number = p.attempt)"""


@dataclass(frozen=True, slots=True)
class Mark:
    """A PaymentIntent that carries our marks."""

    payment_intent: str
    charge_id: str
    attempt: int
    status: str
    customer: str | None
    payment_method: str | None
    amount: int
    """Minor units."""
    currency: str
    reference: str | None
    description: str | None
    error_code: str | None
    error_decline_code: str | None
    created: int


@dataclass(frozen=True, slots=True)
class Installation:
    """An installation whose marks the mirror holds; None for those of before there were ids."""

    id: str | None
    payments: int
    newest: int
    """Unix seconds of its newest payment."""


class MarkStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def unknown(self, installation: str, *, limit: int) -> list[Mark]:
        """Of this installation, without an attempt here and without an incident; oldest first."""
        rows = self._database.query(
            f"""SELECT {", ".join("p." + _COLUMN.get(name, name) for name in Mark.__slots__)}
                FROM payment_intents p WHERE {_OURS} AND {_UNKNOWN}
                    AND NOT EXISTS (SELECT 1 FROM incidents i WHERE i.subject = p.id)
                ORDER BY p.created, p.id LIMIT :limit""",
            {"installation": installation, "limit": limit},
        )
        return [_mark_of(row) for row in rows]

    def installations(self) -> list[Installation]:
        """Newest mark first."""
        rows = self._database.query(
            """SELECT installation AS id, count(*) AS payments, max(created) AS newest
               FROM payment_intents WHERE charge_id IS NOT NULL GROUP BY installation
               ORDER BY newest DESC"""
        )
        return [Installation(row["id"], row["payments"], row["newest"]) for row in rows]

    def adopt(
        self, mark: Mark, charge: Charge, outcome: Outcome, *, at: int, livemode: bool
    ) -> str | None:
        """
        Write the attempt behind a mark, with its charge where that is missing.

        Returns why that is not possible, as a code; nothing was written then.
        """
        charges = ChargeStore(self._database)
        self._database.execute("SAVEPOINT adoption")
        try:
            problem = self._adopt(charges, mark, charge, outcome, at=at, livemode=livemode)
        except sqlite3.IntegrityError as error:
            problem = f"schema: {error}"
        if problem is not None:
            self._database.execute("ROLLBACK TO adoption")
        self._database.execute("RELEASE adoption")
        return problem

    def _adopt(
        self,
        charges: ChargeStore,
        mark: Mark,
        charge: Charge,
        outcome: Outcome,
        *,
        at: int,
        livemode: bool,
    ) -> str | None:
        known = charges.find(mark.charge_id)
        if known is None:
            if not charges.add(charge, livemode=livemode):
                return "reference_taken"
        elif (known.amount, known.currency, known.customer, known.reference) != (
            charge.amount,
            charge.currency,
            charge.customer,
            charge.reference,
        ):
            return "charge_differs"
        self._database.execute(
            """INSERT INTO attempts (charge_id, number, idempotency_key, params, requested_by,
                   requested_at, outcome, outcome_at, evidence, next_look_at, payment_intent, code,
                   decline_code)
               VALUES (?, ?, ?, ?, 'system', ?, ?, ?, 'payment_intent', ?, ?, ?, ?)""",
            (
                mark.charge_id,
                mark.attempt,
                # Never sent: what became of it is asked for by the payment's id.
                f"adopted:{mark.payment_intent}",
                json.dumps(
                    {
                        "amount": mark.amount,
                        "currency": mark.currency,
                        "customer": mark.customer,
                        "payment_method": mark.payment_method or "",
                    },
                    sort_keys=True,
                ),
                mark.created,
                outcome.value,
                at,
                at if outcome in (Outcome.UNKNOWN, Outcome.PROCESSING) else None,
                mark.payment_intent,
                mark.error_code,
                mark.error_decline_code,
            ),
        )
        if known is not None and not _settle(charges, known, charge.state, at=at):
            return "charge_differs"
        return None


_COLUMN = {"payment_intent": "id AS payment_intent"}


def _settle(charges: ChargeStore, known: Charge, after: ChargeState, *, at: int) -> bool:
    """The charge follows its newest try, and money that moved whichever try moved it."""
    if known.state in (after, ChargeState.SUCCEEDED):
        return True
    return charges.move(known.id, before=known.state, after=after, at=at)


def _mark_of(row: dict[str, Any]) -> Mark:
    return Mark(**{name: row[name] for name in Mark.__slots__})


def charge_of(mark: Mark, state: ChargeState) -> Charge | None:
    """What was owed, as far as Stripe can say; None where the marks are not whole."""
    if mark.customer is None or mark.reference is None:
        return None
    return Charge(
        id=mark.charge_id,
        customer=mark.customer,
        payment_method=mark.payment_method or "",
        amount=mark.amount,
        currency=mark.currency,
        reference=mark.reference,
        description=mark.description,
        state=state,
        created_by="system",
        created_at=mark.created,
        updated_at=mark.created,
    )
