"""
The webhook inbox: every verified delivery is stored before anything is done with it.

A row counts as claimed from the moment its `tries` went up until its `next_try_at`. Whoever claimed
it writes only while `tries` is still what it was then, so a late worker changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from sqlite_utils import Database

from lib.domain.deliveries import UNPROCESSED_STATES
from lib.domain.mirror import Event
from lib.store.states import one_of

# SQLite has no rowid beyond.
_LAST_PLACE = 2**63 - 1
_NEVER_TRIED = 0
# Longer than any wait of ours: a time beyond it was written by a clock that ran ahead.
_TOO_FAR_SECONDS = 2 * 24 * 3600
# So many of a batch are left to what failed before, however much is new.
_KEPT_FOR_RETRIES = 10
# What Stripe allows an idempotency key; nothing else of the body is longer.
_LONGEST_TEXT = 255


@dataclass(frozen=True, slots=True)
class Delivery:
    event_id: str
    type: str
    object_id: str | None
    object_type: str | None
    created: int
    tries: int
    state: str


_COLUMNS = "event_id, type, object_id, object_type, created, tries, state"


class DeliveryStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self,
        event: Event,
        *,
        received_at: int,
        signature_age: int,
        state: str,
        note: str | None = None,
        by_webhook: bool = False,
    ) -> bool:
        """False when this event is known already. Coming by webhook again is counted."""
        came_at = received_at if by_webhook else None
        cursor = self._database.execute(
            """INSERT INTO webhook_deliveries (event_id, type, object_id, object_type, api_version,
                   livemode, created, received_at, signature_age, state, note, next_try_at, body,
                   webhook_at)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (event_id) DO NOTHING""",
            (
                event.id,
                event.type,
                event.object_id,
                event.object_type,
                event.api_version,
                int(event.livemode),
                event.created,
                received_at,
                signature_age,
                state,
                note,
                _NEVER_TRIED if state == "received" else None,
                _body(event),
                came_at,
            ),
        )
        if cursor.rowcount == 1:
            return True
        if by_webhook:
            self._database.execute(
                """UPDATE webhook_deliveries SET repeats = repeats + (webhook_at IS NOT NULL),
                       signature_age = iif(webhook_at IS NULL, ?, signature_age),
                       webhook_at = coalesce(webhook_at, ?) WHERE event_id = ?""",
                (signature_age, came_at, event.id),
            )
        return False

    def find(self, event_id: str) -> Delivery | None:
        rows = self._database.query(
            f"SELECT {_COLUMNS} FROM webhook_deliveries WHERE event_id = ?", (event_id,)
        )
        return next((Delivery(**row) for row in rows), None)

    def thin(self) -> int:
        """How many of the newest 500 came as thin events."""
        rows = self._database.query(
            """SELECT count(*) AS n FROM (
                   SELECT body FROM webhook_deliveries ORDER BY rowid DESC LIMIT 500)
               WHERE body ->> '$.payload' = 'thin'"""
        )
        return int(next(rows)["n"])

    def newest(self) -> int:
        """The place of the one that came last; 0 where there is none."""
        (place,) = self._database.execute("SELECT max(rowid) FROM webhook_deliveries").fetchone()
        return int(place or 0)

    def claim(
        self,
        *,
        now: int,
        waits: Sequence[int],
        lease: int,
        limit: int = 50,
        until: int | None = None,
    ) -> list[Delivery]:
        """
        Take what is due, new ones first and in the order of arrival, as tried once more.

        Args:
            waits: seconds until the next try, by tries so far. With one try more the delivery is
                given up, unless it is finished.
            lease: seconds for which nobody else may take them.
            until: only those that had come when `newest` said so.
        """
        last = _LAST_PLACE if until is None else until
        new = self._due(
            "next_try_at = ? AND rowid <= ? ORDER BY rowid", (_NEVER_TRIED, last, limit)
        )
        again = self._due(
            "next_try_at > ? AND next_try_at <= ? AND rowid <= ? ORDER BY next_try_at, rowid",
            (_NEVER_TRIED, now, last, limit),
        )
        again += self._due(
            "next_try_at > ? AND rowid <= ? ORDER BY next_try_at, rowid",
            (now + _TOO_FAR_SECONDS, last, limit),
        )
        batch = (new[: limit - min(len(again), _KEPT_FOR_RETRIES)] + again)[:limit]
        claimed = []
        for row in batch:
            tries = row.tries + 1
            is_last = tries > len(waits)
            # The last is given up beforehand: should this process die in it, that was the last.
            self._database.execute(
                """UPDATE webhook_deliveries SET tries = ?, state = ?, next_try_at = ?
                   WHERE event_id = ?""",
                (
                    tries,
                    "failed" if is_last else row.state,
                    None if is_last else now + max(waits[row.tries], lease),
                    row.event_id,
                ),
            )
            claimed.append(
                Delivery(
                    row.event_id,
                    row.type,
                    row.object_id,
                    row.object_type,
                    row.created,
                    tries,
                    row.state,
                )
            )
        return claimed

    def _due(self, condition: str, parameters: Sequence[int]) -> list[Delivery]:
        # By itself SQLite would walk all that ever failed, which may be a hundred thousand.
        rows = self._database.query(
            f"""SELECT {_COLUMNS} FROM webhook_deliveries INDEXED BY webhook_deliveries_due
                WHERE state IN {one_of(UNPROCESSED_STATES)} AND {condition} LIMIT ?""",
            parameters,
        )
        return [Delivery(**row) for row in rows]

    def oldest_payment_waiting(self, *, since: int) -> int | None:
        """
        When the first thing happened to a PaymentIntent, since then, that is not mirrored yet: it is
        claimed, perhaps by a process that died, or failed.
        """
        row = self._database.execute(
            f"""SELECT min(created) FROM webhook_deliveries INDEXED BY webhook_deliveries_due
               WHERE state IN {one_of(UNPROCESSED_STATES)} AND type LIKE 'payment_intent.%'
                   AND created >= ?""",
            (since,),
        ).fetchone()
        return None if row[0] is None else int(row[0])

    def release(self, claimed: Sequence[Delivery], *, now: int) -> None:
        """Give back what was claimed and never begun: it was no try."""
        for delivery in claimed:
            self._database.execute(
                """UPDATE webhook_deliveries SET tries = tries - 1, state = ?, next_try_at = ?
                   WHERE event_id = ? AND tries = ?""",
                (
                    delivery.state,
                    _NEVER_TRIED if delivery.tries == 1 else now,
                    delivery.event_id,
                    delivery.tries,
                ),
            )

    def finish(self, claimed: Delivery, *, state: str, note: str | None, at: int) -> None:
        self._database.execute(
            """UPDATE webhook_deliveries SET state = ?, note = ?, finished_at = ?,
                   next_try_at = NULL, error = NULL WHERE event_id = ? AND tries = ?""",
            (state, note, at, claimed.event_id, claimed.tries),
        )

    def fail(self, claimed: Delivery, *, error: str, next_try_at: int | None) -> None:
        """`next_try_at` None: left for a person."""
        self._database.execute(
            """UPDATE webhook_deliveries SET state = 'failed', error = ?, next_try_at = ?
               WHERE event_id = ? AND tries = ?""",
            (error[:500], next_try_at, claimed.event_id, claimed.tries),
        )

    def replay(self, event_id: str) -> None:
        self._database.execute(f"{_REPLAY} WHERE event_id = ?", (event_id,))

    def replay_given_up(self) -> int:
        """How many there were."""
        cursor = self._database.execute(f"{_REPLAY} WHERE state = 'failed' AND next_try_at IS NULL")
        return int(cursor.rowcount)


_REPLAY = f"""UPDATE webhook_deliveries SET state = 'received', tries = 0, error = NULL,
    note = NULL, finished_at = NULL, next_try_at = {_NEVER_TRIED}"""


def _body(event: Event) -> str:
    """Only what is used or explains something: no names, addresses or secrets."""
    kept = {
        "account": event.account,
        "customer": event.customer,
        "mode": event.mode,
        "status": event.status,
        "idempotency_key": event.idempotency_key,
        "payload": "thin" if event.is_thin else None,
    }
    return json.dumps({name: text[:_LONGEST_TEXT] for name, text in kept.items() if text})
