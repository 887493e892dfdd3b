"""The log of what people decided about rows of drafts, and the file that it is about."""

from __future__ import annotations

import json
from collections.abc import Iterable

from sqlite_utils import Database

from lib.domain.correction_fields import Field
from lib.domain.corrections import Correction
from lib.domain.runs import Run


class CorrectionStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, run_id: str, entries: Iterable[Correction]) -> None:
        """
        Raises:
            sqlite3.IntegrityError: the run is no draft.
        """
        self._database.conn.executemany(
            """INSERT INTO run_row_corrections
                   (run_id, file_version, row, field, was, value, is_undo, by, at, reason,
                    beside)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
            [
                (
                    run_id,
                    entry.file_version,
                    entry.row,
                    entry.field.value,
                    entry.was,
                    entry.value,
                    int(entry.is_undo),
                    entry.by,
                    entry.at,
                    entry.reason,
                    json.dumps(entry.beside) if entry.beside else None,
                )
                for entry in entries
            ],
        )

    def of(self, run_id: str) -> list[Correction]:
        """Every entry, the oldest first, also those about files that were replaced."""
        rows = self._database.query(
            "SELECT * FROM run_row_corrections WHERE run_id = ? ORDER BY id", (run_id,)
        )
        return [
            Correction(
                **{name: row[name] for name in Correction.__slots__}
                | {
                    "field": Field(row["field"]),
                    "is_undo": bool(row["is_undo"]),
                    "beside": tuple(json.loads(row["beside"] or "[]")),
                }
            )
            for row in rows
        ]

    def last_id(self, run_id: str) -> int:
        """Of the newest entry; 0 when there is none."""
        rows = self._database.query(
            "SELECT max(id) AS id FROM run_row_corrections WHERE run_id = ?", (run_id,)
        )
        return next(rows)["id"] or 0

    def replace_file(self, run: Run) -> bool:
        """Another file under a draft: its rows are to be written anew. False when it is no draft now."""
        cursor = self._database.execute(
            """UPDATE runs SET header = ?, file_name = ?, file_digest = ?, reading = ?, file_version = ?
               WHERE id = ? AND state = 'draft' AND file_version = ? - 1""",
            (
                json.dumps(run.header, ensure_ascii=False),
                run.file_name,
                run.file_digest,
                None if run.reading is None else json.dumps(run.reading, ensure_ascii=False),
                run.file_version,
                run.id,
                run.file_version,
            ),
        )
        return cursor.rowcount == 1
