"""Refunds that staff ordered; `payments` has the mirror of all refunds at Stripe."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sqlite_utils import Database

from lib.domain.charges import IN_FLIGHT_SECONDS, LONGEST_LOOK_SECONDS
from lib.domain.refunds import UNSETTLED_STATES, RefundOrder, RefundState
from lib.store.states import one_of

_COLUMNS = tuple(RefundOrder.__slots__)


class RefundStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, order: RefundOrder) -> None:
        """
        Raises:
            sqlite3.IntegrityError: another one is open, or more would go back than was paid.
        """
        self._database.execute(
            f"""INSERT INTO refunds ({", ".join(_COLUMNS)})
                VALUES ({", ".join("?" * len(_COLUMNS))})""",
            [getattr(order, name) for name in _COLUMNS],
        )

    def find(self, order_id: str) -> RefundOrder | None:
        return self._one("id = ?", order_id)

    def by_refund(self, refund: str) -> RefundOrder | None:
        return self._one("refund = ?", refund)

    def of_charge(self, charge_id: str) -> list[RefundOrder]:
        """Oldest first."""
        return self._many("charge_id = ? ORDER BY requested_at, id", charge_id)

    def to_decide(self) -> list[RefundOrder]:
        """Oldest first."""
        return self._many("state = 'requested' ORDER BY requested_at, id")

    def all(self) -> list[RefundOrder]:
        """Newest first."""
        return self._many("1 ORDER BY requested_at DESC, id DESC")

    def due(self, *, now: int, limit: int = 50) -> list[RefundOrder]:
        """
        Without a final outcome, and to be looked at again by now, or so far ahead that the clock must
        have been wrong then.
        """
        return self._many(
            f"""state IN {one_of(UNSETTLED_STATES)} AND (next_look_at <= ? OR next_look_at > ?
                   OR (state = 'sending' AND next_look_at > ?))
               ORDER BY next_look_at LIMIT ?""",
            now,
            now + LONGEST_LOOK_SECONDS,
            now + IN_FLIGHT_SECONDS,
            limit,
        )

    def unanswered(self, *, sent_before: int) -> list[RefundOrder]:
        """Whether they were executed is not known, oldest first; without those just sent."""
        return self._many(
            f"""state IN {one_of(UNSETTLED_STATES)}
                AND (state = 'unknown' OR (state = 'sending' AND decided_at < ?))
                ORDER BY decided_at, id""",
            sent_before,
        )

    def close(
        self, order_id: str, *, after: RefundState, by: str | None, at: int, note: str | None
    ) -> bool:
        """Reject or withdraw a request; False when it is none any more."""
        cursor = self._database.execute(
            """UPDATE refunds SET state = ?, decided_by = ?, decided_at = ?,
                   decision_note = ? WHERE id = ? AND state = 'requested'""",
            (after.value, by, at if by else None, note, order_id),
        )
        return cursor.rowcount == 1

    def send(
        self,
        order_id: str,
        *,
        by: str,
        at: int,
        idempotency_key: str,
        params: str,
        next_look_at: int,
        sent_after: int | None,
    ) -> bool:
        """
        Approve a request and write down what is about to be sent; False when it is none any more.

        Args:
            sent_after: Stripe's clock at its last answer.
        """
        cursor = self._database.execute(
            """UPDATE refunds SET state = 'sending', decided_by = ?, decided_at = ?,
                   idempotency_key = ?, params = ?, next_look_at = ?, sent_after = ?
               WHERE id = ? AND state = 'requested'""",
            (by, at, idempotency_key, params, next_look_at, sent_after, order_id),
        )
        return cursor.rowcount == 1

    def record(
        self,
        order_id: str,
        *,
        before: RefundState,
        after: RefundState,
        at: int,
        next_look_at: int | None,
        refund: str | None,
        code: str | None,
        message: str | None,
        request_id: str | None,
        evidence: str | None = None,
    ) -> bool:
        """Write an outcome if the state is still `before`. Stripe's id, once known, is kept."""
        cursor = self._database.execute(
            """UPDATE refunds SET state = ?, outcome_at = ?, next_look_at = ?,
                   refund = coalesce(refund, ?), code = ?, message = ?,
                   request_id = coalesce(?, request_id), evidence = ?
               WHERE id = ? AND state = ?""",
            (
                after.value,
                at,
                next_look_at,
                refund,
                code,
                message,
                request_id,
                evidence,
                order_id,
                before.value,
            ),
        )
        return cursor.rowcount == 1

    def look_again(self, order_id: str, *, at: int, seen: Mapping[str, object]) -> None:
        """Like ChargeStore.look_again."""
        self._database.execute(
            """UPDATE refunds SET looks = looks + 1, next_look_at = ?, last_look = ?,
                   outcome_at = min(outcome_at, ?), sent_after = min(sent_after, coalesce(?, sent_after))
               WHERE id = ?""",
            (at, json.dumps(seen), seen["at"], seen.get("stripe_time"), order_id),
        )

    def _one(self, condition: str, *parameters: object) -> RefundOrder | None:
        return next(iter(self._many(condition, *parameters)), None)

    def _many(self, condition: str, *parameters: object) -> list[RefundOrder]:
        rows = self._database.query(
            f"SELECT {', '.join(_COLUMNS)} FROM refunds WHERE {condition}",
            list(parameters),
        )
        return [_order_of(row) for row in rows]


def _order_of(row: dict[str, Any]) -> RefundOrder:
    return RefundOrder(**row | {"state": RefundState(row["state"])})
