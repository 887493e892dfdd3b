"""Fees and payouts: read within the allowance, whole, and equal to practice Stripe's own books."""

from __future__ import annotations

import sqlite3

import pytest

from lib.domain.books import JournalFilter
from lib.domain.settlement import READ_EVERY_SECONDS
from lib.services.books.settlement import SettlementReader
from tests.beginnings import made_once
from tests.world import VERA, World


@pytest.fixture
def reader(world: World) -> SettlementReader:
    return world.services.settlement


@pytest.fixture
@made_once
def customer(world: World) -> str:
    customer = world.customer()
    world.save_card(customer)
    return customer


def at_stripe(world: World, kind: str) -> list[sqlite3.Row]:
    return list(
        world.stripe.database.connection().execute(
            """SELECT id, json_extract(payload, '$.fee') AS fee, json_extract(payload, '$.net') AS net,
                   json_extract(payload, '$.amount') AS amount
               FROM objects WHERE kind = ? ORDER BY id""",
            (kind,),
        )
    )


def test_every_transaction_as_stripe_booked_it(
    world: World, reader: SettlementReader, customer: str
) -> None:
    for number in range(3):
        world.charge(customer, reference=f"INV-{number}", amount=f"{10 + number}.00")
    world.clock.advance(minutes=1)
    result = reader.read()
    assert (result.transactions, result.problems) == (3, [])
    ours = world.rows("SELECT id, fee, net, amount FROM balance_transactions ORDER BY id")
    assert [tuple(row) for row in ours] == [
        tuple(row) for row in at_stripe(world, "balance_transaction")
    ]
    assert sum(row["amount"] for row in ours) == 3_300
    assert reader.read().transactions == 0


def test_a_payout_says_what_it_holds(world: World, reader: SettlementReader, customer: str) -> None:
    world.charge(customer)
    world.clock.advance(minutes=1)
    reader.read()
    assert world.rows("SELECT payout FROM balance_transactions")[0]["payout"] is None
    world.clock.advance(days=7)
    assert reader.read().payouts == 1
    (payout,) = world.rows("SELECT * FROM payouts")
    held = world.rows("SELECT * FROM balance_transactions WHERE payout = ?", payout["id"])
    assert sum(row["net"] for row in held if row["type"] != "payout") == payout["amount"]
    assert payout["is_read"] == 1
    assert reader.read().payouts == 0


def test_what_was_read_is_not_read_again(
    world: World, reader: SettlementReader, customer: str
) -> None:
    def reads() -> int:
        before = world.services.gateway.reads
        reader.read()
        return world.services.gateway.reads - before

    world.charge(customer)
    world.clock.advance(days=20)
    world.charge(customer, reference="INV-2")
    world.clock.advance(minutes=1)
    # Three windows of a week, the payouts, and what the only one holds.
    assert reads() == 5
    assert reads() == 2
    world.clock.advance(hours=6)
    assert reads() == 2


def test_a_key_that_may_not_read_them_is_told_and_nothing_else_stops(
    world: World, reader: SettlementReader, customer: str
) -> None:
    world.charge(customer)
    for path in ("/v1/balance_transactions", "/v1/payouts"):
        world.stripe.faults.add("GET", path, kind="missing_permission", times=9)
    problems = reader.read().problems
    assert len(problems) == 2
    assert all("Everything else works without" in problem for problem in problems)


def test_the_worker_reads_a_few_times_a_day(
    world: World, reader: SettlementReader, customer: str
) -> None:
    assert reader.read_due() is None, "nothing was charged yet"
    world.charge(customer)
    world.clock.advance(minutes=1)
    first = reader.read_due()
    assert first is not None
    assert first.transactions == 1
    assert reader.read_due() is None
    world.clock.advance(seconds=READ_EVERY_SECONDS)
    assert reader.read_due() is not None


def test_a_file_for_an_accountant_has_fee_net_and_payout(
    world: World, reader: SettlementReader, customer: str
) -> None:
    def first_line(name: str) -> dict[str, str]:
        content = world.services.books.export(JournalFilter(), name, by=VERA).content.decode(
            "utf-8-sig"
        )
        heading, line = content.splitlines()[:2]
        return dict(zip(heading.split(","), line.split(","), strict=True))

    world.charge(customer)
    assert first_line("a.csv")['"Fee"'] == '""', "not known yet"
    world.clock.advance(days=7)
    world.services.sync.run()
    reader.read()
    (booked,) = world.rows("SELECT * FROM balance_transactions WHERE type = 'charge'")
    line = first_line("a.csv")
    assert (line['"Fee"'], line['"Net"']) == (
        f'"{booked["fee"] / 100:.2f}"',
        f'"{booked["net"] / 100:.2f}"',
    )
    assert line['"Settled in"'] == '"USD"'
    assert line['"Payout id"'].startswith('"po_')
