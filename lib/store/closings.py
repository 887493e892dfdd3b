"""Closings of months, and the figures that they are made of besides the journal."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from typing import Any

from sqlite_utils import Database

from lib.domain.charges import ChargeState
from lib.domain.month_end import Closing
from lib.domain.settlement import CHARGE_TYPES
from lib.store.states import listed

_OUR_PAYMENT = """JOIN stripe_charges p ON p.id = {of}.charge
    JOIN attempts a ON a.payment_intent = p.payment_intent
    JOIN charges h ON h.id = a.charge_id
    LEFT JOIN customers c ON c.id = h.customer"""
_OF_A_CHARGE = """h.reference, coalesce(c.name, c.email) AS customer_name,
    {of}.amount, upper({of}.currency) AS currency, {of}.status AS state, {of}.reason, {of}.id,
    h.customer, h.id AS charge_id"""


class ClosingStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def last(self, month: str, number: int | None = None) -> Closing | None:
        """The newest of a month, or the one with this number."""
        rows = self._database.query(
            """SELECT * FROM closings WHERE month = :month AND (:number IS NULL OR number = :number)
               ORDER BY number DESC LIMIT 1""",
            {"month": month, "number": number},
        )
        return next((_closing_of(row) for row in rows), None)

    def made(self) -> list[tuple[str, int, str, int]]:
        """Month, number, by whom and when, the newest of a month first."""
        return [
            (row["month"], row["number"], row["closed_by"], row["closed_at"])
            for row in self._database.query(
                "SELECT month, number, closed_by, closed_at FROM closings ORDER BY month, number DESC"
            )
        ]

    def certificates(self, closing: Closing) -> dict[str, str]:
        """Pages of HTML by file name, as they were."""
        rows = self._database.query(
            "SELECT certificates FROM closings WHERE month = ? AND number = ?",
            (closing.month, closing.number),
        )
        return dict(_unpacked(next(iter(rows))["certificates"]))

    def add(self, closing: Closing, certificates: Mapping[str, str]) -> None:
        self._database.execute(
            "INSERT INTO closings VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                closing.month,
                closing.number,
                closing.closed_by,
                closing.closed_at,
                closing.audit_head,
                _packed(closing.facts),
                _packed(closing.differences),
                _packed(certificates),
            ),
        )

    def refunds(self, since: int, before: int) -> list[dict[str, Any]]:
        """Of Onfile's charges, oldest first."""
        return self._of_our_charges("stripe_refunds", "", since, before)

    def disputes(self, since: int, before: int) -> list[dict[str, Any]]:
        """Of Onfile's charges, oldest first."""
        return self._of_our_charges("disputes", "r.due_by, ", since, before)

    def _of_our_charges(
        self, table: str, more: str, since: int, before: int
    ) -> list[dict[str, Any]]:
        rows = self._database.query(
            f"""SELECT r.created AS at, {more}{_OF_A_CHARGE.format(of="r")}
                FROM {table} r {_OUR_PAYMENT.format(of="r")}
                WHERE r.created >= ? AND r.created < ? ORDER BY r.created, r.id""",
            (since, before),
        )
        return list(rows)

    def payouts(self, since: int, before: int) -> list[dict[str, Any]]:
        """That arrive in a period, with what they hold by kind; amounts in the payout's currency."""
        rows = self._database.query(
            f"""SELECT o.arrival_date AS at, o.amount, upper(o.currency) AS currency,
                   o.status AS state, o.id, o.is_read,
                   coalesce(sum(b.amount) FILTER (WHERE b.type IN {listed(CHARGE_TYPES)}), 0) AS gross,
                   coalesce(-sum(b.fee), 0) AS fees,
                   coalesce(sum(b.amount) FILTER (WHERE b.type LIKE '%refund%'), 0) AS refunds,
                   coalesce(sum(b.amount) FILTER (WHERE b.type = 'adjustment'), 0) AS disputes,
                   coalesce(sum(b.amount) FILTER (WHERE b.type NOT IN
                       {listed((*CHARGE_TYPES, "adjustment"))} AND b.type NOT LIKE '%refund%'), 0) AS other,
                   coalesce(sum(b.net) FILTER (WHERE EXISTS (SELECT 1 FROM stripe_charges p
                       JOIN attempts a ON a.payment_intent = p.payment_intent
                       WHERE p.id = b.source)), 0) AS ours,
                   coalesce(sum(b.net), 0) AS held
               FROM payouts o LEFT JOIN balance_transactions b
                   ON b.payout = o.id AND b.type <> 'payout'
               WHERE o.arrival_date >= ? AND o.arrival_date < ?
               GROUP BY o.id ORDER BY o.arrival_date, o.id""",
            (since, before),
        )
        return list(rows)

    def paid_at_stripe(self, since: int, before: int) -> dict[str, int]:
        """Minor units by currency that Stripe's own Charges say were paid by tries of a period."""
        rows = self._database.query(
            """SELECT p.currency, sum(p.amount) AS amount FROM attempts a
               JOIN stripe_charges p
                   ON p.payment_intent = a.payment_intent AND p.status = 'succeeded'
               JOIN charges h ON h.id = a.charge_id AND h.state = ?
               WHERE a.requested_at >= ? AND a.requested_at < ?
                   AND a.number = (SELECT max(number) FROM attempts WHERE charge_id = a.charge_id)
               GROUP BY p.currency""",
            (ChargeState.SUCCEEDED.value, since, before),
        )
        return {row["currency"]: row["amount"] for row in rows}

    def runs(self, since: int, before: int) -> list[dict[str, Any]]:
        """Runs that were started in a period, with the result of their newest certificate."""
        rows = self._database.query(
            """SELECT r.id AS run_id, r.name, r.state, (SELECT result FROM run_certificates k
                   WHERE k.run_id = r.id ORDER BY k.id DESC LIMIT 1) AS certificate
               FROM runs r WHERE r.started_at >= ? AND r.started_at < ?
               ORDER BY r.started_at, r.id""",
            (since, before),
        )
        return list(rows)


def _closing_of(row: dict[str, Any]) -> Closing:
    return Closing(
        month=row["month"],
        number=row["number"],
        closed_by=row["closed_by"],
        closed_at=row["closed_at"],
        audit_head=row["audit_head"],
        facts=_unpacked(row["facts"]),
        differences=_unpacked(row["differences"]),
    )


def _packed(value: object) -> bytes:
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return zlib.compress(text.encode())


def _unpacked(blob: bytes) -> Any:  # noqa: ANN401 - whatever JSON holds
    return json.loads(zlib.decompress(blob))
