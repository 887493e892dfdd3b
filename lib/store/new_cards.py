"""Failed rows of runs whose customers saved a new card, and those that an approval covers already."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlite_utils import Database

from lib.domain.charges import FAILED_STATES
from lib.store.states import one_of

# The charge's last try was this run's, and a recovery link of its customer brought the card since.
_ARRIVED = f"""
    SELECT h.id AS charge_id, r.id AS run_id, w.number AS run_row,
        i.payment_method AS payment_method, a.number AS attempts_before
    FROM setup_links l
    JOIN charges k ON k.id = l.charge_id
    JOIN charges h ON h.customer = k.customer AND h.state IN {one_of(FAILED_STATES)}
    JOIN attempts a ON a.charge_id = h.id
        AND a.number = (SELECT max(number) FROM attempts WHERE charge_id = h.id)
    JOIN runs r ON r.id = a.run_id AND r.state = 'finished'
    JOIN run_rows w ON w.run_id = r.id AND w.number = a.run_row AND w.charge_id = h.id
        AND w.state = 'sent' AND w.amount = h.amount AND w.currency = h.currency
    JOIN checkout_sessions s ON s.id = l.completed_session
    JOIN setup_intents i ON i.id = s.setup_intent
    JOIN payment_methods m ON m.id = i.payment_method AND m.customer = h.customer
        AND m.is_detached = 0
    WHERE l.completed_at IS NOT NULL AND l.completed_at >= :since
        AND l.completed_at >= a.requested_at"""
# Only by its own link did the customer agree to have this one charged.
_BY_ITS_OWN_LINK = " AND h.id = k.id"
# The newest card is the one the customer means.
_NEWEST_FIRST = "ORDER BY l.completed_at DESC, i.created DESC, m.position DESC"
_COLUMNS = "charge_id, run_id, run_row, payment_method, attempts_before"


@dataclass(frozen=True, slots=True)
class NewCardCharge:
    charge_id: str
    run_id: str
    run_row: int
    payment_method: str
    attempts_before: int
    """The number of the last try when the card came; 0 where there had been none."""


class NewCardStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def arrived(self, run_id: str, *, since: int) -> list[NewCardCharge]:
        """
        Rows of one run whose customer saved a new card since then, by the recovery link of whichever
        charge: one message has one link. Each with the newest card.
        """
        sql = f"{_ARRIVED} AND r.id = :run_id {_NEWEST_FIRST}"
        return _newest(self._database.query(sql, {"since": since, "run_id": run_id}))

    def covered(self, *, since: int) -> list[NewCardCharge]:
        """
        Those whose run's approval said that new cards are charged, and that were never queued, each
        with the newest card.

        Both the card and the start of the run are younger than `since`.
        """
        sql = f"""{_ARRIVED}{_BY_ITS_OWN_LINK} AND r.charge_new_cards = 1 AND r.started_at >= :since
            AND NOT EXISTS (SELECT 1 FROM new_card_charges q WHERE q.charge_id = h.id)
            {_NEWEST_FIRST}"""
        return _newest(self._database.query(sql, {"since": since}))

    def queue(self, charge: NewCardCharge, *, at: int) -> None:
        """
        Raises:
            sqlite3.IntegrityError: it was queued before, or no approval covers it.
        """
        self._database.execute(
            f"""INSERT INTO new_card_charges ({_COLUMNS}, queued_at, next_try_at)
                VALUES (?, ?, ?, ?, ?, ?, ?)""",
            (
                charge.charge_id,
                charge.run_id,
                charge.run_row,
                charge.payment_method,
                charge.attempts_before,
                at,
                at,
            ),
        )

    def due(self, *, now: int, latest: int) -> list[NewCardCharge]:
        """To be tried by now, or after `latest`: such a date was written under a clock that was wrong."""
        rows = self._database.query(
            f"""SELECT {_COLUMNS} FROM new_card_charges
                WHERE ended_at IS NULL AND (next_try_at <= ? OR next_try_at > ?)
                ORDER BY next_try_at LIMIT 20""",
            (now, latest),
        )
        return [_of(row) for row in rows]

    def is_waiting(self, charge_id: str, payment_method: str | None) -> bool:
        """Whether the charge is queued for this method and not over."""
        rows = self._database.query(
            """SELECT 1 FROM new_card_charges
               WHERE charge_id = ? AND payment_method = ? AND ended_at IS NULL""",
            (charge_id, payment_method),
        )
        return next(iter(rows), None) is not None

    def are_waiting(self, run_id: str) -> bool:
        """Whether any is queued and not over."""
        rows = self._database.query(
            "SELECT 1 FROM new_card_charges WHERE ended_at IS NULL AND run_id = ? LIMIT 1",
            (run_id,),
        )
        return next(iter(rows), None) is not None

    def postpone(self, charge_id: str, *, until: int) -> None:
        self._database.execute(
            "UPDATE new_card_charges SET next_try_at = ? WHERE charge_id = ? AND ended_at IS NULL",
            (until, charge_id),
        )

    def end(self, charge_id: str, *, at: int, refusal: str | None) -> bool:
        """It was sent, or refused for good; False when another process ended it."""
        cursor = self._database.execute(
            """UPDATE new_card_charges SET ended_at = ?, refusal = ?
               WHERE charge_id = ? AND ended_at IS NULL""",
            (at, refusal, charge_id),
        )
        return cursor.rowcount == 1


def _newest(rows: Iterable[dict[str, Any]]) -> list[NewCardCharge]:
    """The first of each charge."""
    charges: dict[str, NewCardCharge] = {}
    for row in rows:
        charges.setdefault(row["charge_id"], _of(row))
    return list(charges.values())


def _of(row: dict[str, Any]) -> NewCardCharge:
    return NewCardCharge(**row)
