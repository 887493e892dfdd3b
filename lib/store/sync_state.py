"""The state of reading Stripe: cursors, backfills with their windows, reads by day, verifications."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlite_utils import Database

from lib.domain.list_windows import Window
from lib.domain.verification import Difference, VerificationResult, VerificationRound
from lib.store.upserts import marks

_DAY = 86_400


@dataclass(frozen=True, slots=True)
class OpenBackfill:
    id: str
    types: tuple[str, ...]
    started_at: int
    refused: frozenset[str]
    """Types that the key might not read when they were tried last."""


class SyncStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    # Cursors: how far the news was read, in seconds.

    def cursor(self, name: str) -> int | None:
        rows = self._database.query("SELECT value FROM sync_cursors WHERE name = ?", (name,))
        return next((int(row["value"]) for row in rows), None)

    def set_cursor(self, name: str, value: int) -> None:
        self._database.execute(
            """INSERT INTO sync_cursors (name, value) VALUES (?, ?)
               ON CONFLICT (name) DO UPDATE SET value = excluded.value""",
            (name, value),
        )

    def news_since(self, name: str) -> int | None:
        """When a list was read last, by Stripe's own clock; None where nobody knows."""
        return self.cursor(f"{name}_since") or None

    def set_news_since(self, name: str, moment: int) -> None:
        """0 where nobody knows."""
        self.set_cursor(f"{name}_since", moment)

    # Backfills

    def begin_backfill(self, backfill_id: str, *, types: Sequence[str], at: int) -> None:
        self._database.execute(
            "INSERT INTO backfills (id, types, started_at) VALUES (?, ?, ?)",
            (backfill_id, " ".join(types), at),
        )

    def open_backfill(self, types: Sequence[str]) -> OpenBackfill | None:
        """The one of exactly these types that was begun and not finished."""
        rows = self._database.query(
            "SELECT * FROM backfills WHERE finished_at IS NULL AND types = ?", (" ".join(types),)
        )
        return next(
            (
                OpenBackfill(
                    row["id"],
                    tuple(row["types"].split()),
                    row["started_at"],
                    frozenset(row["refused"].split()),
                )
                for row in rows
            ),
            None,
        )

    def unread_types(self, backfill: OpenBackfill) -> set[str]:
        """Those of which something is still to be read."""
        windows_of = {type_: self.windows(backfill.id, type_) for type_ in backfill.types}
        return {
            type_
            for type_, windows in windows_of.items()
            if not windows or not all(window.is_done for window in windows)
        }

    def set_refused(self, backfill_id: str, types: Collection[str]) -> None:
        self._database.execute(
            "UPDATE backfills SET refused = ? WHERE id = ?", (" ".join(sorted(types)), backfill_id)
        )

    def end_backfill(self, backfill_id: str, *, at: int) -> None:
        """Over, complete or given up; its windows are not needed any more."""
        self._database.execute(
            "UPDATE backfills SET finished_at = ? WHERE id = ?", (at, backfill_id)
        )
        self._forget_windows()

    def end_other_backfills(self, backfill_id: str, *, at: int) -> None:
        """What reads everything reads what they were about."""
        self._database.execute(
            "UPDATE backfills SET finished_at = ? WHERE finished_at IS NULL AND id <> ?",
            (at, backfill_id),
        )
        self._forget_windows()

    def _forget_windows(self) -> None:
        # Also those that a reader cut after its backfill was ended.
        self._database.execute(
            """DELETE FROM sync_windows WHERE backfill_id IN
                   (SELECT id FROM backfills WHERE finished_at IS NOT NULL)"""
        )

    def windows(self, backfill_id: str, type_: str) -> list[Window]:
        rows = self._database.query(
            "SELECT * FROM sync_windows WHERE backfill_id = ? AND type = ? ORDER BY id",
            (backfill_id, type_),
        )
        return [
            Window(
                id=row["id"],
                created_from=row["created_from"],
                created_before=row["created_before"],
                after_id=row["after_id"],
                after_created=row["after_created"],
                objects=row["objects"],
                is_done=bool(row["is_done"]),
            )
            for row in rows
        ]

    def add_window(
        self, backfill_id: str, type_: str, window: Window, created_from: int | None = None
    ) -> None:
        """With `created_from` as it was, where the window was cut again meanwhile."""
        cursor = self._database.execute(
            """INSERT INTO sync_windows (backfill_id, type, created_from, created_before)
               VALUES (?, ?, ?, ?)""",
            (
                backfill_id,
                type_,
                window.created_from if created_from is None else created_from,
                window.created_before,
            ),
        )
        window.id = int(cursor.lastrowid or 0)

    def shorten_window(self, window_id: int, *, created_from: int) -> None:
        """The older part was given to another window."""
        self._database.execute(
            "UPDATE sync_windows SET created_from = ? WHERE id = ?", (created_from, window_id)
        )

    def advance_window(
        self,
        window_id: int,
        *,
        after_id: str | None,
        after_created: int | None,
        objects: int,
        is_done: bool,
    ) -> None:
        """
        Belongs into the transaction that wrote the page.

        A reader that stood still while another took over moves nothing back.
        """
        self._database.execute(
            """UPDATE sync_windows SET after_id = coalesce(:after_id, after_id),
                   after_created = coalesce(:after_created, after_created),
                   objects = objects + :objects, is_done = :is_done
               WHERE id = :id AND is_done = 0 AND (:is_done OR CASE
                   WHEN :after_created IS NOT NULL
                       THEN coalesce(:after_created <= after_created, 1)
                   ELSE coalesce(:after_id > after_id, 1) END)""",
            {
                "id": window_id,
                "after_id": after_id,
                "after_created": after_created,
                "objects": objects,
                "is_done": int(is_done),
            },
        )

    # Reads

    def add_reads(self, count: int, *, at: int) -> None:
        self._database.execute(
            """INSERT INTO stripe_reads (day, reads) VALUES (?, ?)
               ON CONFLICT (day) DO UPDATE SET reads = reads + excluded.reads""",
            (at // _DAY, count),
        )

    def reads_since(self, at: int) -> int:
        rows = self._database.query(
            "SELECT coalesce(sum(reads), 0) AS n FROM stripe_reads WHERE day > ?", (at // _DAY,)
        )
        return int(next(rows)["n"])

    def payments_since(self, at: int) -> int:
        """Charges that Stripe carried out, for the read allowance."""
        rows = self._database.query(
            "SELECT count(*) AS n FROM stripe_charges WHERE created > ? AND status = 'succeeded'",
            (at,),
        )
        return int(next(rows)["n"])

    # Verifications

    def add_verification(self, verification: VerificationResult) -> None:
        row = asdict(verification) | {
            "findings": json.dumps([asdict(f) for f in verification.findings])
        }
        names = ", ".join(row)
        self._database.execute(
            f"INSERT INTO verifications ({names}) VALUES ({', '.join('?' * len(row))})",
            tuple(row.values()),
        )

    def latest_verifications(self) -> list[VerificationResult]:
        """The last comparison of each type."""
        rows = self._database.query(
            "SELECT * FROM verifications WHERE id IN (SELECT max(id) FROM verifications GROUP BY type) ORDER BY id"
        )
        return [_verification(row) for row in rows]

    def last_found(self) -> dict[str, int]:
        """When each type's last comparison was made that found a difference."""
        rows = self._database.query(
            """SELECT type, max(verified_at) AS at FROM verifications
               WHERE missing + extra + differing > 0 GROUP BY type"""
        )
        return {row["type"]: row["at"] for row in rows}

    def rounds(self) -> dict[str, VerificationRound]:
        """By type."""
        rows = self._database.query("SELECT * FROM verification_rounds")
        return {row["type"]: VerificationRound(**row) for row in rows}

    def save_round(self, round_: VerificationRound) -> None:
        row = asdict(round_)
        self._database.execute(
            f"INSERT OR REPLACE INTO verification_rounds ({', '.join(row)}) VALUES ({marks(len(row))})",
            tuple(row.values()),
        )


def _verification(row: dict[str, Any]) -> VerificationResult:
    values = {name: row[name] for name in VerificationResult.__slots__}
    differences = [
        Difference(one["kind"], one["id"], tuple(one["fields"]))
        for one in json.loads(row["findings"])
    ]
    return VerificationResult(**values | {"findings": differences, "is_full": bool(row["is_full"])})
