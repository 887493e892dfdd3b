"""The rows of charge runs. A row that was sent has its charge's state."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain, islice
from typing import Any

import orjson
from sqlite_utils import Database

from lib.domain.breaker import RowResult
from lib.domain.charges import ChargeState, Outcome
from lib.domain.control_totals import FileTotals
from lib.domain.files.readings import not_counted
from lib.domain.reference_keys import reference_key
from lib.domain.run_states import UNSENT_STATES
from lib.domain.runs import (
    CollectedElsewhere,
    Finding,
    RowRequest,
    RowState,
    RunRow,
    Severity,
    severity_of,
)
from lib.errors import StaleState
from lib.money import Money
from lib.store.own_outcomes import FAILED_STILL, JOINS, STATE
from lib.store.states import STOPPED_ROW, one_of

_IN_FLIGHT = frozenset({ChargeState.ATTEMPTING, ChargeState.UNKNOWN})
_COLUMNS = """run_id, number, cells, request, customer, payment_method, amount, currency, reference,
    reference_key, description, suffix, state, findings, severity, charge_id, original,
    file_customer"""
_MARKS = f"({', '.join('?' * 18)})"
# Rows a statement: SQLite keeps what each statement may have to take back, and that is most of the
# work of one row.
_AT_ONCE = 500


class RunRowStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, rows: Iterable[RunRow]) -> None:
        left = iter(rows)
        while some := list(islice(left, _AT_ONCE)):
            values = ", ".join([_MARKS] * len(some))
            self._database.conn.execute(
                f"INSERT INTO run_rows ({_COLUMNS}) VALUES {values}",
                tuple(chain.from_iterable(map(_values, some))),
            )

    def drop(self, run_id: str, numbers: Iterable[int] | None = None) -> None:
        """Of a draft, to write them anew; all rows unless `numbers` says which."""
        these = "" if numbers is None else "AND number IN (SELECT value FROM json_each(?))"
        keys = () if numbers is None else (_json(list(numbers)),)
        self._database.execute(f"DELETE FROM run_rows WHERE run_id = ? {these}", (run_id, *keys))

    def numbers_with(self, run_id: str, code: str) -> list[int]:
        """Of a draft, the rows of which this was found, without those that are left out."""
        rows = self._database.query(
            f"""SELECT number FROM run_rows WHERE run_id = ? AND state IN {one_of(UNSENT_STATES)}
                   AND EXISTS (SELECT 1 FROM json_each(findings) f WHERE f.value ->> 'code' = ?)
               ORDER BY number""",
            (run_id, code),
        )
        return [row["number"] for row in rows]

    def of(
        self,
        run_id: str,
        *,
        states: Sequence[RowState] = tuple(RowState),
        after: int = 0,
        limit: int = -1,
    ) -> list[RunRow]:
        """In the order of the file, from the row after `after` on."""
        marks = ", ".join("?" * len(states))
        rows = self._database.query(
            f"""SELECT * FROM run_rows WHERE run_id = ? AND state IN ({marks}) AND number > ?
                ORDER BY number LIMIT ?""",
            (run_id, *(state.value for state in states), after, limit),
        )
        return [_row(row) for row in rows]

    def planned_of(self, run_id: str, customers: Sequence[str]) -> list[RunRow]:
        """Of these customers, in the order of the file."""
        rows = self._database.query(
            """SELECT * FROM run_rows WHERE run_id = ? AND state = 'planned'
                   AND customer IN (SELECT value FROM json_each(?)) ORDER BY number""",
            (run_id, _json(customers)),
        )
        return [_row(row) for row in rows]

    def payers(self, run_id: str) -> list[tuple[str, bool]]:
        """
        Customers whose submitted rows are charged when the run is executed, and whether their address is
        known; in the order of the file.
        """
        rows = self._database.query(
            """SELECT w.customer, coalesce(c.email, '') <> '' AS has_address
               FROM (SELECT customer, min(number) AS first FROM run_rows
                   WHERE run_id = ? AND state = 'planned' AND is_submitted
                       AND payment_method <> '' AND customer <> '' GROUP BY customer) w
               LEFT JOIN customers c ON c.id = w.customer ORDER BY w.first""",
            (run_id,),
        )
        return [(row["customer"], bool(row["has_address"])) for row in rows]

    def next_blocked(self, run_id: str, after: int) -> int | None:
        """The first one behind this row, else the first one."""
        rows = self._database.query(
            """SELECT number FROM run_rows WHERE run_id = ? AND state = 'blocked'
               ORDER BY number <= ?, number LIMIT 1""",
            (run_id, after),
        )
        return next((row["number"] for row in rows), None)

    def some(self, run_id: str, numbers: Sequence[int]) -> list[RunRow]:
        """These, in the order of the file."""
        rows = self._database.query(
            """SELECT * FROM run_rows WHERE run_id = ?
                   AND number IN (SELECT value FROM json_each(?)) ORDER BY number""",
            (run_id, _json(numbers)),
        )
        return [_row(row) for row in rows]

    def with_references(self, run_id: str, keys: Sequence[str]) -> list[RunRow]:
        """Those with a reference that is one of these to a person, in the order of the file."""
        rows = self._database.query(
            """SELECT * FROM run_rows WHERE run_id = ?
                   AND reference_key IN (SELECT value FROM json_each(?)) ORDER BY number""",
            (run_id, _json(keys)),
        )
        return [_row(row) for row in rows]

    def find(self, run_id: str, number: int) -> RunRow | None:
        rows = self._database.query(
            "SELECT * FROM run_rows WHERE run_id = ? AND number = ?", (run_id, number)
        )
        return next((_row(row) for row in rows), None)

    def mark(
        self,
        run_id: str,
        number: int,
        *,
        before: RowState,
        after: RowState,
        charge_id: str | None = None,
        findings: Sequence[Finding] | None = None,
    ) -> bool:
        """Change a row's state if it is still `before`."""
        cursor = self._database.execute(
            """UPDATE run_rows SET state = ?, charge_id = coalesce(?, charge_id),
                   findings = coalesce(?, findings), severity = coalesce(?, severity)
               WHERE run_id = ? AND number = ? AND state = ?""",
            (
                after.value,
                charge_id,
                None if findings is None else _findings_text(findings),
                None if findings is None else severity_of(findings),
                run_id,
                number,
                before.value,
            ),
        )
        return cursor.rowcount == 1

    def send(self, run_id: str, number: int, *, charge_id: str) -> None:
        """Belongs into the transaction that writes its attempt; before it, as that is checked."""
        cursor = self._database.execute(
            """UPDATE run_rows SET state = 'sent', charge_id = ?
               WHERE run_id = ? AND number = ? AND state = 'planned'""",
            (charge_id, run_id, number),
        )
        if cursor.rowcount != 1:
            raise StaleState("This row of the run was handled a moment ago.")

    def plan_again(self, run_id: str) -> None:
        """
        Rows whose charge was proven never to have been executed when this run tried it. What a
        person, or another run, tried later and Stripe did not take is theirs to send, and what was
        handed over to wait for a card was never tried.
        """
        self._database.execute(
            """UPDATE run_rows SET state = 'planned' WHERE run_id = ? AND state = 'sent' AND
                   (SELECT state FROM charges WHERE id = charge_id) = 'planned'
                   AND NOT EXISTS (SELECT 1 FROM attempts a WHERE a.run_id = run_rows.run_id
                       AND a.run_row = run_rows.number AND a.outcome IS NOT 'not_executed')
                   AND payment_method <> ''""",
            (run_id,),
        )

    def cancel_with(self, charge_id: str, attempt: int) -> bool:
        """
        Cancel the row that sent an attempt if its run was cancelled since; whether that was so. Such a
        row can be sent no more.
        """
        cursor = self._database.execute(
            """UPDATE run_rows SET state = 'cancelled' WHERE state = 'sent'
                   AND (run_id, number) IN (SELECT run_id, run_row FROM attempts
                       WHERE charge_id = ? AND number = ?)
                   AND EXISTS (SELECT 1 FROM runs WHERE id = run_rows.run_id
                       AND state = 'cancelled')""",
            (charge_id, attempt),
        )
        return cursor.rowcount == 1

    def was_sent(self, charge_id: str, attempt: int) -> None:
        """
        Of an attempt that moves money after all, though it counted as never executed: its row was sent, whatever
        became of it meanwhile.
        """
        self._database.execute(
            """UPDATE run_rows SET state = 'sent', severity = iif(severity = 'red', 'amber', severity)
               WHERE state <> 'sent' AND (run_id, number) IN (SELECT run_id, run_row FROM attempts
                   WHERE charge_id = ? AND number = ?)""",
            (charge_id, attempt),
        )

    def in_flight(self, run_id: str) -> list[str]:
        """Charges that this run sent and whose outcome is not known; not what others try again."""
        rows = self._database.query(
            f"""SELECT c.id FROM charges c WHERE c.state IN {one_of(_IN_FLIGHT)}
                   AND EXISTS (SELECT 1 FROM run_rows r WHERE r.run_id = ? AND r.charge_id = c.id
                       AND r.state = 'sent')
                   AND EXISTS (SELECT 1 FROM attempts a WHERE a.charge_id = c.id AND a.run_id = ?
                       AND (a.outcome IS NULL OR a.outcome = 'unknown'))""",
            (run_id, run_id),
        )
        return [row["id"] for row in rows]

    def answers(self, run_id: str, *, limit: int) -> list[RowResult]:
        """
        The newest outcomes of what this run sent since a person last resumed it, oldest first, as the
        breaker counts them. What evidence proved never to have been executed is no answer of Stripe's.
        """
        rows = self._database.query(
            """SELECT a.outcome, a.http_status, a.code, a.outcome_type FROM attempts a
               JOIN runs r ON r.id = a.run_id AND a.fence > r.breaker_fence
               WHERE a.run_id = ? AND a.outcome IS NOT NULL
                   AND (a.outcome <> 'not_executed' OR a.evidence = 'reply')
               ORDER BY a.outcome_at DESC, a.rowid DESC LIMIT ?""",
            (run_id, limit),
        )
        return [
            RowResult(
                Outcome(row["outcome"]),
                http_status=row["http_status"],
                code=row["code"],
                is_blocked=row["outcome_type"] == "blocked",
            )
            for row in reversed(list(rows))
        ]

    def count(self, run_id: str, state: RowState) -> int:
        rows = self._database.query(
            "SELECT count(*) AS n FROM run_rows WHERE run_id = ? AND state = ?",
            (run_id, state.value),
        )
        return int(next(rows)["n"])

    def file_totals(self, run_id: str) -> FileTotals:
        """What the file of a run holds, chargeable or not, and the same with corrections."""
        counts = next(
            self._database.query(
                """SELECT count(*) AS n, coalesce(sum(state = 'blocked'), 0) AS blocked,
                       coalesce(sum(state = 'cancelled'), 0) AS left_out,
                       (SELECT reading FROM runs WHERE id = ?1) AS reading
                   FROM run_rows WHERE run_id = ?1""",
                (run_id,),
            )
        )
        totals, unreadable = self._totals(run_id, "amount", "currency")
        in_file = (
            f"iif(original IS NULL, {name}, original ->> '$.{name}')"
            for name in ("amount", "currency")
        )
        file, unreadable_in_file = self._totals(run_id, *in_file)
        return FileTotals(
            rows=counts["n"],
            totals=file,
            unreadable=unreadable_in_file,
            blocked=counts["blocked"],
            left_out=counts["left_out"],
            corrected=totals,
            unreadable_still=unreadable,
            not_counted=not_counted(orjson.loads(counts["reading"] or "null")),
        )

    def _totals(self, run_id: str, amount: str, currency: str) -> tuple[dict[str, int], int]:
        """Minor units by currency, and how many rows have no amount."""
        rows = list(
            self._database.query(
                f"""SELECT iif({amount} IS NULL, NULL, {currency}) AS code, count(*) AS n,
                        sum({amount}) AS amount
                    FROM run_rows WHERE run_id = ? GROUP BY 1 ORDER BY 1""",
                (run_id,),
            )
        )
        totals = {row["code"]: row["amount"] for row in rows if row["code"] is not None}
        return totals, sum(row["n"] for row in rows if row["code"] is None)

    def submit(self, run_id: str) -> None:
        """What is planned now is what is submitted; while the run is a draft."""
        self._database.execute(
            "UPDATE run_rows SET is_submitted = (state = 'planned') WHERE run_id = ?", (run_id,)
        )

    def cancel_planned(self, run_id: str) -> int:
        cursor = self._database.execute(
            "UPDATE run_rows SET state = 'cancelled' WHERE run_id = ? AND state = 'planned'",
            (run_id,),
        )
        return int(cursor.rowcount)

    def sums(self, run_id: str) -> tuple[dict[str, int], dict[str, dict[str, int]]]:
        """
        Rows by state, and minor units by currency and state. The state of a row that was sent is
        what came of its own try in this run.
        """
        counts: dict[str, int] = {}
        totals: dict[str, dict[str, int]] = {}
        for row in self._database.query(
            f"""SELECT iif(w.amount IS NULL, NULL, w.currency) AS currency, {STATE} AS state,
                    count(*) AS n, sum(w.amount) AS amount
                FROM run_rows w {JOINS} WHERE w.run_id = ? GROUP BY 1, 2 ORDER BY 1, 2""",
            (run_id,),
        ):
            counts[row["state"]] = counts.get(row["state"], 0) + row["n"]
            if row["currency"] is not None:
                totals.setdefault(row["currency"], {})[row["state"]] = row["amount"]
        return counts, totals

    def stopped(self, run_id: str) -> tuple[int, dict[str, int]]:
        """Of the planned rows those of which something was found that stops them: how many, and minor units by currency."""
        count, totals = 0, {}
        for row in self._database.query(
            f"""SELECT iif(amount IS NULL, NULL, currency) AS currency, count(*) AS n, sum(amount) AS amount
                FROM run_rows WHERE run_id = ? AND state = 'planned' AND {STOPPED_ROW}
                GROUP BY 1 ORDER BY 1""",
            (run_id,),
        ):
            count += row["n"]
            if row["currency"] is not None:
                totals[row["currency"]] = row["amount"]
        return count, totals

    def failed_still(self, run_id: str) -> int:
        """Rows that failed and were not collected elsewhere since, nor are being tried again."""
        rows = self._database.query(
            f"""SELECT count(*) AS n FROM run_rows w JOIN charges h ON h.id = w.charge_id
                WHERE w.run_id = ? AND w.state = 'sent' AND {FAILED_STILL}""",
            (run_id,),
        )
        return int(next(rows)["n"])

    def collected_elsewhere(self, run_id: str) -> list[CollectedElsewhere]:
        """What this run did not collect and another did, or somebody singly."""
        # The plus: a charge has few tries, a run as many as rows, and SQLite takes the index of those.
        rows = self._database.query(
            """SELECT t.run_id, r.name AS run_name, h.currency, count(*) AS charges,
                   sum(h.amount) AS amount
               FROM (SELECT DISTINCT charge_id FROM attempts
                   WHERE run_id = :id AND outcome IS NOT 'succeeded') o
               JOIN charges h ON h.id = o.charge_id AND h.state = 'succeeded'
               JOIN attempts t ON t.charge_id = h.id AND t.outcome = 'succeeded'
                   AND +t.run_id IS NOT :id
               LEFT JOIN runs r ON r.id = t.run_id
               WHERE EXISTS (SELECT 1 FROM run_rows w WHERE w.charge_id = h.id
                       AND +w.run_id = :id AND w.state = 'sent')
                   AND NOT EXISTS (SELECT 1 FROM attempts s WHERE s.charge_id = h.id
                       AND +s.run_id = :id AND s.outcome = 'succeeded')
               GROUP BY t.run_id, h.currency ORDER BY r.created_at, h.currency""",
            {"id": run_id},
        )
        return [CollectedElsewhere(**row) for row in rows]


def _values(row: RunRow) -> tuple[object, ...]:
    return (
        row.run_id,
        row.number,
        _json(row.cells),
        _request_text(row.request),
        row.customer,
        row.payment_method,
        row.amount,
        row.currency,
        row.reference,
        None if row.reference is None else reference_key(row.reference),
        row.description,
        row.suffix,
        row.state.value,
        _findings_text(row.findings),
        severity_of(row.findings),
        row.charge_id,
        None if row.original is None else _original_text(row.original),
        row.file_customer,
    )


def _json(value: object) -> str:
    return orjson.dumps(value).decode()


def _findings_text(findings: Iterable[Finding]) -> str:
    return _json(tuple(findings))


def _request_text(request: RowRequest) -> str:
    rare = {
        "amount_read": request.amount_read,
        "currency_read": request.currency_read,
        "chosen_beside": request.chosen_beside,
    }
    return _json(
        {
            "customer": request.customer,
            "payment_method": request.payment_method,
            "findings": request.findings,
        }
        | {name: value for name, value in rare.items() if value is not None}
    )


def _request(row: dict[str, Any]) -> RowRequest:
    """What is read of amount, reference and the rest is what the row says."""
    request = orjson.loads(row["request"])
    beside = request.get("chosen_beside")
    return RowRequest(
        number=row["number"],
        cells=tuple(orjson.loads(row["cells"])),
        customer=request["customer"],
        money=Money(row["amount"], row["currency"]) if row["amount"] else None,
        reference=row["reference"],
        payment_method=request["payment_method"],
        description=row["description"],
        suffix=row["suffix"],
        findings=_findings(request["findings"]),
        amount_read=request.get("amount_read"),
        currency_read=request.get("currency_read"),
        chosen_beside=None if beside is None else tuple(beside),
    )


def _original_text(request: RowRequest) -> str:
    """All of it but number and cells, which are the row's."""
    money = request.money
    return _json(
        {
            "request": _request_text(request),
            "amount": money.amount if money else None,
            "currency": money.currency if money else None,
            "reference": request.reference,
            "description": request.description,
            "suffix": request.suffix,
        }
    )


def _original(row: dict[str, Any]) -> RowRequest | None:
    return _request(row | orjson.loads(row["original"])) if row["original"] else None


def _findings(findings: list[dict[str, Any]]) -> tuple[Finding, ...]:
    return tuple(
        Finding(
            **one | {"severity": Severity(one["severity"]), "about": tuple(one.get("about", ()))}
        )
        for one in findings
    )


def _row(row: dict[str, Any]) -> RunRow:
    values = {name: row[name] for name in RunRow.__slots__}
    return RunRow(
        **values
        | {
            "cells": tuple(orjson.loads(row["cells"])),
            "state": RowState(row["state"]),
            "is_submitted": bool(row["is_submitted"]),
            "findings": _findings(orjson.loads(row["findings"])),
            "request": _request(row),
            "original": _original(row),
        }
    )
