"""What lists keep by triggers, beside what would be read anew: it must be the same at any moment."""

from __future__ import annotations

import sqlite3

from lib.store.charge_rows import UNRESOLVED

_CODES = """json_array(a.http_status, a.code, a.decline_code, a.advice_code, a.outcome_type,
    iif(a.http_status IN (400, 404), a.message, NULL))"""
_PAIRS = {
    "open failures": (
        "SELECT charge_id, charged_at, state, currency, amount, codes FROM open_failures",
        f"""SELECT h.id, h.charged_at, h.state, h.currency, h.amount, {_CODES}
            FROM charges h LEFT JOIN attempts a ON a.charge_id = h.id AND a.number =
                (SELECT max(number) FROM attempts WHERE charge_id = h.id)
            WHERE {UNRESOLVED}""",
    ),
    "refunds": (
        "SELECT id, order_id, charge_id, at, amount, currency, state, reason FROM refund_lines",
        """SELECT coalesce(o.refund, o.id), o.id, o.charge_id, coalesce(r.created, o.requested_at),
                o.amount, o.currency, o.state, o.reason
            FROM refunds o LEFT JOIN stripe_refunds r ON r.id = o.refund
            UNION ALL
            SELECT r.id, NULL, a.charge_id, r.created, r.amount, r.currency,
                CASE r.status WHEN 'canceled' THEN 'cancelled' WHEN 'requires_action' THEN 'pending'
                    ELSE coalesce(r.status, 'unknown') END, r.reason
            FROM stripe_refunds r
            JOIN stripe_charges p ON p.id = r.charge
            JOIN attempts a ON a.payment_intent = p.payment_intent
            WHERE NOT EXISTS (SELECT 1 FROM refunds o WHERE o.refund = r.id)""",
    ),
    "fees to come": (
        "SELECT charge_id, charged_at FROM fees_to_come",
        """SELECT h.id, h.charged_at FROM charges h WHERE h.state = 'succeeded' AND h.id NOT IN (
            SELECT a.charge_id FROM attempts a, stripe_charges p, balance_transactions b
            WHERE p.payment_intent = a.payment_intent AND p.status = 'succeeded'
                AND b.source = p.id AND b.type IN ('charge', 'payment'))""",
    ),
    "places in the search": (
        "SELECT id, position >> 20 FROM charges",
        "SELECT id, charged_at FROM charges",
    ),
    "sums": (
        """SELECT state, currency, sum(n), sum(amount) FROM charge_sums WHERE length = 900
            GROUP BY 1, 2 HAVING sum(n) > 0""",
        "SELECT state, currency, count(*), sum(amount) FROM charges GROUP BY 1, 2",
    ),
}


def check(connection: sqlite3.Connection) -> int:
    """How many rows were compared."""
    compared = 0
    for name, (kept, read) in _PAIRS.items():
        held = sorted(map(repr, map(tuple, connection.execute(kept))))
        assert held == sorted(map(repr, map(tuple, connection.execute(read)))), name
        compared += len(held)
    return compared
