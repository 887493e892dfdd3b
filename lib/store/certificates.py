"""Certificates of charge runs, and the rows they are made from."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from sqlite_utils import Database

from lib.domain.certificates import Certificate
from lib.domain.ledger_rows import Elsewhere, LedgerRow
from lib.domain.refunds import ANSWERED_STATES, GIVEN_BACK_STATES
from lib.store.own_outcomes import JOINS, STATE
from lib.store.states import one_of

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
        w.original IS NOT NULL AS is_corrected, w.original ->> '$.amount' AS file_amount,
        w.original ->> '$.currency' AS file_currency,
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
        iif(o.outcome = 'succeeded', (SELECT sum(d.amount) FROM refunds d WHERE d.charge_id = h.id
            AND d.state IN {one_of(GIVEN_BACK_STATES)}), 0) AS ordered_back,
        (SELECT p.is_disputed FROM stripe_charges p WHERE p.payment_intent = o.payment_intent
            AND p.status = 'succeeded' AND o.outcome = 'succeeded') AS is_disputed,
        (SELECT json_group_array(json_object('payment_intent', e.payment_intent,
                'run_id', e.run_id, 'run_name', r.name,
                'is_new_card', EXISTS (SELECT 1 FROM new_card_charges q
                    WHERE q.charge_id = e.charge_id AND q.run_id = w.run_id
                        AND q.attempts_before = e.number - 1 AND e.run_id IS NULL)))
            FROM attempts e LEFT JOIN runs r ON r.id = e.run_id
            WHERE e.charge_id = h.id AND e.outcome = 'succeeded' AND +e.run_id IS NOT w.run_id
                AND NOT (w.payment_method = '' AND e.run_id IS NULL)
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
                ordered_back=row["ordered_back"] or 0,
                is_disputed=bool(row["is_disputed"]),
                elsewhere=tuple(Elsewhere(**one) for one in json.loads(row["elsewhere"])),
                correction=_correction(row) if row["is_corrected"] else {},
            )

    def charge_ids(self, run_id: str) -> set[str]:
        """Of all rows; a row has the id of its charge before it is sent."""
        rows = self._database.query("SELECT charge_id FROM run_rows WHERE run_id = ?", (run_id,))
        return {row["charge_id"] for row in rows}

    def customers(self, run_id: str) -> set[str]:
        rows = self._database.query(
            "SELECT DISTINCT customer FROM run_rows WHERE run_id = ? AND customer IS NOT NULL",
            (run_id,),
        )
        return {row["customer"] for row in rows}

    def known_intents(self, run_id: str) -> set[str]:
        """Of every try of the rows' charges, in this run or elsewhere."""
        rows = self._database.query(
            """SELECT a.payment_intent FROM run_rows w JOIN attempts a ON a.charge_id = w.charge_id
               WHERE w.run_id = ? AND a.payment_intent IS NOT NULL""",
            (run_id,),
        )
        return {row["payment_intent"] for row in rows}

    def opened(self, run_id: str) -> dict[int, list[str]]:
        """By row: what stopped it, and who opened it with which note, as the audit log has it."""
        rows = self._database.query(
            """SELECT t.run_row, l.detail FROM attempts t JOIN audit_log l ON l.subject = t.charge_id
                   AND l.action = 'charge.despite' AND l.detail ->> '$.attempt' = t.number
               WHERE t.run_id = ? ORDER BY l.id""",
            (run_id,),
        )
        opened: dict[int, list[str]] = {}
        for row in rows:
            detail = json.loads(row["detail"])
            text = f"Charged despite {detail['code']} ({detail['message']}), opened by {detail['note']}"
            opened.setdefault(row["run_row"], []).append(text)
        return opened

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
            f"""SELECT 1 FROM run_rows w JOIN charges h ON h.id = w.charge_id AND w.state = 'sent'
               WHERE w.run_id = :run AND (h.updated_at > :at
                   OR EXISTS (SELECT 1 FROM refunds d WHERE d.charge_id = h.id
                       AND d.outcome_at > :at AND d.state IN {one_of(ANSWERED_STATES)}))
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


def _correction(row: dict[str, Any]) -> dict[str, int]:
    """Minor units by currency that the run has more than the file, or less."""
    changes: dict[str, int] = {}
    for amount, code, sign in (
        (row["amount"], row["currency"], 1),
        (row["file_amount"], row["file_currency"], -1),
    ):
        if amount is not None:
            changes[code] = changes.get(code, 0) + sign * amount
    return {code: change for code, change in changes.items() if change}
