"""The list of incidents: paged by index, however many there are."""

from __future__ import annotations

import json

import pytest
from sqlite_utils import Database

from lib.reports.incidents import IncidentReports
from lib.store.connection import connect
from lib.store.unit_of_work import UnitOfWork

MANY = 2_000


@pytest.fixture
def many(uow: UnitOfWork) -> UnitOfWork:
    """Nine tenths are settled; how SQLite reads them does not depend on how many there are."""
    details = json.dumps({"customer": "cus_1", "reference": "R", "amount": 100, "currency": "eur"})
    with connect(uow.pool.path) as database:
        rows = (
            (f"inc_{n:06}", "unexpected_payment", f"pi_{n:06}", details, n, *_settled(n))
            for n in range(MANY)
        )
        database.conn.executemany(
            """INSERT INTO incidents (id, kind, subject, details, found_at, settled_at, settled_by, note,
                   resolution) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)""",
            rows,
        )
        database.conn.commit()
    return uow


def _settled(number: int) -> tuple[object, ...]:
    return (None,) * 4 if number % 10 == 0 else (number + 1, "alice", "Refunded", "refunded")


@pytest.mark.parametrize("state", ["open", "settled", None])
def test_every_page_is_read_by_index(
    many: UnitOfWork, state: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    reports = IncidentReports(many.pool)
    statements: list[tuple[str, list[object]]] = []
    execute = Database.execute

    def watched(self: Database, sql: str, parameters: object = None) -> object:
        if "FROM incidents" in sql:
            statements.append((sql, list(parameters or ())))  # type: ignore[call-overload]
        return execute(self, sql, parameters)  # type: ignore[arg-type]

    monkeypatch.setattr(Database, "execute", watched)
    first = reports.page(state=state)
    second = reports.page(state=state, cursor=first.older)
    monkeypatch.undo()
    assert len(first.frame) == len(second.frame) == 50
    assert first.frame["found_at"].iloc[-1] > second.frame["found_at"].iloc[0]
    assert len(statements) == 2
    with connect(many.pool.path) as database:
        for sql, parameters in statements:
            plan = "\n".join(
                str(row[3]) for row in database.execute(f"EXPLAIN QUERY PLAN {sql}", parameters)
            )
            assert "USING INDEX incidents_" in plan
            assert "TEMP B-TREE" not in plan
            assert "SCAN p" not in plan
            assert "SCAN c" not in plan


def test_counts(many: UnitOfWork) -> None:
    assert IncidentReports(many.pool).counts() == {"open": MANY // 10, "settled": MANY * 9 // 10}


def test_what_is_open_is_found_by_index(many: UnitOfWork) -> None:
    """What admit, doctor, a charge's page and every news of a payment ask."""
    with connect(many.pool.path) as database:
        for sql in (
            """SELECT * FROM incidents WHERE settled_at IS NULL
               AND json_extract(details, '$.customer') IN (SELECT value FROM json_each('[]'))""",
            """SELECT * FROM incidents WHERE settled_at IS NULL
               AND json_extract(details, '$.charge_id') IN (SELECT value FROM json_each('[]'))""",
            "SELECT * FROM incidents WHERE subject = 'pi_1'",
            """SELECT * FROM incidents WHERE settled_at IS NULL
               AND subject IN (SELECT value FROM json_each('[]'))""",
        ):
            plan = " ".join(str(row[3]) for row in database.execute(f"EXPLAIN QUERY PLAN {sql}"))
            assert "SEARCH incidents USING INDEX" in plan, plan
