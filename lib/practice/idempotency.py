"""`Idempotency-Key`: one answer a key, for at least a day.

A key is claimed in a transaction of its own before the request runs, so that a second request
with it is told of the first. The answer is saved in the transaction in which the request acts:
a process that is killed has either done both or neither.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import sqlite3
from dataclasses import dataclass
from typing import Any

from lib.practice.database import Database
from lib.practice.faults import key_in_use
from lib.practice.replies import Reply, StripeRefusal, invalid

KEPT_SECONDS = 24 * 3600
CLAIM_SECONDS = 60
"""After so long a claim belongs to a process that died, and is taken over."""

LONGEST_KEY = 255


@dataclass(frozen=True, slots=True)
class Claim:
    key: str
    owner: str


def fingerprint(method: str, path: str, params: dict[str, Any]) -> str:
    canonical = json.dumps([method, path, params], sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


def check_length(key: str) -> None:
    if len(key) > LONGEST_KEY:
        raise invalid(
            f"Idempotency keys may not be longer than {LONGEST_KEY} characters.",
            param="Idempotency-Key",
        )


def claim(database: Database, key: str, print_: str, now: int) -> Claim | Reply:
    """Claims the key, or returns the answer that it already has.

    Raises:
        StripeRefusal: The key belongs to other parameters, or is in use this moment.
    """
    taken = Claim(key, secrets.token_hex(8))
    with database.writing() as connection:
        row = connection.execute("SELECT * FROM idempotency_keys WHERE key = ?", (key,)).fetchone()
        is_in_force = row is not None and row["created"] > now - KEPT_SECONDS
        if is_in_force and row["fingerprint"] != print_:
            raise _used_otherwise(key)
        if is_in_force and row["status"] is not None:
            replayed = {"Idempotent-Replayed": "true"}
            return Reply(row["status"], json.loads(row["body"]), replayed)
        if is_in_force and row["created"] > now - CLAIM_SECONDS:
            raise key_in_use(key)
        connection.execute(
            "INSERT OR REPLACE INTO idempotency_keys (key, fingerprint, owner, created)"
            " VALUES (?, ?, ?, ?)",
            (key, print_, taken.owner, now),
        )
    return taken


def hold(connection: sqlite3.Connection, held: Claim) -> None:
    """Called first in the acting transaction: a claim taken over meanwhile may not act."""
    row = connection.execute(
        "SELECT 1 FROM idempotency_keys WHERE key = ? AND owner = ? AND status IS NULL",
        (held.key, held.owner),
    ).fetchone()
    if row is None:
        raise key_in_use(held.key)


def save(connection: sqlite3.Connection, held: Claim, reply: Reply) -> None:
    connection.execute(
        "UPDATE idempotency_keys SET status = ?, body = ? WHERE key = ? AND owner = ?",
        (reply.status, json.dumps(reply.body), held.key, held.owner),
    )


def release(connection: sqlite3.Connection, held: Claim) -> None:
    connection.execute(
        "DELETE FROM idempotency_keys WHERE key = ? AND owner = ? AND status IS NULL",
        (held.key, held.owner),
    )


def _used_otherwise(key: str) -> StripeRefusal:
    return StripeRefusal(
        400,
        "Keys for idempotent requests can only be used with the same parameters they were first "
        f"used with. Try using a key other than '{key}' if you meant to execute a different "
        "request.",
        type_="idempotency_error",
    )
