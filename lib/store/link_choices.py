"""Whom to ask for a card: customers without one, with one that expires, or whose charge failed in a run."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from sqlite_utils import Database

from lib.domain.method_types import CHARGEABLE_TYPES
from lib.store.never_again import every_never_again
from lib.store.own_outcomes import FAILED_STILL, JOINS
from lib.store.slices import THESE, in_slices

_TYPES = f"({', '.join(repr(one) for one in sorted(CHARGEABLE_TYPES))})"
_USABLE = f"""m.customer = c.id AND m.is_detached = 0 AND m.type IN {_TYPES}
    AND (m.fingerprint IS NULL OR m.fingerprint NOT IN (SELECT value FROM json_each(:stopped)))"""
"""That a bank has not stopped for good."""
_IN_MONTH = "(m.exp_year IS NULL OR (m.exp_year, m.exp_month) >= (:year, :month))"


@dataclass(frozen=True, slots=True)
class LinkChoice:
    customer: str
    name: str | None
    email: str | None
    reference: str | None = None
    charge_id: str | None = None
    """The failed charge that a link is to recover."""
    expiring_method: str | None = None
    """The method that is to be replaced."""


class LinkChoiceStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def these(self, customer_ids: list[str]) -> list[LinkChoice]:
        """Living ones, newest first."""
        rows = in_slices(
            self._database,
            f"SELECT c.* FROM customers c WHERE c.id IN {THESE} AND c.is_deleted = 0",
            customer_ids,
        )
        return [_choice(row) for row in sorted(rows, key=lambda row: -int(row["position"]))]

    def without_method(self, *, year: int, month: int, limit: int) -> list[LinkChoice]:
        """Nothing saved that can be charged in this month, newest customers first."""
        rows = self._database.query(
            f"""SELECT c.* FROM customers c WHERE c.is_deleted = 0 AND NOT EXISTS (
                   SELECT 1 FROM payment_methods m WHERE {_USABLE}
                       AND {_IN_MONTH})
               ORDER BY c.position DESC LIMIT :limit""",
            self._parameters(year, month, limit),
        )
        return [_choice(row) for row in rows]

    def expiring(self, *, year: int, month: int, limit: int) -> list[LinkChoice]:
        """Whose every card is good until a month before this one, with the one that is good longest."""
        rows = self._database.query(
            f"""SELECT c.*, (SELECT m.id FROM payment_methods m WHERE {_USABLE}
                    ORDER BY m.exp_year DESC, m.exp_month DESC, m.position DESC LIMIT 1) AS method
               FROM customers c WHERE c.is_deleted = 0
                   AND EXISTS (SELECT 1 FROM payment_methods m WHERE {_USABLE})
                   AND NOT EXISTS (SELECT 1 FROM payment_methods m WHERE {_USABLE}
                       AND {_IN_MONTH})
               ORDER BY c.position DESC LIMIT :limit""",
            self._parameters(year, month, limit),
        )
        return [_choice(row, expiring_method=row["method"]) for row in rows]

    def failed_in(self, run_id: str) -> list[LinkChoice]:
        """A row for each charge that failed in this run and that nobody collected since."""
        rows = self._database.query(
            f"""SELECT h.customer AS id, c.name, c.email, h.reference, h.id AS charge
                FROM run_rows w {JOINS} LEFT JOIN customers c ON c.id = h.customer
                WHERE w.run_id = ? AND w.state = 'sent' AND {FAILED_STILL} ORDER BY w.number""",
            (run_id,),
        )
        return [_choice(row, reference=row["reference"], charge_id=row["charge"]) for row in rows]

    def _parameters(self, year: int, month: int, limit: int) -> dict[str, object]:
        stopped = json.dumps(sorted(every_never_again(self._database)))
        return {"year": year, "month": month, "limit": limit, "stopped": stopped}


def _choice(row: dict[str, Any], **more: str | None) -> LinkChoice:
    return LinkChoice(customer=row["id"], name=row["name"], email=row["email"], **more)
