"""The journal: charges by the day of their last try, with what an accountant asks about each."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from sqlite_utils import Database

from lib.domain.charges import ChargeState
from lib.domain.reference_keys import reference_key
from lib.domain.settlement import CHARGE_TYPES
from lib.store.charge_rows import UNRESOLVED
from lib.store.states import listed

_WHICH = f"""FROM charges h
    WHERE h.charged_at >= :since AND h.charged_at < :before
        AND (:state IS NULL OR h.state = :state) AND (:customer IS NULL OR h.customer = :customer)
        AND (:key IS NULL OR h.reference_key = :key) AND (:unresolved = 0 OR {UNRESOLVED})"""
_NAMED = "FROM charges h WHERE h.id IN (SELECT value FROM json_each(:ids))"


@dataclass(frozen=True, slots=True)
class JournalRow:
    id: str
    charged_at: int
    customer_name: str | None
    customer_email: str | None
    type: str | None
    brand: str | None
    last4: str | None
    charged_by: str
    run: str | None
    refunded: int
    """Minor units, of the charge's currency."""
    is_disputed: bool
    fee: int | None
    """Minor units of `settled_in`, as `net`; None while Stripe has not booked the charge, or it was not read."""
    net: int | None
    settled_in: str | None
    available_on: int | None
    payout: str | None


Sum = tuple[str, ChargeState, int, int]
"""Currency, state, number of charges and their sum in minor units."""


class JournalStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def ids(self, which: dict[str, object]) -> list[str]:
        """Of the charges, oldest first; `which` as `selection` returns it."""
        rows = self._database.query(f"SELECT h.id {_WHICH} ORDER BY h.charged_at, h.id", which)
        return [str(row["id"]) for row in rows]

    def totals(self, which: dict[str, object]) -> list[Sum]:
        rows = self._database.query(
            f"""SELECT h.currency, h.state, count(*) AS n, sum(h.amount) AS amount {_WHICH}
                GROUP BY h.currency, h.state ORDER BY h.currency, h.state""",
            which,
        )
        return [(r["currency"], ChargeState(r["state"]), r["n"], r["amount"]) for r in rows]

    def fees_unknown(self, since: int, before: int) -> int:
        """Paid ones of a period that Stripe has not booked yet, as far as we have read."""
        rows = self._database.query(
            "SELECT count(*) AS n FROM fees_to_come WHERE charged_at >= ? AND charged_at < ?",
            (since, before),
        )
        return int(next(rows)["n"])

    def rows(self, which: dict[str, object]) -> list[JournalRow]:
        """Oldest first."""
        return self._rows(_WHICH, which)

    def rows_of(self, ids: Sequence[str]) -> list[JournalRow]:
        """In their order; ids that do not exist are left out."""
        rows = {row.id: row for row in self._rows(_NAMED, {"ids": json.dumps(ids)})}
        return [rows[charge_id] for charge_id in ids if charge_id in rows]

    def _rows(self, which: str, parameters: dict[str, object]) -> list[JournalRow]:
        rows = self._database.query(
            f"""SELECT d.id, d.charged_at, c.name AS customer_name,
                    c.email AS customer_email, m.type, m.brand, m.last4,
                    coalesce(u.name, d.created_by) AS charged_by, r.name AS run,
                    coalesce(p.amount_refunded, 0) AS refunded,
                    coalesce(p.is_disputed, 0) AS is_disputed,
                    b.fee, b.net, b.currency AS settled_in, b.available_on, b.payout
                FROM (SELECT h.id, h.customer, h.payment_method, h.created_by, h.charged_at {which}) d
                LEFT JOIN attempts a ON a.charge_id = d.id AND a.number =
                    (SELECT max(number) FROM attempts WHERE charge_id = d.id)
                LEFT JOIN stripe_charges p
                    ON p.payment_intent = a.payment_intent AND p.status = 'succeeded'
                LEFT JOIN balance_transactions b
                    ON b.source = p.id AND b.type IN {listed(CHARGE_TYPES)}
                LEFT JOIN runs r ON r.id = a.run_id
                LEFT JOIN customers c ON c.id = d.customer
                LEFT JOIN payment_methods m ON m.id = d.payment_method
                LEFT JOIN users u ON u.username = d.created_by
                ORDER BY d.charged_at, d.id""",
            parameters,
        )
        return [JournalRow(**row | {"is_disputed": bool(row["is_disputed"])}) for row in rows]


def open_failures(before: int) -> dict[str, object]:
    """A selection: whatever was tried before a moment, failed, and nobody has made good since."""
    return selection((0, before), state=None, customer=None, reference=None) | {"unresolved": 1}


def selection(
    moments: tuple[int, int],
    *,
    state: ChargeState | None,
    customer: str | None,
    reference: str | None,
) -> dict[str, object]:
    return {
        "since": moments[0],
        "before": moments[1],
        "state": state.value if state else None,
        "customer": customer,
        "key": reference_key(reference) if reference else None,
        "unresolved": 0,
    }
