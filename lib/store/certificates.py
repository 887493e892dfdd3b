"""Certificates of charge runs, and the rows they are made from."""

from __future__ import annotations

import json
from collections.abc import Iterator

from sqlite_utils import Database

from lib.domain.certificates import Certificate, Elsewhere, LedgerRow
from lib.store.own_outcomes import JOINS, STATE

# One row a row: what it should be, what was asked of Stripe, what came of its own try. Of the rows that
# tried one charge, it is the row's that collected it, else the first one's: Stripe's payments are
# compared with that one. The plus: by the charge, which has few tries; a run has as many as rows.
_HOLDS = """w.number = coalesce(
        (SELECT t.run_row FROM attempts t WHERE t.charge_id = h.id AND +t.run_id = w.run_id
            AND t.outcome = 'succeeded' ORDER BY t.number LIMIT 1),
        (SELECT min(x.number) FROM run_rows x
            WHERE x.charge_id = h.id AND +x.run_id = w.run_id AND x.state = 'sent'))"""
_ROWS = f"""
    SELECT w.number, w.reference, w.customer, w.amount, w.currency, w.findings,
        iif({_HOLDS}, h.id, '') AS charge_id, {STATE} AS state,
        iif(o.outcome = 'succeeded', o.payment_intent, NULL) AS payment_intent,
        EXISTS (SELECT 1 FROM attempts t WHERE t.charge_id = h.id
            AND t.evidence = 'two_people') AS by_hand,
        NOT EXISTS (SELECT 1 FROM attempts t WHERE t.charge_id = h.id AND (
            json_extract(t.params, '$.amount') IS NOT w.amount
            OR json_extract(t.params, '$.currency') IS NOT w.currency
            OR json_extract(t.params, '$.customer') IS NOT w.customer)) AS sent_as_approved,
        (SELECT p.amount_refunded FROM stripe_charges p WHERE p.payment_intent = o.payment_intent
            AND p.status = 'succeeded' AND o.outcome = 'succeeded') AS refunded,
        (SELECT p.is_disputed FROM stripe_charges p WHERE p.payment_intent = o.payment_intent
            AND p.status = 'succeeded' AND o.outcome = 'succeeded') AS is_disputed,
        (SELECT json_group_array(json_object('payment_intent', e.payment_intent,
                'run_id', e.run_id, 'run_name', r.name,
                'is_new_card', EXISTS (SELECT 1 FROM new_card_charges q
                    WHERE q.charge_id = e.charge_id AND q.run_id = w.run_id
                        AND q.attempts_before = e.number - 1 AND e.run_id IS NULL)))
            FROM attempts e LEFT JOIN runs r ON r.id = e.run_id
            WHERE e.charge_id = h.id AND e.outcome = 'succeeded' AND +e.run_id IS NOT w.run_id
                AND {_HOLDS}) AS elsewhere
    FROM run_rows w {JOINS}
    WHERE w.run_id = ? ORDER BY w.number"""


class CertificateStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def rows(self, run_id: str) -> Iterator[LedgerRow]:
        """In the order of the file."""
        for row in self._database.query(_ROWS, (run_id,)):
            red = [f["message"] for f in json.loads(row["findings"]) if f["severity"] == "red"]
            yield LedgerRow(
                number=row["number"],
                reference=row["reference"],
                customer=row["customer"],
                amount=row["amount"],
                currency=row["currency"],
                state=row["state"],
                charge_id=row["charge_id"] or "",
                why=" ".join(red),
                payment_intent=row["payment_intent"],
                sent_as_approved=bool(row["sent_as_approved"]),
                by_hand=bool(row["by_hand"]),
                refunded=row["refunded"] or 0,
                is_disputed=bool(row["is_disputed"]),
                elsewhere=tuple(Elsewhere(**one) for one in json.loads(row["elsewhere"])),
            )

    def span(self, run_id: str) -> tuple[int, int] | None:
        """From when to when this run asked Stripe and heard of it, in seconds; None if it never did."""
        row = next(
            self._database.query(
                """SELECT min(requested_at) AS first,
                       max(coalesce(outcome_at, requested_at)) AS last
                   FROM attempts WHERE run_id = ?""",
                (run_id,),
            )
        )
        return None if row["first"] is None else (row["first"], row["last"])

    def add(self, certificate: Certificate) -> None:
        self._database.execute(
            "INSERT INTO run_certificates (run_id, at, by, result, content) VALUES (?, ?, ?, ?, ?)",
            (
                certificate.run_id,
                certificate.at,
                certificate.by,
                certificate.result,
                json.dumps(certificate.content, ensure_ascii=False),
            ),
        )

    def last(self, run_id: str) -> Certificate | None:
        rows = self._database.query(
            """SELECT run_id, at, by, result, content FROM run_certificates
               WHERE run_id = ? ORDER BY id DESC LIMIT 1""",
            (run_id,),
        )
        return next(
            (Certificate(**row | {"content": json.loads(row["content"])}) for row in rows), None
        )

    def changed_since(self, run_id: str, at: int) -> bool:
        """Whether a charge of this run moved after that moment, or some of its money went back."""
        rows = self._database.query(
            """SELECT 1 FROM run_rows w JOIN charges h ON h.id = w.charge_id AND w.state = 'sent'
               WHERE w.run_id = :run AND (h.updated_at > :at
                   OR EXISTS (SELECT 1 FROM refunds d WHERE d.charge_id = h.id
                       AND d.outcome_at > :at AND d.state IN ('pending', 'succeeded', 'failed')))
               UNION ALL
               SELECT 1 FROM attempts t
                   JOIN stripe_charges p ON p.payment_intent = t.payment_intent
                   JOIN stripe_refunds f ON f.charge = p.id AND f.created > :at
               WHERE t.run_id = :run AND t.outcome = 'succeeded' LIMIT 1""",
            {"run": run_id, "at": at},
        )
        return next(iter(rows), None) is not None

    def refunded(self, run_id: str) -> dict[str, int]:
        """What went back of this run's charges, as the mirror knows: minor units by currency."""
        rows = self._database.query(
            """SELECT w.currency, sum(p.amount_refunded) AS amount
               FROM attempts t
                   JOIN run_rows w ON w.run_id = t.run_id AND w.number = t.run_row
                       AND w.charge_id = t.charge_id AND w.state = 'sent'
                   JOIN stripe_charges p ON p.payment_intent = t.payment_intent
                       AND p.status = 'succeeded'
               WHERE t.run_id = ? AND t.outcome = 'succeeded'
               GROUP BY w.currency HAVING sum(p.amount_refunded) > 0""",
            (run_id,),
        )
        return {row["currency"]: row["amount"] for row in rows}

    def missing(self, *, since: int) -> list[str]:
        """Runs that ended since then and have none, oldest first."""
        rows = self._database.query(
            """SELECT id FROM runs WHERE state = 'finished' AND finished_at >= ?
                   AND NOT EXISTS (SELECT 1 FROM run_certificates c WHERE c.run_id = runs.id)
               ORDER BY finished_at""",
            (since,),
        )
        return [row["id"] for row in rows]
