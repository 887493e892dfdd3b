"""Changes that no API makes: things that happen to the account and leave no event, for tests that look for holes."""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Mapping
from typing import Any

from lib.practice.ledger import Ledger

# Where an object stands in every list follows from these.
_FIXED = frozenset({"id", "object", "created", "livemode"})


def begin_losing_events(connection: sqlite3.Connection) -> str:
    token = secrets.token_hex(8)
    connection.execute("INSERT INTO lost_events (token) VALUES (?)", (token,))
    return token


def end_losing_events(connection: sqlite3.Connection, token: str) -> None:
    connection.execute("DELETE FROM lost_events WHERE token = ?", (token,))


def forget(ledger: Ledger, object_id: str) -> None:
    ledger.connection.execute("DELETE FROM deliveries WHERE event_id = ?", (object_id,))
    removed = 0
    for table in ("events", "objects"):
        cursor = ledger.connection.execute(f"DELETE FROM {table} WHERE id = ?", (object_id,))  # noqa: S608
        removed += cursor.rowcount
    if removed == 0:
        raise ValueError(f"there is no {object_id}")


def alter(ledger: Ledger, object_id: str, changes: Mapping[str, Any]) -> None:
    row = ledger.connection.execute("SELECT kind FROM objects WHERE id = ?", (object_id,))
    entry = row.fetchone()
    stored = None if entry is None else ledger.find(entry["kind"], object_id)
    if stored is None:
        raise ValueError(f"there is no {object_id}")
    wrong = sorted(name for name in changes if name in _FIXED or name not in stored.payload)
    if wrong:
        raise ValueError(f"{object_id} cannot be altered in {', '.join(wrong)}")
    stored.payload = _merged(stored.payload, json.loads(json.dumps(changes)))
    ledger.save(stored)


def newest(connection: sqlite3.Connection) -> dict[str, int]:
    """Where the tables of objects and events end, for `show_later`."""
    return {
        table: int(connection.execute(f"SELECT coalesce(max(seq), 0) FROM {table}").fetchone()[0])  # noqa: S608
        for table in ("objects", "events")
    }


def show_later(connection: sqlite3.Connection, since: Mapping[str, int], shown_at: int) -> None:
    """What was made since then appears in lists, searches and webhooks at that second."""
    for table, seq in since.items():
        connection.execute(
            f"INSERT OR REPLACE INTO shown_late (id, shown_at) SELECT id, ? FROM {table} WHERE seq > ?",  # noqa: S608
            (shown_at, seq),
        )
    connection.execute(
        "UPDATE deliveries SET next_try_at = ? WHERE event_id IN (SELECT id FROM events WHERE seq > ?)",
        (shown_at, since["events"]),
    )


def show_everything(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM shown_late")


def _merged(payload: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(payload)
    for name, change in changes.items():
        before = merged.get(name)
        if isinstance(before, dict) and isinstance(change, dict):
            merged[name] = _merged(before, change)
        else:
            merged[name] = change
    return merged
