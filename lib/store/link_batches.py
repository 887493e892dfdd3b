"""Batches of links and their rows. A row is decided once; a batch changes state by compare-and-swap."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from sqlite_utils import Database

from lib.domain.link_batches import (
    BatchCounts,
    BatchSource,
    BatchState,
    LinkBatch,
    LinkRequest,
    LinkRow,
    LinkRowState,
)
from lib.domain.runs import Finding, Severity


class LinkBatchStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, batch: LinkBatch, rows: Iterable[LinkRow]) -> None:
        self._database.execute(
            """INSERT INTO link_batches (id, state, source, name, file_name, file_digest, header,
                   reading, created_by, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
            (
                batch.id,
                batch.state.value,
                batch.source.value,
                batch.name,
                batch.file_name,
                batch.file_digest,
                _json(batch.header),
                None if batch.reading is None else _json(batch.reading),
                batch.created_by,
                batch.created_at,
            ),
        )
        self._database.conn.executemany(
            """INSERT INTO link_batch_rows (batch_id, number, cells, request, state, findings,
                   customer, link_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?)""",
            (
                (
                    row.batch_id,
                    row.number,
                    _json(row.request.cells),
                    _json(_without_cells(row.request)),
                    row.state.value,
                    _json([asdict(finding) for finding in row.findings]),
                    row.customer,
                    row.link_id,
                )
                for row in rows
            ),
        )

    def find(self, batch_id: str) -> LinkBatch | None:
        rows = self._database.query("SELECT * FROM link_batches WHERE id = ?", (batch_id,))
        return next((_batch(row) for row in rows), None)

    def newest(self, *, limit: int) -> list[LinkBatch]:
        rows = self._database.query(
            """SELECT * FROM link_batches WHERE state <> 'discarded'
               ORDER BY created_at DESC, id DESC LIMIT ?""",
            (limit,),
        )
        return [_batch(row) for row in rows]

    def waiting(self) -> list[str]:
        """Batches whose links are being made, oldest first."""
        rows = self._database.query(
            "SELECT id FROM link_batches WHERE state = 'making' ORDER BY started_at, id"
        )
        return [row["id"] for row in rows]

    def start(self, batch_id: str, *, despite_card: bool, renew: bool, at: int) -> bool:
        """False when it is no draft."""
        return (
            self._database.execute(
                """UPDATE link_batches SET state = 'making', started_at = ?, despite_card = ?,
                       renew = ? WHERE id = ? AND state = 'draft'""",
                (at, int(despite_card), int(renew), batch_id),
            ).rowcount
            == 1
        )

    def finish(self, batch_id: str, *, at: int) -> bool:
        """False when a row is undecided, or it was finished before."""
        return (
            self._database.execute(
                """UPDATE link_batches SET state = 'made', finished_at = ?
                   WHERE id = ? AND state = 'making' AND NOT EXISTS (
                       SELECT 1 FROM link_batch_rows r
                       WHERE r.batch_id = link_batches.id AND r.decided_at IS NULL)""",
                (at, batch_id),
            ).rowcount
            == 1
        )

    def discard(self, batch_id: str) -> bool:
        """False when it is no draft."""
        return (
            self._database.execute(
                "UPDATE link_batches SET state = 'discarded' WHERE id = ? AND state = 'draft'",
                (batch_id,),
            ).rowcount
            == 1
        )

    def rows(
        self, batch_id: str, *, states: Sequence[LinkRowState] = (), after: int = 0, limit: int = -1
    ) -> list[LinkRow]:
        """In the order of the file, from the row after `after` on; of all states unless some are named."""
        these = f"AND state IN ({', '.join('?' * len(states))})" if states else ""
        rows = self._database.query(
            f"""SELECT * FROM link_batch_rows WHERE batch_id = ? AND number > ? {these}
                ORDER BY number LIMIT ?""",
            (batch_id, after, *(state.value for state in states), limit),
        )
        return [_row(row) for row in rows]

    def undecided(self, batch_id: str, *, limit: int) -> list[LinkRow]:
        """In the order of the file."""
        rows = self._database.query(
            """SELECT * FROM link_batch_rows WHERE batch_id = ? AND decided_at IS NULL
               ORDER BY number LIMIT ?""",
            (batch_id, limit),
        )
        return [_row(row) for row in rows]

    def update(self, rows: Iterable[LinkRow]) -> None:
        """
        What is expected of undecided rows, or what became of them.

        Raises:
            sqlite3.IntegrityError: one of them was decided before.
        """
        self._database.conn.executemany(
            """UPDATE link_batch_rows SET request = ?, state = ?, findings = ?, customer = ?,
                   link_id = ?, decided_at = ? WHERE batch_id = ? AND number = ?""",
            (
                (
                    _json(_without_cells(row.request)),
                    row.state.value,
                    _json([asdict(finding) for finding in row.findings]),
                    row.customer,
                    row.link_id,
                    row.decided_at,
                    row.batch_id,
                    row.number,
                )
                for row in rows
            ),
        )

    def counts(self, batch_id: str) -> BatchCounts:
        rows = list(
            self._database.query(
                """SELECT state, count(*) AS n, count(decided_at) AS decided
                   FROM link_batch_rows WHERE batch_id = ? GROUP BY state""",
                (batch_id,),
            )
        )
        return BatchCounts(
            rows=sum(row["n"] for row in rows),
            decided=sum(row["decided"] for row in rows),
            by_state={LinkRowState(row["state"]): row["n"] for row in rows},
        )


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _without_cells(request: LinkRequest) -> dict[str, Any]:
    fields = asdict(request)
    del fields["cells"], fields["number"]
    return fields


def _finding(fields: dict[str, Any]) -> Finding:
    return Finding(**{**fields, "severity": Severity(fields["severity"])})


def _row(row: dict[str, Any]) -> LinkRow:
    request = json.loads(row["request"])
    request["findings"] = tuple(map(_finding, request["findings"]))
    return LinkRow(
        batch_id=row["batch_id"],
        number=row["number"],
        request=LinkRequest(number=row["number"], cells=tuple(json.loads(row["cells"])), **request),
        state=LinkRowState(row["state"]),
        findings=tuple(map(_finding, json.loads(row["findings"]))),
        customer=row["customer"],
        link_id=row["link_id"],
        decided_at=row["decided_at"],
    )


def _batch(row: dict[str, Any]) -> LinkBatch:
    return LinkBatch(
        id=row["id"],
        state=BatchState(row["state"]),
        source=BatchSource(row["source"]),
        name=row["name"],
        header=tuple(json.loads(row["header"])),
        created_by=row["created_by"],
        created_at=row["created_at"],
        file_name=row["file_name"],
        file_digest=row["file_digest"],
        reading=None if row["reading"] is None else json.loads(row["reading"]),
        despite_card=bool(row["despite_card"]),
        renew=bool(row["renew"]),
        started_at=row["started_at"],
        finished_at=row["finished_at"],
    )
