"""
The mirror of what was paid: PaymentIntents, Stripe's Charges, Refunds and Disputes of customers.

Guarded like the rest of the mirror: every write carries the moment before Stripe was asked.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlite_utils import Database

from lib.domain.idempotency_keys import key_prefix
from lib.domain.incidents import PaymentEvidence
from lib.domain.mirror import Dispute, PaymentIntent, Refund, StripeCharge
from lib.domain.payment_statuses import OVER_STATUSES
from lib.domain.reference_keys import reference_key
from lib.store.states import listed
from lib.store.upserts import Upsert, marks, not_newer

ASKED_METHOD = "coalesce(payment_method, error_payment_method)"
"""SQL: the method that a payment was asked of, also where it was refused."""

_UPSERT_PAYMENT_INTENT = Upsert(
    table="payment_intents",
    insert=f"""(id, livemode, status, customer, payment_method, amount, currency,
    charge_id, attempt, latest_charge, error_code, error_decline_code, description, created,
    synced_at_ms, reference, reference_key, installation, idempotency_key, error_payment_method,
    error_advice_code)
VALUES ({marks(21)})""",
    update=f"""SET
    status = excluded.status, customer = excluded.customer,
    payment_method = excluded.payment_method, amount = excluded.amount,
    currency = excluded.currency, charge_id = excluded.charge_id, attempt = excluded.attempt,
    reference = excluded.reference, reference_key = excluded.reference_key,
    installation = excluded.installation, idempotency_key = excluded.idempotency_key,
    latest_charge = excluded.latest_charge,
    error_code = excluded.error_code, error_decline_code = excluded.error_decline_code,
    error_payment_method = excluded.error_payment_method, error_advice_code = excluded.error_advice_code,
    description = excluded.description, synced_at_ms = excluded.synced_at_ms
{not_newer("payment_intents")}""",
)

_UPSERT_CHARGE = Upsert(
    table="stripe_charges",
    insert=f"""(id, livemode, status, customer, payment_intent, payment_method, amount,
    amount_refunded, currency, is_disputed, failure_code, outcome_type, created, synced_at_ms)
VALUES ({marks(14)})""",
    update=f"""SET
    status = excluded.status, customer = excluded.customer,
    payment_intent = excluded.payment_intent, payment_method = excluded.payment_method,
    amount = excluded.amount, amount_refunded = excluded.amount_refunded,
    currency = excluded.currency, is_disputed = excluded.is_disputed,
    failure_code = excluded.failure_code, outcome_type = excluded.outcome_type,
    synced_at_ms = excluded.synced_at_ms
{not_newer("stripe_charges")}""",
)

_UPSERT_REFUND = Upsert(
    table="stripe_refunds",
    insert=f"""(id, status, customer, charge, payment_intent, amount, currency, reason,
    failure_reason, created, synced_at_ms, order_id, charge_id, installation)
VALUES ({marks(14)})""",
    update=f"""SET
    status = excluded.status, customer = coalesce(excluded.customer, stripe_refunds.customer),
    charge = excluded.charge, payment_intent = excluded.payment_intent,
    amount = excluded.amount, currency = excluded.currency, reason = excluded.reason,
    failure_reason = excluded.failure_reason, synced_at_ms = excluded.synced_at_ms,
    order_id = excluded.order_id, charge_id = excluded.charge_id,
    installation = excluded.installation
{not_newer("stripe_refunds")}""",
)

_UPSERT_DISPUTE = Upsert(
    table="disputes",
    insert=f"""(id, livemode, status, customer, charge, payment_intent, amount, currency,
    reason, due_by, created, synced_at_ms)
VALUES ({marks(12)})""",
    update=f"""SET
    status = excluded.status, customer = coalesce(excluded.customer, disputes.customer),
    charge = excluded.charge, payment_intent = excluded.payment_intent,
    amount = excluded.amount, currency = excluded.currency, reason = excluded.reason, due_by = excluded.due_by,
    synced_at_ms = excluded.synced_at_ms
{not_newer("disputes")}""",
)


class PaymentStore:
    """Each write takes many rows of one page and returns how many were written."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def save_payment_intents(self, intents: Sequence[PaymentIntent], *, synced_at_ms: int) -> int:
        return _UPSERT_PAYMENT_INTENT.write(
            self._database,
            [
                (
                    i.id,
                    int(i.livemode),
                    i.status,
                    i.customer,
                    i.payment_method,
                    i.amount,
                    i.currency,
                    i.charge_id,
                    i.attempt,
                    i.latest_charge,
                    i.error.code if i.error else None,
                    i.error.decline_code if i.error else None,
                    i.description,
                    i.created,
                    synced_at_ms,
                    i.reference,
                    None if i.reference is None else reference_key(i.reference),
                    i.installation,
                    i.idempotency_key,
                    i.error_payment_method,
                    i.error.advice_code if i.error else None,
                )
                for i in intents
            ],
        )

    def tries(self, customer: str, reference: str) -> int:
        """
        The number of the last try of this debt that Stripe shows, of whichever installation.

        Its key says so, whatever reference somebody gave the payment since. Of payments from before the key
        was among the marks, the reference that they have now is all there is, and how many there are.
        """
        prefix = key_prefix(customer=customer, reference=reference)
        rows = self._database.query(
            """SELECT max(
                   (SELECT count(*) FROM payment_intents WHERE customer = ? AND reference = ?
                       AND charge_id IS NOT NULL AND idempotency_key IS NULL),
                   coalesce((SELECT max(CAST(substr(idempotency_key, ?) AS INTEGER))
                       FROM payment_intents WHERE idempotency_key > ? AND idempotency_key < ?), 0)
               ) AS number""",
            # Every number is below a colon.
            (customer, reference, len(prefix) + 1, prefix, f"{prefix}:"),
        )
        return int(next(iter(rows))["number"])

    def evidence(self, payment_intent: str) -> PaymentEvidence | None:
        """What the mirror holds of one payment."""
        return next(iter(self._evidence("p.id = ?", payment_intent)), None)

    def evidence_of_debt(self, customer: str, reference: str) -> list[PaymentEvidence]:
        """Every payment of a customer that carries this reference, oldest first."""
        return self._evidence(
            "p.customer = ? AND p.reference_key = ? AND p.reference = ?",
            customer,
            reference_key(reference),
            reference,
        )

    def _evidence(self, condition: str, *parameters: object) -> list[PaymentEvidence]:
        rows = self._database.query(
            f"""SELECT p.id, p.status, p.customer, {ASKED_METHOD} AS payment_method, p.amount, p.currency,
                    p.reference, p.description, p.charge_id, p.attempt, p.installation,
                    p.error_code, p.error_decline_code, p.error_advice_code, p.created,
                    (SELECT coalesce(sum(r.amount), 0) FROM stripe_charges c
                        JOIN stripe_refunds r ON r.charge = c.id
                        WHERE c.payment_intent = p.id AND r.status = 'succeeded') AS refunded
                FROM payment_intents p WHERE {condition} ORDER BY p.created, p.id LIMIT 100""",
            list(parameters),
        )
        return [PaymentEvidence(**row) for row in rows]

    def not_final(
        self, *, customer: str | None = None, created_before: int | None = None
    ) -> list[str]:
        """
        Ids of payments that name a debt and may still be paid, or be cancelled, and that are no try here: a try is
        looked at before its debt is tried again.
        """
        rows = self._database.query(
            f"""SELECT p.id FROM payment_intents p WHERE p.reference_key IS NOT NULL
                   AND p.status NOT IN {listed(OVER_STATUSES)}
                   AND (:customer IS NULL OR p.customer = :customer)
                   AND (:before IS NULL OR p.created < :before)
                   AND NOT EXISTS (SELECT 1 FROM attempts a WHERE a.payment_intent = p.id)
               ORDER BY p.created""",
            {"customer": customer, "before": created_before},
        )
        return [str(row["id"]) for row in rows]

    def count_intents(self) -> int:
        return int(self._database.execute("SELECT count(*) FROM payment_intents").fetchone()[0])

    def newest_intent(self) -> str | None:
        rows = self._database.query(
            "SELECT id FROM payment_intents ORDER BY created DESC, id DESC LIMIT 1"
        )
        return next((str(row["id"]) for row in rows), None)

    def has_payment_intent(self, intent_id: str) -> bool:
        sql = "SELECT 1 FROM payment_intents WHERE id = ?"
        return self._database.execute(sql, (intent_id,)).fetchone() is not None

    def save_charges(self, charges: Sequence[StripeCharge], *, synced_at_ms: int) -> int:
        return _UPSERT_CHARGE.write(
            self._database,
            [
                (
                    c.id,
                    int(c.livemode),
                    c.status,
                    c.customer,
                    c.payment_intent,
                    c.payment_method,
                    c.amount,
                    c.amount_refunded,
                    c.currency,
                    int(c.is_disputed),
                    c.failure_code,
                    c.outcome_type,
                    c.created,
                    synced_at_ms,
                )
                for c in charges
            ],
        )

    def save_refunds(self, refunds: Sequence[Refund], *, synced_at_ms: int) -> int:
        return _UPSERT_REFUND.write(
            self._database,
            [
                (
                    r.id,
                    r.status,
                    r.customer,
                    r.charge,
                    r.payment_intent,
                    r.amount,
                    r.currency,
                    r.reason,
                    r.failure_reason,
                    r.created,
                    synced_at_ms,
                    r.order_id,
                    r.charge_id,
                    r.installation,
                )
                for r in refunds
            ],
        )

    def disputes_of(self, payment_intent: str) -> list[Dispute]:
        """Newest first."""
        rows = self._database.query(
            "SELECT id, livemode, status, customer, charge, payment_intent, amount, currency, reason,"
            " due_by, created FROM disputes WHERE charge IN"
            " (SELECT id FROM stripe_charges WHERE payment_intent = ?) ORDER BY created DESC, id",
            (payment_intent,),
        )
        return [Dispute(**(row | {"livemode": bool(row["livemode"])})) for row in rows]

    def save_disputes(self, disputes: Sequence[Dispute], *, synced_at_ms: int) -> int:
        return _UPSERT_DISPUTE.write(
            self._database,
            [
                (
                    d.id,
                    int(d.livemode),
                    d.status,
                    d.customer,
                    d.charge,
                    d.payment_intent,
                    d.amount,
                    d.currency,
                    d.reason,
                    d.due_by,
                    d.created,
                    synced_at_ms,
                )
                for d in disputes
            ],
        )
