"""The outbox: every message to a customer, and how far it got."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlite_utils import Database

from lib.domain.messages import MessageKind
from lib.domain.outbox import (
    LONGEST_PAUSE,
    RESULT_STEPS,
    TO_ASK_AGAIN,
    TO_COME,
    MessageState,
    OutboxMessage,
)
from lib.store.states import one_of

_CONTENT = ("customer", "address", "name", "language", "subject", "body", "url")


class OutboxStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, message: OutboxMessage, *, once_key: str) -> bool:
        """False when a message was asked for under this key before."""
        columns = (
            *("id", "kind", "is_test", "link_id", *_CONTENT),
            *("next_try_at", "requested_by", "requested_at"),
        )
        cursor = self._database.execute(
            f"""INSERT INTO outbox (once_key, {", ".join(columns)})
                VALUES (?{", ?" * len(columns)}) ON CONFLICT (once_key) DO NOTHING""",
            [once_key, *(getattr(message, name) for name in columns)],
        )
        return cursor.rowcount == 1

    def ask_again(self, message: OutboxMessage, *, once_key: str) -> bool:
        """
        What was refused or cancelled goes out after all, with what is true by now; False when there is
        no such message, or it is on its way or gone.
        """
        cursor = self._database.execute(
            f"""UPDATE outbox SET state = 'waiting', tries = 0, reply = NULL, settled_at = NULL,
                    {", ".join(f"{name} = ?" for name in _CONTENT)},
                    next_try_at = ?, requested_by = ?, requested_at = ?
                WHERE once_key = ? AND state IN {one_of(TO_ASK_AGAIN)}""",
            [
                *(getattr(message, name) for name in _CONTENT),
                message.next_try_at,
                message.requested_by,
                message.requested_at,
                once_key,
            ],
        )
        return cursor.rowcount == 1

    def find(self, message_id: str) -> OutboxMessage | None:
        rows = self._database.query("SELECT * FROM outbox WHERE id = ?", (message_id,))
        return next((_message(row) for row in rows), None)

    def of_key(self, once_key: str) -> OutboxMessage | None:
        rows = self._database.query("SELECT * FROM outbox WHERE once_key = ?", (once_key,))
        return next((_message(row) for row in rows), None)

    def of_link(self, link_id: str) -> list[OutboxMessage]:
        """Newest first."""
        rows = self._database.query(
            "SELECT * FROM outbox WHERE link_id = ? ORDER BY requested_at DESC, id DESC", (link_id,)
        )
        return [_message(row) for row in rows]

    def due(self, *, now: int, limit: int) -> list[OutboxMessage]:
        """The oldest first; what a wrong clock put far ahead is due."""
        rows = self._database.query(
            """SELECT * FROM outbox WHERE state = 'waiting'
                   AND (next_try_at <= ?1 OR next_try_at > ?1 + ?2)
               ORDER BY rowid LIMIT ?3""",
            (now, LONGEST_PAUSE, limit),
        )
        return [_message(row) for row in rows]

    def handed_over_since(self, at: int, *, now: int) -> int:
        """How many were given to a server; what a wrong clock put ahead does not count."""
        rows = self._database.query(
            "SELECT count(*) AS n FROM outbox WHERE handed_over_at > ? AND handed_over_at <= ?",
            (at, now),
        )
        return int(next(iter(rows))["n"])

    def hand_over(self, message_id: str, *, at: int) -> bool:
        """False when it is not waiting any more: cancelled meanwhile, say."""
        cursor = self._database.execute(
            """UPDATE outbox SET state = 'handing_over', handed_over_at = ?
               WHERE id = ? AND state = 'waiting'""",
            (at, message_id),
        )
        return cursor.rowcount == 1

    def settle(
        self, message_id: str, state: MessageState, *, reply: str | None, at: int | None
    ) -> bool:
        """`at` None: it is not over. False when it cannot go there from where it is."""
        befores = [before for before, afters in RESULT_STEPS.items() if state in afters]
        cursor = self._database.execute(
            f"""UPDATE outbox SET state = ?, reply = ?, settled_at = ?
                WHERE id = ? AND state IN {one_of(befores)}""",
            (state.value, reply, at, message_id),
        )
        return cursor.rowcount == 1

    def postpone(self, message_id: str, *, reply: str, until: int) -> None:
        """It was refused for now."""
        self._database.execute(
            f"""UPDATE outbox SET state = 'waiting', tries = tries + 1, reply = ?, next_try_at = ?
                WHERE id = ? AND state IN {one_of(TO_COME)}""",
            (reply, until, message_id),
        )

    def orphans(self) -> list[str]:
        """Those that a process was handing over; for whoever knows that no other one does."""
        rows = self._database.query(
            "SELECT id FROM outbox WHERE state = 'handing_over' ORDER BY id"
        )
        return [row["id"] for row in rows]

    def counts(self) -> dict[MessageState, int]:
        rows = self._database.query("SELECT state, count(*) AS n FROM outbox GROUP BY state")
        return {MessageState(row["state"]): row["n"] for row in rows}

    def listing(
        self, states: Sequence[MessageState], *, before: tuple[int, str] | None, limit: int
    ) -> list[OutboxMessage]:
        """
        Newest first; of these states, or of all when there are none.

        Args:
            before: when the last one of the page before was asked for, and its id.
        """
        at, last = before or (1 << 60, "")
        rows = self._database.query(
            """SELECT * FROM outbox WHERE (requested_at, id) < (?1, ?2)
                   AND (?3 = '[]' OR state IN (SELECT value FROM json_each(?3)))
               ORDER BY requested_at DESC, id DESC LIMIT ?4""",
            (at, last, json.dumps([state.value for state in states]), limit),
        )
        return [_message(row) for row in rows]


def _message(row: dict[str, Any]) -> OutboxMessage:
    values = {name: row[name] for name in OutboxMessage.__slots__}
    return OutboxMessage(
        **{
            **values,
            "kind": MessageKind(row["kind"]),
            "is_test": bool(row["is_test"]),
            "state": MessageState(row["state"]),
        }
    )
