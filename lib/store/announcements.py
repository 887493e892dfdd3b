"""Announcements to payers of a run before it is executed, and their answers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlite_utils import Database

from lib.domain.announcements import (
    AnnouncedRow,
    Announcement,
    AnswerDecision,
    RefusedByPayer,
    ToldOfRow,
)
from lib.domain.outbox import TO_COME
from lib.domain.reference_keys import reference_key
from lib.domain.runs import OVER_STATES
from lib.store.meta import MetaStore
from lib.store.slices import THESE, in_slices
from lib.store.states import one_of

_TO_DECIDE = "a.answered_at IS NOT NULL AND a.decided_at IS NULL"
_NEWEST_FIRST = "ORDER BY a.announced_at DESC, a.rowid DESC"


class AnnouncementStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, one: Announcement, rows: Iterable[AnnouncedRow]) -> None:
        self._database.execute(
            """INSERT INTO announcements (id, run_id, digest, customer, token, charge_on, language,
                   message_id, announced_by, announced_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
            (
                one.id,
                one.run_id,
                one.digest,
                one.customer,
                one.token,
                one.charge_on,
                one.language,
                one.message_id,
                one.announced_by,
                one.announced_at,
            ),
        )
        self._database.conn.executemany(
            "INSERT INTO announcement_rows VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    one.id,
                    row.number,
                    row.reference,
                    reference_key(row.reference),
                    row.amount,
                    row.currency,
                    row.payment_method,
                )
                for row in rows
            ],
        )

    def find(self, announcement_id: str) -> Announcement | None:
        return self._one("WHERE a.id = ?", announcement_id)

    def by_token(self, token: str) -> Announcement | None:
        return self._one("WHERE a.token = ?", token)

    def of_run(self, run_id: str) -> list[Announcement]:
        """Newest first."""
        rows = self._database.query(
            f"SELECT * FROM announcements a WHERE a.run_id = ? {_NEWEST_FIRST}", (run_id,)
        )
        return [_announcement(row) for row in rows]

    def of_payer(
        self, run_id: str, digest: str, customer: str, charge_on: str
    ) -> Announcement | None:
        return self._one(
            "WHERE a.run_id = ? AND a.digest = ? AND a.customer = ? AND a.charge_on = ?",
            run_id,
            digest,
            customer,
            charge_on,
        )

    def newest_of(self, run_id: str, digest: str) -> Announcement | None:
        """Of what is approved now."""
        return self._one(
            f"WHERE a.run_id = ? AND a.digest = ? {_NEWEST_FIRST} LIMIT 1", run_id, digest
        )

    def messages_to_come(self, run_id: str) -> int:
        """How many messages have not left yet, and still may."""
        rows = self._database.query(
            f"""SELECT count(*) AS n FROM announcements a JOIN outbox o ON o.id = a.message_id
                WHERE a.run_id = ? AND o.state IN {one_of(TO_COME)}""",
            (run_id,),
        )
        return int(next(iter(rows))["n"])

    def mark_told(self, message_id: str, *, at: int) -> None:
        """Its message left."""
        self._database.execute(
            "UPDATE announcements SET told_at = ? WHERE message_id = ? AND told_at IS NULL",
            (at, message_id),
        )

    def answer(self, announcement_id: str, *, at: int) -> bool:
        """The payer does not want it; False when that was known."""
        cursor = self._database.execute(
            "UPDATE announcements SET answered_at = ? WHERE id = ? AND answered_at IS NULL",
            (at, announcement_id),
        )
        return cursor.rowcount == 1

    def decide(
        self,
        announcement_id: str,
        decision: AnswerDecision,
        *,
        reason: str | None,
        by: str,
        at: int,
    ) -> bool:
        """False when there is no answer, or somebody decided on it before."""
        cursor = self._database.execute(
            """UPDATE announcements SET decision = ?, reason = ?, decided_by = ?, decided_at = ?
               WHERE id = ? AND answered_at IS NOT NULL AND decided_at IS NULL""",
            (decision.value, reason, by, at, announcement_id),
        )
        return cursor.rowcount == 1

    def is_open(self, announcement_id: str) -> bool:
        """Whether a row of it may still be charged by its run."""
        rows = self._database.query(
            f"""SELECT 1 FROM announcements a
               JOIN announcement_rows r ON r.announcement_id = a.id
               JOIN run_rows w ON w.run_id = a.run_id AND w.number = r.number
               JOIN runs u ON u.id = a.run_id
               WHERE a.id = ? AND w.state = 'planned' AND u.state NOT IN {one_of(OVER_STATES)}
               LIMIT 1""",
            (announcement_id,),
        )
        return next(iter(rows), None) is not None

    def runs_to_decide(self) -> dict[str, int]:
        """Runs with answers on which nobody has decided, the longest waiting first, and how many each."""
        rows = self._database.query(
            f"""SELECT a.run_id, count(*) AS n FROM announcements a WHERE {_TO_DECIDE}
                GROUP BY a.run_id ORDER BY min(a.answered_at)"""
        )
        return {row["run_id"]: row["n"] for row in rows}

    def refused(self, customers: Iterable[str]) -> dict[tuple[str, str], RefusedByPayer]:
        """By customer and key of the reference: of what nobody has decided on yet."""
        rows = in_slices(
            self._database,
            f"""SELECT a.id, a.customer, a.answered_at, r.reference
                FROM announcements a INDEXED BY announcements_to_decide
                CROSS JOIN announcement_rows r ON r.announcement_id = a.id
                WHERE {_TO_DECIDE} AND a.customer IN {THESE} ORDER BY a.answered_at""",
            customers,
        )
        timezone = MetaStore(self._database).timezone
        # Rows that stay as they are keep the key of their day.
        return {
            (row["customer"], reference_key(row["reference"])): RefusedByPayer(
                row["id"], row["reference"], row["answered_at"], timezone
            )
            for row in rows
        }

    def rows_of(self, announcement_id: str) -> list[AnnouncedRow]:
        rows = self._database.query(
            """SELECT number, reference, amount, currency, payment_method FROM announcement_rows
               WHERE announcement_id = ? ORDER BY number""",
            (announcement_id,),
        )
        return [AnnouncedRow(**row) for row in rows]

    def told_of(self, run_id: str, number: int | None = None) -> list[ToldOfRow]:
        """By row, the last that was said; of one row, or of all when None."""
        of_one = "" if number is None else "AND r.number = ?"
        rows = self._database.query(
            f"""SELECT r.number, a.told_at, a.charge_on,
                   r.amount IS w.amount AND r.currency IS w.currency
                       AND r.payment_method IS w.payment_method AS is_as_told
               FROM announcements a JOIN announcement_rows r ON r.announcement_id = a.id
               JOIN run_rows w ON w.run_id = a.run_id AND w.number = r.number
               WHERE a.run_id = ? {of_one}
               ORDER BY a.told_at IS NOT NULL, a.announced_at, a.rowid""",
            [run_id] if number is None else [run_id, number],
        )
        last = {
            row["number"]: ToldOfRow(**{**row, "is_as_told": bool(row["is_as_told"])})
            for row in rows
        }
        return [last[number] for number in sorted(last)]

    def _one(self, sql: str, *values: object) -> Announcement | None:
        rows = self._database.query(f"SELECT a.* FROM announcements a {sql}", list(values))
        return next((_announcement(row) for row in rows), None)


def _announcement(row: dict[str, Any]) -> Announcement:
    return Announcement(**{name: row[name] for name in Announcement.__slots__})
