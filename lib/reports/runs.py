"""Charge runs, as pages show them: the list, one run's rows, its failures by reason."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import Any

import pandas as pd

from lib.clock import Clock, epoch
from lib.domain.charges import IN_FLIGHT_SECONDS, Outcome
from lib.domain.identity import address_key, id_key
from lib.domain.reference_keys import reference_key
from lib.domain.run_states import UNSENT_STATES
from lib.domain.runs import STALE_SECONDS, RunState, Severity
from lib.reports.frames import frame_of, records
from lib.reports.holds import marked
from lib.reports.paging import EXPORT_ROWS, PAGE_ROWS, Page, Query, of_all, page_of
from lib.reports.run_row_words import explained
from lib.reports.sums import Sum, sums_of
from lib.store.connection_pool import ConnectionPool
from lib.store.own_outcomes import FAILED_STILL, JOINS, STATE, UNPAID_RUN
from lib.store.states import one_of

_RUNS = Query(
    f"""SELECT r.id, r.name, r.state, r.row_count, r.totals, r.file_name, r.created_by,
           coalesce(u.name, r.created_by) AS created_by_name, r.created_at, r.submitted_at,
           r.started_at, r.finished_at, r.stop_code,
           r.state = 'finished' AND {UNPAID_RUN} AS has_failures,
           r.created_at AS page_time, r.id AS page_id
       FROM runs r LEFT JOIN users u ON u.username = r.created_by""",
    "r.created_at",
    "r.id",
)

_RUN_COUNTS = Query("SELECT r.state, count(*) AS n FROM runs r", "r.created_at", "r.id")
_RUN_SUMS = Query(
    """SELECT r.state, t.key AS currency, count(*) AS n, sum(t.value) AS amount
       FROM runs r, json_each(r.totals) t""",
    "r.created_at",
    "r.id",
)

_ROWS = f"""
    SELECT w.number AS id, w.number, w.severity, w.findings, w.customer, w.reference, w.amount,
        w.currency, w.request, coalesce(c.name, c.email, w.customer) AS name, c.email,
        {STATE} AS state, w.payment_method, m.brand, m.last4,
        m.type, h.id AS charge_id, o.payment_intent, o.outcome, o.outcome_at,
        o.http_status, o.code, o.decline_code, o.advice_code, o.network_decline_code,
        o.network_advice_code, o.outcome_type, o.message,
        (SELECT coalesce('by the run “' || r.name || '”', 'singly')
            FROM attempts e LEFT JOIN runs r ON r.id = e.run_id
            WHERE e.charge_id = h.id AND h.state = 'succeeded' AND e.outcome = 'succeeded'
                AND e.run_id IS NOT w.run_id LIMIT 1) AS elsewhere
    FROM run_rows w {JOINS}
    LEFT JOIN customers c ON c.id = w.customer
    LEFT JOIN payment_methods m ON m.id = w.payment_method"""
_ROW_COUNTS = f"""
    SELECT w.number, {STATE} AS state FROM run_rows w {JOINS}
    LEFT JOIN customers c ON c.id = w.customer"""
# Attempts are found by when they were sent: a large run has far more than one minute's.
ENDED = f"""
    SELECT count(*) FROM attempts WHERE requested_at > ? AND +run_id = ? AND outcome_at > ?
        AND outcome_at <= ? AND outcome IN {one_of(set(Outcome) - {Outcome.UNKNOWN, Outcome.NOT_EXECUTED})}"""
BEGUN = """
    SELECT max(at) FROM audit_log WHERE subject = ? AND action IN ('run.start', 'run.resume')"""
_EXECUTED = """
    SELECT name FROM runs WHERE state = 'running' AND id <> ? AND lease_owner IS NOT NULL
        AND lease_at >= ? ORDER BY started_at, id"""
_FOUND = "EXISTS (SELECT 1 FROM json_each(w.findings) f WHERE f.value ->> 'code' = ?)"
_KINDS = f"""
    SELECT code, severity, "column", iif(amount IS NULL, NULL, currency) AS currency, count(*) AS n,
        sum(amount) AS amount, min(message) AS message
    FROM (SELECT w.number, w.currency, w.amount, f.value ->> 'code' AS code,
            f.value ->> 'severity' AS severity, f.value ->> 'column' AS "column",
            min(f.value ->> 'message') AS message
        FROM run_rows w, json_each(w.findings) f
        WHERE w.run_id = ? AND w.state IN {one_of(UNSENT_STATES)} GROUP BY w.number, 4, 5)
    GROUP BY 1, 2, 4 ORDER BY min(number)"""
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
        stop_codes: Collection[StrEnum] = (),
        search: str = "",
        since: int | None = None,
        before: int | None = None,
        cursor: str | None = None,
        rows: int = PAGE_ROWS,
    ) -> Page:
        """
        Runs, newest first; `totals` is minor units by currency of what can be charged, and
        `has_failures` says of a finished one that something of it was not paid.
        """
        query = _runs_of(_RUNS, search, since, before)
        if state:
            query = query.where("r.state = ?", state)
        if stop_codes:
            query = query.where(f"r.stop_code IN {one_of(stop_codes)}")
        with self._pool.reading() as database:
            page = page_of(
                database,
                query,
                cursor=cursor,
                rows=rows,
                integers=("row_count", "created_at", "submitted_at", "started_at", "finished_at"),
            )
        frame = page.frame.assign(totals=[json.loads(text) for text in page.frame["totals"]])
        return replace(page, frame=frame)

    def sums(
        self, *, search: str = "", since: int | None = None, before: int | None = None
    ) -> list[Sum]:
        """What can be charged, by the state of its run; runs are counted once a currency."""
        query = _runs_of(_RUN_SUMS, search, since, before)
        with self._pool.reading() as database:
            return sums_of(database, query, group="r.state, t.key")

    def counts(
        self, *, search: str = "", since: int | None = None, before: int | None = None
    ) -> dict[str, int]:
        """Runs by state, every state present."""
        query = _runs_of(_RUN_COUNTS, search, since, before)
        with self._pool.reading() as database:
            rows = database.query(f"{query.sql} GROUP BY r.state", query.parameters)
            totals = {row["state"]: row["n"] for row in rows}
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
        finding: str | None = None,
    ) -> tuple[pd.DataFrame, int | None]:
        """
        Rows in the order of the file after the row `after`, and where the next page begins.

        The state of a row that was sent is what came of its own try in this run. `why` says what a
        person should know: findings before a row is sent, its failure afterwards.

        Args:
            finding: only rows of which this was found, by its code.
        """
        query = _rows_of(_ROWS, run_id, severity, search, finding).where("w.number > ?", after)
        if states:
            marks = ", ".join("?" * len(states))
            query = query.where(f"{STATE} IN ({marks})", *states)
        sql = f"{query.select} WHERE {' AND '.join(query.conditions)} ORDER BY w.number LIMIT ?"
        with self._pool.reading() as database:
            frame = frame_of(database, sql, [*query.parameters, rows + 1], integers=_INTEGERS)
            frame = marked(database, frame)
        more = len(frame) > rows
        frame = explained(frame.iloc[:rows].reset_index(drop=True))
        return frame, int(frame.iloc[-1]["number"]) if more else None

    def results(self, run_id: str) -> list[dict[str, Any]]:
        """
        Every row for a file; the columns are in `domain/list_columns`.

        Raises:
            InvalidInput: there are more than a file takes.
        """
        frame, more = self.rows(run_id, rows=EXPORT_ROWS)
        return records(of_all(frame, has_more=more is not None))

    def row_counts(
        self,
        run_id: str,
        *,
        severity: str | None = None,
        search: str = "",
        finding: str | None = None,
        after: int = 0,
    ) -> dict[str, tuple[int, int]]:
        """By state: how many rows of those that `rows` shows, and how many of them up to the row `after`."""
        query = _rows_of(_ROW_COUNTS, run_id, severity, search, finding)
        with self._pool.reading() as database:
            rows = database.query(
                f"""SELECT state, count(*) AS n, sum(number <= ?) AS before FROM ({query.sql})
                    GROUP BY state""",
                (after, *query.parameters),
            )
            return {row["state"]: (row["n"], row["before"]) for row in rows}

    def kinds(self, run_id: str) -> pd.DataFrame:
        """
        What was found of the rows of a draft, worst first: `code`, `severity`, `column`, how many
        `rows`, what they come to (`totals`, minor units by currency), and `message` of the first.

        Rows that are left out do not count.
        """
        with self._pool.reading() as database:
            groups = list(database.query(_KINDS, (run_id,)))
        kinds: dict[tuple[str, str], dict[str, Any]] = {}
        for row in groups:
            kind = kinds.setdefault(
                (row["severity"], row["code"]),
                {**row, "rows": 0, "totals": {}},
            )
            kind["rows"] += row["n"]
            if row["amount"] is not None:
                kind["totals"][row["currency"]] = row["amount"]
        columns = ["code", "severity", "column", "rows", "totals", "message"]
        order = {severity.value: place for place, severity in enumerate(Severity)}
        worst_first = sorted(kinds.values(), key=lambda one: (order[one["severity"]], -one["rows"]))
        return pd.DataFrame(worst_first, columns=columns)

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
        """Rows that failed and were not collected elsewhere since, nor are being tried again; as `rows`."""
        with self._pool.reading() as database:
            frame = frame_of(
                database,
                f"{_ROWS} WHERE w.run_id = ? AND {FAILED_STILL} ORDER BY w.number",
                [run_id],
                integers=_INTEGERS,
            )
        return explained(frame)


def _rows_of(
    select: str, run_id: str, severity: str | None, search: str, finding: str | None
) -> Query:
    query = Query(select, "", "").where("w.run_id = ?", run_id)
    query = query.matching(
        search,
        ("w.reference", "w.customer", "coalesce(c.name, c.email)", "c.email", "w.cells"),
        {"w.reference_key": reference_key, "c.address_key": address_key, "c.id_key": id_key},
    )
    if finding:
        query = query.where(_FOUND, finding)
    return query.where("w.severity = ?", severity) if severity else query


def _runs_of(query: Query, search: str, since: int | None, before: int | None) -> Query:
    query = query.matching(search, ("r.name", "r.id", "r.file_name"))
    if since is not None:
        query = query.where("r.created_at >= ?", since)
    return query if before is None else query.where("r.created_at < ?", before)
