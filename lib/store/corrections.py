"""The log of what people decided about rows of drafts, and the file that it is about."""

from __future__ import annotations

import json
from collections.abc import Iterable

from sqlite_utils import Database

from lib.domain.correction_fields import Field
from lib.domain.correction_totals import CorrectionTotals, KindTotals
from lib.domain.corrections import Correction
from lib.domain.runs import Run

# The newest entry of a row and field, about the file that the run has now, unless it is an undo: SQLite takes the
# other columns from the row of the max(). https://www.sqlite.org/lang_select.html#bareagg
_IN_EFFECT = """WITH newest AS (SELECT row, field, is_undo, max(id) FROM run_row_corrections
        WHERE run_id = ?1 AND file_version = ?2 GROUP BY row, field),
    decided AS MATERIALIZED (SELECT row, field FROM newest WHERE is_undo = 0)"""
_IN_FILE = "iif(w.original IS NULL, w.{0}, w.original ->> '$.{0}')"
_NOW = "iif(w.amount IS NULL, NULL, w.currency)"
_BEFORE = f"iif({_IN_FILE.format('amount')} IS NULL, NULL, {_IN_FILE.format('currency')})"


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

    def totals(self, run: Run) -> CorrectionTotals:
        """What is in effect comes to: counted by the database, as a run may have thousands."""
        run_and_file = (run.id, run.file_version)
        kinds: dict[Field, KindTotals] = {}
        for row in self._database.query(
            f"""{_IN_EFFECT} SELECT d.field, {_NOW} AS currency, count(*) AS n, sum(w.amount) AS amount
                FROM decided d JOIN run_rows w ON w.run_id = ?1 AND w.number = d.row
                GROUP BY 1, 2 ORDER BY min(d.row)""",
            run_and_file,
        ):
            before = kinds.get(Field(row["field"]), KindTotals(0, {}))
            kinds[Field(row["field"])] = _with(before, row["n"], row["currency"], row["amount"])
        every = left_out = KindTotals(0, {})
        file: dict[str, int] = {}
        now: dict[str, int] = {}
        for row in self._database.query(
            f"""{_IN_EFFECT} SELECT r.is_out, {_NOW} AS currency, {_BEFORE} AS file_currency,
                    w.amount IS NOT {_IN_FILE.format("amount")} AS is_changed,
                    count(*) AS n, sum(w.amount) AS amount, sum({_IN_FILE.format("amount")}) AS in_file
                FROM (SELECT row, max(field = 'left_out') AS is_out FROM decided GROUP BY row) r
                JOIN run_rows w ON w.run_id = ?1 AND w.number = r.row
                GROUP BY 1, 2, 3, 4 ORDER BY min(r.row)""",
            run_and_file,
        ):
            sums = (row["n"], row["currency"], row["amount"])
            every = _with(every, *sums)
            if row["is_out"]:
                left_out = _with(left_out, *sums)
            elif row["is_changed"] or row["currency"] != row["file_currency"]:
                _add(file, row["file_currency"], row["in_file"])
                _add(now, row["currency"], row["amount"])
        by_kind = {which: kinds[which] for which in Field if which in kinds}
        return CorrectionTotals(every.rows, file, now, left_out.rows, left_out.sums, by_kind)

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


def _with(kind: KindTotals, rows: int, currency: str | None, amount: int | None) -> KindTotals:
    sums = dict(kind.sums)
    _add(sums, currency, amount)
    return KindTotals(kind.rows + rows, sums, kind.without_sum + (0 if currency else rows))


def _add(sums: dict[str, int], currency: str | None, amount: int | None) -> None:
    if currency is not None and amount is not None:
        sums[currency] = sums.get(currency, 0) + amount
