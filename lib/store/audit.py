"""The audit log: append-only, each row holding the hash of the one before."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlite_utils import Database

_START = "0" * 64


@dataclass(frozen=True, slots=True)
class ChainCheck:
    entries: int
    ok: bool
    head: str
    first_broken: int | None


class AuditStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def record(
        self, *, at: int, actor: str, action: str, subject: str, detail: Mapping[str, object]
    ) -> None:
        """Append one entry. Call it inside the transaction that makes the change."""
        last = next(
            self._database.query("SELECT hash FROM audit_log ORDER BY id DESC LIMIT 1"), None
        )
        previous = str(last["hash"]) if last else _START
        text = json.dumps(detail, sort_keys=True, ensure_ascii=False)
        self._database.execute(
            """INSERT INTO audit_log (at, actor, action, subject, detail, previous_hash, hash)
               VALUES (?, ?, ?, ?, ?, ?, ?)""",
            (
                at,
                actor,
                action,
                subject,
                text,
                previous,
                _hash(previous, at, actor, action, subject, text),
            ),
        )

    def actors(self, subject: str, actions: Sequence[str]) -> set[str]:
        """Who ever did one of these to the subject."""
        rows = self._database.query(
            f"""SELECT DISTINCT actor FROM audit_log
                WHERE subject = ? AND action IN ({", ".join("?" * len(actions))})""",
            (subject, *actions),
        )
        return {row["actor"] for row in rows}

    def verify(self) -> ChainCheck:
        """Recompute every hash from the first entry on."""
        previous, entries = _START, 0
        for row in self._database.query("SELECT * FROM audit_log ORDER BY id"):
            entries += 1
            expected = _hash(
                previous, row["at"], row["actor"], row["action"], row["subject"], row["detail"]
            )
            if row["previous_hash"] != previous or row["hash"] != expected:
                return ChainCheck(entries, False, previous, row["id"])
            previous = expected
        return ChainCheck(entries, True, previous, None)


def _hash(previous: str, at: int, actor: str, action: str, subject: str, detail: str) -> str:
    content = json.dumps([previous, at, actor, action, subject, detail], ensure_ascii=False)
    return hashlib.sha256(content.encode()).hexdigest()
