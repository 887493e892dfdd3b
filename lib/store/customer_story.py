"""The events of one customer, read by index, and the notes of people about them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlite_utils import Database

from lib.domain.customer_story import (
    ChargeStory,
    CustomerNote,
    DisputedPayment,
    GivenBack,
    LinkStory,
    MethodLife,
)
from lib.store.charge_rows import UNRESOLVED_OF_CUSTOMER, attempt_of, charge_of
from lib.store.mirror import payment_method_of

_LIFE = (
    "setup_intent",
    "usage",
    "session",
    "completed_at",
    "link",
    "link_reference",
    "link_by",
    "renewed_at",
    "removed_at",
)


@dataclass(frozen=True, slots=True)
class OpenSum:
    """Of one currency: charges that failed or were never executed, and that nobody collected since."""

    currency: str
    count: int
    amount: int
    """Minor units."""


class StoryStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def add_note(self, note: CustomerNote) -> None:
        self._database.execute(
            """INSERT INTO customer_notes (id, customer, text, written_by, written_at)
               VALUES (?, ?, ?, ?, ?)""",
            (note.id, note.customer, note.text, note.written_by, note.written_at),
        )

    def notes(self, customer: str, *, limit: int = -1) -> list[CustomerNote]:
        """Newest first."""
        rows = self._database.query(
            """SELECT * FROM customer_notes WHERE customer = ?
               ORDER BY written_at DESC, rowid DESC LIMIT ?""",
            (customer, limit),
        )
        return [CustomerNote(**row) for row in rows]

    def methods(self, customer: str, *, limit: int = -1) -> list[MethodLife]:
        """Newest first; removed ones too."""
        rows = self._database.query(
            """SELECT m.*, i.id AS setup_intent, i.usage, s.id AS session, s.completed_at,
                   s.link_id AS link, l.reference AS link_reference, l.created_by AS link_by,
                   (SELECT max(d.created) FROM webhook_deliveries d WHERE d.object_id = m.id
                       AND d.type = 'payment_method.automatically_updated') AS renewed_at,
                   (SELECT max(d.created) FROM webhook_deliveries d WHERE d.object_id = m.id
                       AND d.type = 'payment_method.detached') AS removed_at
               FROM payment_methods m
               LEFT JOIN setup_intents i ON i.id = (SELECT max(o.id) FROM setup_intents o
                   WHERE o.payment_method = m.id AND o.status = 'succeeded')
               LEFT JOIN checkout_sessions s ON s.id = (SELECT max(o.id) FROM checkout_sessions o
                   WHERE o.setup_intent = i.id)
               LEFT JOIN setup_links l ON l.id = s.link_id
               WHERE m.customer = ?1 OR (m.is_detached = 1 AND m.last_customer = ?1)
               ORDER BY m.position DESC LIMIT ?2""",
            (customer, limit),
        )
        return [
            MethodLife(payment_method_of(row), **{name: row[name] for name in _LIFE})
            for row in rows
        ]

    def links(self, customer: str) -> list[LinkStory]:
        """Oldest first."""
        rows = self._database.query(
            """SELECT l.id, l.reference, l.created_by, l.created_at, l.completed_at, l.revoked_at,
                   l.expires_at, coalesce((SELECT group_concat(s.session_id, ', ')
                       FROM link_sessions s WHERE s.link_id = l.id), '') AS sessions
               FROM setup_links l WHERE l.customer = ? ORDER BY l.created_at, l.id""",
            (customer,),
        )
        return [LinkStory(**row) for row in rows]

    def charges(self, customer: str) -> list[ChargeStory]:
        """Oldest first, with every try."""
        attempts: dict[str, list[dict[str, Any]]] = {}
        for row in self._database.query(
            """SELECT a.*, r.name AS run_name FROM charges c
               CROSS JOIN attempts a ON a.charge_id = c.id
               LEFT JOIN runs r ON r.id = a.run_id
               WHERE c.customer = ? ORDER BY a.charge_id, a.number""",
            (customer,),
        ):
            attempts.setdefault(row["charge_id"], []).append(row)
        rows = self._database.query(
            "SELECT * FROM charges WHERE customer = ? ORDER BY created_at, id", (customer,)
        )
        return [
            ChargeStory(
                charge_of(row),
                tuple(attempt_of(one) for one in attempts.get(row["id"], ())),
                attempts[row["id"]][-1]["run_name"] if row["id"] in attempts else None,
            )
            for row in rows
        ]

    def refunds(self, customer: str, *, limit: int = -1) -> list[GivenBack]:
        """Newest first: Stripe's, also those made elsewhere, and orders that never got there."""
        rows = self._database.query(
            """SELECT r.id, p.reference, r.amount, r.currency, coalesce(r.status, 'pending') AS state,
                   r.reason, r.created AS at, o.requested_by, o.decided_by, o.note
               FROM stripe_refunds r
               LEFT JOIN refunds o ON o.refund = r.id
               LEFT JOIN payment_intents p ON p.id = r.payment_intent
               WHERE r.customer = ?1
               UNION ALL
               SELECT o.id, c.reference, o.amount, o.currency, o.state, o.reason, o.requested_at,
                   o.requested_by, o.decided_by, o.note
               FROM charges c CROSS JOIN refunds o ON o.charge_id = c.id AND o.refund IS NULL
               WHERE c.customer = ?1
               ORDER BY 7 DESC, 1 DESC LIMIT ?2""",
            (customer, limit),
        )
        return [GivenBack(**row) for row in rows]

    def disputes(self, customer: str, *, limit: int = -1) -> list[DisputedPayment]:
        """Newest first."""
        rows = self._database.query(
            """SELECT d.id, p.reference, d.amount, d.currency, d.status, d.reason,
                   d.created AS at, d.due_by
               FROM disputes d LEFT JOIN payment_intents p ON p.id = d.payment_intent
               WHERE d.customer = ? ORDER BY d.created DESC, d.id DESC LIMIT ?""",
            (customer, limit),
        )
        return [DisputedPayment(**row) for row in rows]

    def open_sums(self, customer: str) -> list[OpenSum]:
        rows = self._database.query(
            f"""SELECT h.currency, count(*) AS count, sum(h.amount) AS amount FROM charges h
                WHERE {UNRESOLVED_OF_CUSTOMER} GROUP BY h.currency ORDER BY h.currency""",
            (customer,),
        )
        return [OpenSum(**row) for row in rows]
