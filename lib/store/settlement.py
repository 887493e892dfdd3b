"""Balance transactions and payouts of the account, as Stripe booked them."""

from __future__ import annotations

from collections.abc import Collection

from sqlite_utils import Database

from lib.domain.settlement import BalanceTransaction, Payout


class SettlementStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def save_transactions(self, transactions: Collection[BalanceTransaction]) -> int:
        """Those that were not known; Stripe never changes one."""
        before = self._database.conn.total_changes
        self._database.conn.executemany(
            """INSERT INTO balance_transactions (id, type, source, amount, fee, net, currency,
                   available_on, created)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING""",
            [
                (
                    t.id,
                    t.type,
                    t.source,
                    t.amount,
                    t.fee,
                    t.net,
                    t.currency,
                    t.available_on,
                    t.created,
                )
                for t in transactions
            ],
        )
        return self._database.conn.total_changes - before

    def save_payout(self, payout: Payout) -> None:
        self._database.execute(
            """INSERT INTO payouts (id, amount, currency, status, is_automatic, arrival_date, created)
               VALUES (?, ?, ?, ?, ?, ?, ?)
               ON CONFLICT (id) DO UPDATE SET status = excluded.status,
                   arrival_date = excluded.arrival_date""",
            (
                payout.id,
                payout.amount,
                payout.currency,
                payout.status,
                payout.is_automatic,
                payout.arrival_date,
                payout.created,
            ),
        )

    def unread_payouts(self) -> list[str]:
        """Automatic ones whose transactions were not read yet, oldest first."""
        rows = self._database.query(
            """SELECT id FROM payouts WHERE is_read = 0 AND is_automatic = 1
               ORDER BY created, id"""
        )
        return [str(row["id"]) for row in rows]

    def read_payout(self, payout: str, transactions: Collection[BalanceTransaction]) -> None:
        """All that a payout holds: whose money it was is known from now on."""
        self.save_transactions(transactions)
        self._database.conn.executemany(
            "UPDATE balance_transactions SET payout = ? WHERE id = ?",
            [(payout, one.id) for one in transactions],
        )
        self._database.execute("UPDATE payouts SET is_read = 1 WHERE id = ?", (payout,))

    def first_try(self) -> int | None:
        """When the first charge was sent: nothing before it matters here."""
        rows = self._database.query("SELECT min(requested_at) AS at FROM attempts")
        return next((row["at"] for row in rows if row["at"] is not None), None)
