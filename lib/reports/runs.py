"""Charge runs, as pages show them: the list, one run's rows, its failures by reason."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pandas as pd

from lib.clock import Clock, epoch
from lib.domain.charges import IN_FLIGHT_SECONDS
from lib.domain.declines import explain
from lib.domain.identity import address_key, reference_key
from lib.domain.payment_methods import label_of
from lib.domain.runs import STALE_SECONDS, RunState
from lib.reports.paging import PAGE_ROWS, Page, Query, frame_of, page_of, records
from lib.store.charge_rows import decline_of
from lib.store.connection_pool import ConnectionPool
from lib.store.own_outcomes import FAILED_STILL, JOINS, STATE

_RUNS = Query(
    """SELECT r.id, r.name, r.state, r.row_count, r.totals, r.file_name, r.created_by,
           coalesce(u.name, r.created_by) AS created_by_name, r.created_at, r.submitted_at,
           r.started_at, r.finished_at, r.stop_code,
           r.created_at AS page_time, r.id AS page_id
       FROM runs r LEFT JOIN users u ON u.username = r.created_by""",
    "r.created_at",
    "r.id",
)

_ROWS = f"""
    SELECT w.number AS id, w.number, w.severity, w.findings, w.customer, w.reference, w.amount,
        w.currency, w.request, coalesce(c.name, c.email, w.customer) AS name, c.email,
        {STATE} AS state, w.payment_method, m.brand, m.last4,
        m.type, h.id AS charge_id, o.outcome, o.outcome_at,
        o.http_status, o.code, o.decline_code, o.advice_code, o.network_decline_code,
        o.network_advice_code, o.outcome_type, o.message,
        (SELECT coalesce('by the run “' || r.name || '”', 'singly')
            FROM attempts e LEFT JOIN runs r ON r.id = e.run_id
            WHERE e.charge_id = h.id AND h.state = 'succeeded' AND e.outcome = 'succeeded'
                AND e.run_id IS NOT w.run_id LIMIT 1) AS elsewhere
    FROM run_rows w {JOINS}
    LEFT JOIN customers c ON c.id = w.customer
    LEFT JOIN payment_methods m ON m.id = w.payment_method"""
# Attempts are found by when they were sent: a large run has far more than one minute's.
ENDED = """
    SELECT count(*) FROM attempts WHERE requested_at > ? AND +run_id = ? AND outcome_at > ?
        AND outcome_at <= ? AND outcome IN ('succeeded', 'processing', 'declined', 'needs_customer')"""
BEGUN = """
    SELECT max(at) FROM audit_log WHERE subject = ? AND action IN ('run.start', 'run.resume')"""
_EXECUTED = """
    SELECT name FROM runs WHERE state = 'running' AND id <> ? AND lease_owner IS NOT NULL
        AND lease_at >= ? ORDER BY started_at, id"""
_PACE_SECONDS = 60
_INTEGERS = ("amount", "outcome_at", "http_status")


class RunReports:
    def __init__(self, pool: ConnectionPool, *, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    def page(
        self,
        *,
        state: str | None = None,
        search: str = "",
        cursor: str | None = None,
        rows: int = PAGE_ROWS,
    ) -> Page:
        """Runs, newest first; `totals` is minor units by currency of what can be charged."""
        query = _RUNS.matching(search, ("r.name", "r.id", "r.file_name"))
        if state:
            query = query.where("r.state = ?", state)
        with self._pool.reading() as database:
            page = page_of(
                database,
                query,
                cursor=cursor,
                rows=rows,
                integers=("row_count", "created_at", "submitted_at", "started_at", "finished_at"),
            )
        frame = page.frame.assign(totals=[json.loads(text) for text in page.frame["totals"]])
        return Page(frame, page.newer, page.older)

    def counts(self) -> dict[str, int]:
        """Runs by state, every state present."""
        with self._pool.reading() as database:
            totals = {
                row["state"]: row["n"]
                for row in database.query("SELECT state, count(*) AS n FROM runs GROUP BY state")
            }
        return {state.value: totals.get(state.value, 0) for state in RunState}

    def rows(
        self,
        run_id: str,
        *,
        states: Sequence[str] = (),
        severity: str | None = None,
        search: str = "",
        after: int = 0,
        rows: int = PAGE_ROWS,
        failed_still: bool = False,
    ) -> tuple[pd.DataFrame, int | None]:
        """
        Rows in the order of the file after the row `after`, and where the next page begins.

        The state of a row that was sent is what came of its own try in this run. `why` says what a
        person should know: findings before a row is sent, its failure afterwards.

        Args:
            failed_still: only rows that nobody has collected elsewhere since, or is about to.
        """
        query = Query(_ROWS, "", "").where("w.run_id = ? AND w.number > ?", run_id, after)
        query = query.matching(
            search,
            ("w.reference", "w.customer", "coalesce(c.name, c.email)", "c.email", "w.cells"),
            {"w.reference_key": reference_key, "c.address_key": address_key},
        )
        if states:
            marks = ", ".join("?" * len(states))
            query = query.where(f"{STATE} IN ({marks})", *states)
        if failed_still:
            query = query.where(FAILED_STILL)
        if severity:
            query = query.where("w.severity = ?", severity)
        sql = f"{query.select} WHERE {' AND '.join(query.conditions)} ORDER BY w.number LIMIT ?"
        with self._pool.reading() as database:
            frame = frame_of(database, sql, [*query.parameters, rows + 1], integers=_INTEGERS)
        more = len(frame) > rows
        frame = _explained(frame.iloc[:rows].reset_index(drop=True))
        return frame, int(frame.iloc[-1]["number"]) if more else None

    def pace(self, run_id: str) -> float:
        """Rows a second that came to an end in the last minute, or since it was started or resumed."""
        now = epoch(self._clock())
        with self._pool.reading() as database:
            begun = database.execute(BEGUN, (run_id,)).fetchone()[0]
            since = max(now - _PACE_SECONDS, begun or 0)
            sent_after = since - IN_FLIGHT_SECONDS
            ended = database.execute(ENDED, (sent_after, run_id, since, now)).fetchone()[0]
        return float(ended) / max(now - since, 1)

    def executed_now(self, *, besides: str) -> list[str]:
        """Names of the other runs that a living process has."""
        now = epoch(self._clock())
        with self._pool.reading() as database:
            rows = database.execute(_EXECUTED, (besides, now - STALE_SECONDS)).fetchall()
        return [name for (name,) in rows]

    def failures(self, run_id: str) -> pd.DataFrame:
        """
        Of rows that failed and were not collected elsewhere since, per reason and currency: `count`,
        `amount` in minor units, and `next_step`.
        """
        with self._pool.reading() as database:
            frame = frame_of(
                database,
                f"{_ROWS} WHERE w.run_id = ? AND {FAILED_STILL}"
                f" AND {STATE} IN ('declined', 'needs_customer')",
                [run_id],
                integers=_INTEGERS,
            )
        rows = _explained(frame)
        return rows.groupby(["reason", "next_step", "currency"], as_index=False).agg(
            count=("amount", "size"), amount=("amount", "sum")
        )


def _explained(frame: pd.DataFrame) -> pd.DataFrame:
    texts = [_told(row) for row in records(frame)]
    return frame.assign(
        **{
            name: [row[name] for row in texts]
            for name in ("name", "method", "reason", "why", "next_step")
        }
    )


def _told(row: dict[str, Any]) -> dict[str, str]:
    label = label_of(row["type"], row["brand"], row["last4"]) if row["type"] else ""
    texts = {
        "name": row["name"] or str(json.loads(row["request"])["customer"]),
        "method": label,
        "reason": "",
        "why": " ".join(finding["message"] for finding in json.loads(row["findings"])),
        "next_step": "",
    }
    if row["state"] in ("succeeded", "processing"):
        texts["why"] = ""
    if row["state"] in ("declined", "needs_customer"):
        failure = explain(
            decline_of(row), http_status=row["http_status"], at=row["outcome_at"] or 0
        )
        texts |= {
            "reason": failure.reason.value,
            "why": failure.explanation.staff,
            "next_step": failure.explanation.next_step,
        }
        if row["elsewhere"]:
            texts |= {"why": f"{texts['why']} Collected later {row['elsewhere']}.", "next_step": ""}
    return texts
