"""What is asked about a debt inside the claim: by index, however much the ledger holds."""

from __future__ import annotations

import json
import re
import sqlite3

import pytest
from sqlite_utils import Database

from lib.domain.mirror import Customer, PaymentMethod
from lib.store.connection import connect
from lib.store.unit_of_work import UnitOfWork

MANY = 200
CUSTOMER = Customer("cus_7", False, "Payer", "payer@example.com", 1)
CARD = PaymentMethod(
    id="pm_7",
    livemode=False,
    type="card",
    customer="cus_7",
    brand="visa",
    last4="4242",
    exp_month=12,
    exp_year=2040,
    funding="credit",
    country="DE",
    fingerprint="fp7",
    billing_name=None,
    billing_email=None,
    created=1,
)
# Lists of the query itself, and whether there is any.
_SMALL = re.compile(r"SCAN (json_each|incidents|customer_holds)\b")


@pytest.fixture
def ledger(uow: UnitOfWork) -> UnitOfWork:
    """As many charges as customers, each paid by a card of its own."""
    with uow.write(in_bulk=True) as stores:
        stores.mirror.save_customers([CUSTOMER], synced_at_ms=1)
        stores.mirror.save_payment_methods([CARD], synced_at_ms=1)
    with connect(uow.pool.path) as database:
        database.conn.execute("BEGIN")
        database.conn.executemany(
            """INSERT INTO charges (id, livemode, customer, payment_method, amount, currency,
                   reference, reference_key, state, created_by, created_at, updated_at)
               VALUES (?, 0, ?, ?, 1000, 'eur', ?, ?, 'succeeded', 'alice', 1, 1)""",
            [(f"chg_{n}", f"cus_{n}", f"pm_{n}", f"R-{n}", f"r{n}") for n in range(MANY)],
        )
        database.conn.executemany(
            """INSERT INTO attempts (charge_id, number, idempotency_key, params, requested_by,
                   requested_at, outcome, outcome_at)
               VALUES (?, 1, ?, ?, 'alice', 1, 'succeeded', 1)""",
            [
                (f"chg_{n}", f"key_{n}", json.dumps({"payment_method": f"pm_{n}"}))
                for n in range(MANY)
            ],
        )
        database.conn.execute("COMMIT")
    return uow


def plans(
    uow: UnitOfWork, monkeypatch: pytest.MonkeyPatch, *, except_run: str | None
) -> dict[str, str]:
    """How SQLite answers each query for the facts of one debt."""
    asked: list[tuple[str, tuple[object, ...]]] = []
    execute = Database.execute

    def watched(self: Database, sql: str, parameters: object = None) -> sqlite3.Cursor:
        if sql.lstrip().startswith(("SELECT", "WITH")):
            asked.append((sql, tuple(parameters or ())))  # type: ignore[call-overload]
        return execute(self, sql, parameters)  # type: ignore[arg-type]

    monkeypatch.setattr(Database, "execute", watched)
    with uow.read() as stores:
        facts = stores.preflight.debts(CUSTOMER, CARD, except_run=except_run)
    monkeypatch.undo()
    assert [charge.id for charge in facts.live.values()] == ["chg_7"]
    with connect(uow.pool.path) as database:
        return {
            sql: "\n".join(
                str(row[3]) for row in database.execute(f"EXPLAIN QUERY PLAN {sql}", parameters)
            )
            for sql, parameters in asked
        }


@pytest.mark.parametrize("except_run", [None, ""])
def test_no_query_reads_more_in_a_larger_ledger(
    ledger: UnitOfWork, monkeypatch: pytest.MonkeyPatch, except_run: str | None
) -> None:
    """Two of them read every charge that was ever paid, within the write transaction of each charge."""
    for sql, plan in plans(ledger, monkeypatch, except_run=except_run).items():
        steps = plan.splitlines()
        read_whole = [one for one in steps if one.startswith("SCAN ") and not _SMALL.match(one)]
        assert not read_whole, f"{sql}\n{plan}"
        # An index that is made for the query, or that begins with what nearly all rows have.
        assert "AUTOMATIC" not in plan, f"{sql}\n{plan}"
        assert "by_state (state=?)" not in plan, f"{sql}\n{plan}"


def test_the_sum_of_a_day_is_that_of_its_own_tries(ledger: UnitOfWork) -> None:
    with ledger.read() as stores:
        assert stores.limits.charged_since(1) == {"eur": MANY * 1000}
        assert stores.limits.charged_since(2) == {}


def test_a_card_is_known_again_by_its_fingerprint(ledger: UnitOfWork) -> None:
    with ledger.read() as stores:
        assert stores.preflight.never_again([CARD]) == frozenset()
    with connect(ledger.pool.path) as database:
        database.execute(
            """INSERT INTO charges (id, livemode, customer, payment_method, amount, currency,
                   reference, reference_key, state, created_by, created_at, updated_at)
               VALUES ('chg_lost', 0, 'cus_7', 'pm_7', 1000, 'eur', 'L', 'l', 'declined', 'a', 1, 1)"""
        )
        database.execute(
            """INSERT INTO attempts (charge_id, number, idempotency_key, params, requested_by,
                   requested_at, outcome, outcome_at, decline_code, code)
               VALUES ('chg_lost', 1, 'k', ?, 'a', 1, 'declined', 1, 'lost_card', 'card_declined')""",
            (json.dumps({"payment_method": "pm_7"}),),
        )
    with ledger.read() as stores:
        assert stores.preflight.never_again([CARD]) == {"fp7"}
