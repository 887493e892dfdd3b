"""The audit log: append-only, each row holding the hash of the one before."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlite_utils import Database

from lib.store.anchor import AuditHead

_START = "0" * 64


@dataclass(frozen=True, slots=True)
class ChainCheck:
    entries: int
    ok: bool
    head: str
    first_broken: int | None


@dataclass(frozen=True, slots=True)
class AuditGrowth:
    """What one transaction has added to the log."""

    before: AuditHead
    """Where the log ended, as it was read under the write lock."""
    head: AuditHead


_TEXTS = ("actor", "action", "subject", "detail")


class AuditStore:
    def __init__(self, database: Database) -> None:
        self._database = database
        self.written: AuditGrowth | None = None
        """What was recorded through this store; to be anchored after the commit."""

    def record(
        self, *, at: int, actor: str, action: str, subject: str, detail: Mapping[str, object]
    ) -> None:
        """Append one entry. Call it inside the transaction that makes the change."""
        previous = self.head()
        text = json.dumps(detail, sort_keys=True, ensure_ascii=False)
        digest = _hash(previous.hash, at, actor, action, subject, text)
        cursor = self._database.execute(
            """INSERT INTO audit_log (at, actor, action, subject, detail, previous_hash, hash)
               VALUES (?, ?, ?, ?, ?, ?, ?)""",
            (at, actor, action, subject, text, previous.hash, digest),
        )
        before = self.written.before if self.written is not None else previous
        self.written = AuditGrowth(before, AuditHead(int(cursor.lastrowid or 0), digest))

    def head(self) -> AuditHead:
        """The newest entry; number 0 where there is none."""
        rows = self._database.query("SELECT id, hash FROM audit_log ORDER BY id DESC LIMIT 1")
        return next((AuditHead(row["id"], row["hash"]) for row in rows), AuditHead(0, _START))

    def hash_of(self, entry: int) -> str | None:
        rows = self._database.query("SELECT hash FROM audit_log WHERE id = ?", (entry,))
        return next((str(row["hash"]) for row in rows), _START if entry == 0 else None)

    def holds(self, head: AuditHead | None) -> bool:
        """False in another file than the one whose head it was, or in an older copy of that; None is in every one."""
        return head is None or self.hash_of(head.id) == head.hash

    def is_empty_without_reason(self) -> bool:
        """No entry in a file with people, charges or runs, none of which is made without one."""
        rows = self._database.execute(
            """SELECT NOT EXISTS (SELECT 1 FROM audit_log) AND (EXISTS (SELECT 1 FROM users)
                   OR EXISTS (SELECT 1 FROM charges) OR EXISTS (SELECT 1 FROM runs))"""
        )
        return bool(rows.fetchone()[0])

    def lacks_entries_of_attempts(self) -> bool:
        """
        An attempt was made here whose charge has no entry, or after the last entry, though each is recorded with
        an entry of its own: the log was cut off. An older copy of a file is older with all its rows.
        """
        rows = self._database.execute(
            """SELECT EXISTS (SELECT 1 FROM attempts
                   WHERE idempotency_key NOT LIKE 'adopted:%' AND (
                       requested_at > (SELECT coalesce(max(at), 0) FROM audit_log)
                       OR NOT EXISTS (SELECT 1 FROM audit_log a WHERE a.subject = charge_id)))"""
        )
        return bool(rows.fetchone()[0])

    def heads_in_papers(self) -> list[AuditHead]:
        """Where certificates, closed months and backups say that the log ended when they were made."""
        rows = self._database.query(
            """SELECT content ->> '$.audit_head' AS head FROM run_certificates
               UNION SELECT audit_head FROM closings UNION SELECT audit_head FROM backups"""
        )
        return [AuditHead.parse(row["head"]) for row in rows if row["head"]]

    def of_action(self, action: str) -> list[dict[str, Any]]:
        """Oldest first, their details read."""
        rows = self._database.query(
            "SELECT * FROM audit_log WHERE action = ? ORDER BY id", (action,)
        )
        return [row | {"detail": json.loads(row["detail"])} for row in rows]

    def entries(self) -> Iterator[dict[str, Any]]:
        """All, oldest first, as they are stored."""
        yield from self._database.query("SELECT * FROM audit_log ORDER BY id")

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
        # As bytes: what is no text would end the reading with an error that names no entry.
        for row in self._database.query(
            """SELECT id, at, previous_hash, hash, CAST(actor AS BLOB) AS actor, CAST(action AS BLOB) AS action,
                   CAST(subject AS BLOB) AS subject, CAST(detail AS BLOB) AS detail
               FROM audit_log ORDER BY id"""
        ):
            entries += 1
            texts = (row[name].decode(errors="replace") for name in _TEXTS)
            expected = _hash(previous, row["at"], *texts)
            if row["previous_hash"] != previous or row["hash"] != expected:
                return ChainCheck(entries, False, previous, row["id"])
            previous = expected
        return ChainCheck(entries, True, previous, None)


def _hash(previous: str, at: int, actor: str, action: str, subject: str, detail: str) -> str:
    content = json.dumps([previous, at, actor, action, subject, detail], ensure_ascii=False)
    return hashlib.sha256(content.encode()).hexdigest()
