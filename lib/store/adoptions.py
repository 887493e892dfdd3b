"""Adoptions: rows of the ledger that were written because Stripe knew them, each whole or not at all."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from sqlite_utils import Database

from lib.domain.charges import (
    OPEN_OUTCOMES,
    Charge,
    ChargeState,
    Outcome,
    adopted_key,
)
from lib.domain.mirror import Decline
from lib.store.charges import ChargeStore
from lib.store.marks import Mark


class NotAdopted(Exception):
    """Why something at Stripe cannot be written down here, as a code; nothing of it was."""


class AdoptionStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    @contextmanager
    def whole(self) -> Iterator[None]:
        """
        Everything written inside it, or nothing.

        Raises:
            NotAdopted: raised inside, or the schema refuses what was written.
        """
        self._database.execute("SAVEPOINT adoption")
        try:
            yield
        except (NotAdopted, sqlite3.IntegrityError) as error:
            self._database.execute("ROLLBACK TO adoption")
            self._database.execute("RELEASE adoption")
            if isinstance(error, NotAdopted):
                raise
            raise NotAdopted(f"schema: {error}") from error
        self._database.execute("RELEASE adoption")

    def adopt_attempt(
        self, mark: Mark, charge: Charge, outcome: Outcome, *, at: int, livemode: bool
    ) -> bool:
        """
        Write the attempt behind a mark, with its charge where that is missing; True where it was.

        Raises:
            NotAdopted
        """
        charges = ChargeStore(self._database)
        known = charges.find(mark.charge_id)
        if known is None:
            if not charges.add(charge, livemode=livemode):
                raise NotAdopted("reference_taken")
        elif (known.amount, known.currency, known.customer, known.reference) != (
            charge.amount,
            charge.currency,
            charge.customer,
            charge.reference,
        ):
            raise NotAdopted("charge_differs")
        self.add_attempt(
            mark.charge_id,
            number=mark.attempt,
            payment_intent=mark.payment_intent,
            outcome=outcome,
            params={
                "amount": mark.amount,
                "currency": mark.currency,
                "customer": mark.customer,
                "payment_method": mark.payment_method or "",
            },
            decline=Decline(mark.error_code, mark.error_decline_code, mark.error_advice_code),
            created=mark.created,
            at=at,
        )
        if known is not None and not _settle(charges, known, charge.state, at=at):
            raise NotAdopted("charge_differs")
        return known is None

    def add_attempt(
        self,
        charge_id: str,
        *,
        number: int,
        payment_intent: str,
        outcome: Outcome,
        params: Mapping[str, object],
        decline: Decline,
        created: int,
        at: int,
        is_surplus: bool = False,
    ) -> None:
        """
        Write the attempt behind a payment that is at Stripe already; `params` are what it was.

        Raises:
            sqlite3.IntegrityError: another attempt of the debt is live, or has this payment.
        """
        self._database.execute(
            """INSERT INTO attempts (charge_id, number, idempotency_key, params, requested_by,
                   requested_at, outcome, outcome_at, evidence, next_look_at, payment_intent, code,
                   decline_code, advice_code, is_surplus)
               VALUES (?, ?, ?, ?, 'system', ?, ?, ?, 'payment_intent', ?, ?, ?, ?, ?, ?)""",
            (
                charge_id,
                number,
                # What became of it is asked for by the payment's id.
                adopted_key(payment_intent),
                json.dumps(params, sort_keys=True),
                created,
                outcome.value,
                # How long to wait before another try counts from the bank's answer, not from when it was read.
                created if outcome is Outcome.DECLINED else at,
                at if outcome in OPEN_OUTCOMES else None,
                payment_intent,
                decline.code,
                decline.decline_code,
                decline.advice_code,
                int(is_surplus),
            ),
        )

    def adopt_session(
        self,
        link_id: str,
        session_id: str,
        *,
        created: int,
        expires_at: int | None,
        closed_at: int | None,
    ) -> None:
        """
        The next page of a link, made without this ledger, with what it says as Stripe tells it; its
        address there is not known.
        """
        self._database.execute(
            """INSERT INTO link_sessions (link_id, number, idempotency_key, params, requested_at,
                   session_id, expires_at, closed_at)
               SELECT ?1, coalesce(max(number), 0) + 1, ?2, coalesce((SELECT page_params
                   FROM checkout_sessions WHERE id = ?4), '{}'), ?3, ?4, ?5, ?6
               FROM link_sessions WHERE link_id = ?1""",
            (link_id, adopted_key(session_id), created, session_id, expires_at, closed_at),
        )
        self._database.execute(
            "UPDATE checkout_sessions SET page_params = NULL WHERE id = ?", (session_id,)
        )


def _settle(charges: ChargeStore, known: Charge, after: ChargeState, *, at: int) -> bool:
    """The charge follows its newest try, and money that moved whichever try moved it."""
    if known.state in (after, ChargeState.SUCCEEDED):
        return True
    return charges.move(known.id, before=known.state, after=after, at=at)
