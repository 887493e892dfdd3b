"""Marks: what Onfile writes into the metadata of what it makes at Stripe, as the mirror holds it."""

from __future__ import annotations

import json
from dataclasses import dataclass

from sqlite_utils import Database

from lib.domain.charges import FAILED_OUTCOMES, Outcome
from lib.domain.payment_statuses import HELD_STATUSES
from lib.domain.rebuild import Installation
from lib.store.meta import INSTALLATION, NOT_OURS
from lib.store.payments import ASKED_METHOD
from lib.store.states import listed, one_of

_NO_INCIDENT = "NOT EXISTS (SELECT 1 FROM incidents i WHERE i.subject = m.id)"


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
    error_advice_code: str | None
    created: int


@dataclass(frozen=True, slots=True)
class MarkedRefund:
    """A Refund that carries the marks of an order."""

    refund: str
    order_id: str
    charge_id: str | None
    payment_intent: str | None
    amount: int
    """Minor units."""
    currency: str
    reason: str | None
    status: str | None
    failure_reason: str | None
    created: int


@dataclass(frozen=True, slots=True)
class MarkedSession:
    """A Checkout Session that was made for a link."""

    session: str
    link_id: str
    charge_id: str | None
    status: str
    customer: str | None
    email: str | None
    name: str | None
    currency: str | None
    reference: str | None
    created: int
    expires_at: int | None
    completed_at: int | None
    """When the mirror first saw it completed."""
    saved_at: int | None
    """When what was saved on it was made."""


class MarkStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def installations(self) -> list[Installation]:
        """Newest mark first."""
        rows = self._database.query(
            """SELECT installation AS id, count(*) AS payments, max(created) AS newest
               FROM payment_intents WHERE charge_id IS NOT NULL GROUP BY installation
               ORDER BY newest DESC"""
        )
        return [Installation(row["id"], row["payments"], row["newest"]) for row in rows]

    def unclaimed(self) -> list[Installation]:
        """
        Whose marks a ledger without charges has met, newest first, until somebody says whose they are.
        Not this installation's own: those say that the file is older.
        """
        rows = self._database.query(
            """SELECT (SELECT value FROM meta WHERE name = ?) AS ours,
                   (SELECT value FROM meta WHERE name = ?) AS not_ours
               WHERE NOT EXISTS (SELECT 1 FROM charges)""",
            (INSTALLATION, NOT_OURS),
        )
        for row in rows:
            claimed = {row["ours"], *json.loads(row["not_ours"] or "[]")}
            return [one for one in self.installations() if one.id not in claimed]
        return []

    def oldest(self, ours: str) -> int | None:
        """When the oldest payment with marks of this installation was made."""
        rows = self._database.query(
            """SELECT min(created) AS at FROM payment_intents
               WHERE charge_id IS NOT NULL AND installation = ?""",
            (ours,),
        )
        at: int | None = next(rows)["at"]
        return at

    def owns_unnamed(self, ours: str) -> bool:
        """
        Whether marks of before there were ids are of this installation: the oldest one's they are, and
        hers whose ledger knows some of them already.
        """
        row = next(
            self._database.query(
                """SELECT
                       (SELECT min(created) FROM payment_intents
                        WHERE charge_id IS NOT NULL AND installation = :ours) AS own,
                       (SELECT min(created) FROM payment_intents WHERE charge_id IS NOT NULL
                        AND installation IS NOT NULL AND installation <> :ours) AS others,
                       EXISTS (SELECT 1 FROM payment_intents p
                           JOIN attempts a ON a.payment_intent = p.id
                           WHERE p.charge_id IS NOT NULL AND p.installation IS NULL) AS knows""",
                {"ours": ours},
            )
        )
        if row["knows"] or row["others"] is None:
            return True
        return row["own"] is not None and row["own"] <= row["others"]

    def whose(self, ours: str) -> list[str | None]:
        """The installations whose marks are ours; None for those of before there were ids."""
        return [ours, None] if self.owns_unnamed(ours) else [ours]

    def others(self, ours: str) -> list[Installation]:
        """Those that have an id and are not this one; the usual case, none, costs nothing."""
        rows = self._database.query(
            """SELECT 1 WHERE EXISTS (SELECT 1 FROM payment_intents
                   WHERE charge_id IS NOT NULL AND installation > :ours)
               OR EXISTS (SELECT 1 FROM payment_intents
                   WHERE charge_id IS NOT NULL AND installation < :ours)""",
            {"ours": ours},
        )
        if next(iter(rows), None) is None:
            return []
        return [one for one in self.installations() if one.id not in (None, ours)]

    def outdated(self) -> list[str]:
        """Payments on which money moves as the mirror has them, of tries that failed here or are unknown."""
        rows = self._database.query(
            f"""SELECT p.id FROM attempts a JOIN payment_intents p ON p.id = a.payment_intent
                WHERE a.outcome IN {one_of(FAILED_OUTCOMES | {Outcome.UNKNOWN})}
                    AND p.status IN {listed(HELD_STATUSES)}
                ORDER BY p.created, p.id"""
        )
        return [str(row["id"]) for row in rows]

    def unknown(self, whose: str | None, *, limit: int, since: int = 0) -> list[Mark]:
        """Payments under these marks without an attempt here and without an incident; oldest first."""
        rows = self._database.query(
            f"""SELECT m.id AS payment_intent, charge_id, attempt, status, customer,
                    {ASKED_METHOD} AS payment_method,
                    amount, currency, reference, description, error_code, error_decline_code,
                    error_advice_code, created
                FROM payment_intents m
                WHERE installation IS :whose AND created >= :since AND charge_id IS NOT NULL
                    AND attempt IS NOT NULL AND NOT EXISTS (SELECT 1 FROM attempts a
                        WHERE a.charge_id = m.charge_id AND a.number = m.attempt) AND {_NO_INCIDENT}
                ORDER BY created, m.id LIMIT :limit""",
            {"whose": whose, "limit": limit, "since": since},
        )
        return [Mark(**row) for row in rows]

    def unknown_refunds(
        self, whose: str | None, *, limit: int, since: int = 0
    ) -> list[MarkedRefund]:
        """
        The same of refunds that no order here knows.

        An order that was only asked for when the file was copied does not know what became of it.
        """
        rows = self._database.query(
            f"""SELECT m.id AS refund, order_id, charge_id, payment_intent, amount, currency, reason,
                    status, failure_reason, created
                FROM stripe_refunds m
                WHERE installation IS :whose AND created >= :since AND order_id IS NOT NULL
                    AND NOT EXISTS (SELECT 1 FROM refunds o WHERE o.refund = m.id
                        OR (o.id = m.order_id AND o.idempotency_key IS NOT NULL)) AND {_NO_INCIDENT}
                ORDER BY created, m.id LIMIT :limit""",
            {"whose": whose, "limit": limit, "since": since},
        )
        return [MarkedRefund(**row) for row in rows]

    def unknown_sessions(
        self, whose: str | None, *, limit: int, since: int = 0
    ) -> list[MarkedSession]:
        """The same of Sessions that are of no link here."""
        rows = self._database.query(
            f"""SELECT m.id AS session, link_id, charge_id, status, customer, customer_email AS email,
                    customer_name AS name, currency, reference, created, expires_at, completed_at,
                    (SELECT p.created FROM setup_intents i JOIN payment_methods p ON p.id = i.payment_method
                        WHERE i.id = m.setup_intent AND p.created >= m.created) AS saved_at
                FROM checkout_sessions m
                WHERE installation IS :whose AND position >= :since << 20 AND link_id IS NOT NULL
                    AND NOT EXISTS (SELECT 1 FROM link_sessions s WHERE s.session_id = m.id)
                    AND {_NO_INCIDENT}
                ORDER BY position LIMIT :limit""",
            {"whose": whose, "limit": limit, "since": since},
        )
        return [MarkedSession(**row) for row in rows]
