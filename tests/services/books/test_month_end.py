"""A month that is closed: its sums are practice Stripe's own, and the same closing gives the same bytes."""

from __future__ import annotations

import csv
import io
import sqlite3
import zipfile
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from lib.domain.month_end import Month, age_in_words, month_of
from lib.errors import InvalidInput, NotFound, NotPermitted
from lib.money import Money
from lib.services.staff.users import PRACTICE_PASSWORD
from tests.world import ALICE, ALWAYS_DECLINES, BOB, VERA, World

IS_DISPUTED = "4000000000000259"
ZONES = ("UTC", "Europe/Berlin", "America/Los_Angeles", "Pacific/Auckland")


def in_zone(world: World, timezone: str) -> None:
    world.settings = replace(world.settings, timezone=timezone)
    world.rebuild()


def at(world: World, moment: datetime) -> None:
    world.clock.advance(seconds=moment.timestamp() - world.clock().timestamp())


def unpacked(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as pack:
        assert pack.testzip() is None
        return {name: pack.read(name) for name in pack.namelist()}


def rows_of(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))


def settle(world: World) -> None:
    """News, then fees and payouts, as the worker reads them."""
    world.services.sync.run()
    world.services.settlement.read()


@pytest.fixture
def month(world: World) -> Month:
    """November 2026 with paid, declined, refunded and disputed charges in three currencies."""
    world.services.users.add_practice_users()
    in_zone(world, "Europe/Berlin")
    good, poor, doubted = (world.customer(name) for name in ("Good", "Poor", "Doubted"))
    world.save_card(good)
    world.save_card(poor, ALWAYS_DECLINES)
    world.save_card(doubted, IS_DISPUTED)
    at(world, datetime(2026, 11, 2, 9, tzinfo=ZoneInfo("Europe/Berlin")))
    for number, (amount, currency) in enumerate(
        [("12.34", "usd"), ("99.99", "eur"), ("1000", "jpy"), ("0.50", "usd"), ("250.00", "eur")]
    ):
        world.charge(good, reference=f"INV-{number}", amount=amount, currency=currency)
    world.charge(poor, reference="INV-P", amount="20.00")
    world.charge(doubted, reference="INV-D", amount="30.00")
    world.clock.advance(days=1)
    order = world.services.refunds.request(
        charge_of(world, "INV-1"),
        money=Money(1_000, "eur"),
        reason="requested_by_customer",
        note="too much",
        by=ALICE,
    )
    world.services.refunds.approve(order.id, by=BOB, password=PRACTICE_PASSWORD)
    world.clock.advance(days=9)
    settle(world)
    return Month(2026, 11)


def charge_of(world: World, reference: str) -> str:
    return str(world.rows("SELECT id FROM charges WHERE reference = ?", reference)[0]["id"])


def booked(world: World, kinds: tuple[str, ...]) -> dict[str, tuple[int, int]]:
    """Fee and net by currency in practice Stripe's own books."""
    rows = world.stripe.database.connection().execute(
        f"""SELECT json_extract(payload, '$.currency') AS currency,
                sum(json_extract(payload, '$.fee')) AS fee,
                sum(json_extract(payload, '$.net')) AS net FROM objects
            WHERE kind = 'balance_transaction'
                AND json_extract(payload, '$.type') IN ({", ".join("?" * len(kinds))})
            GROUP BY 1""",
        kinds,
    )
    return {row["currency"]: (row["fee"], row["net"]) for row in rows}


def test_equal_to_stripes_own_books(world: World, month: Month) -> None:
    pack = world.services.month_end.pack(month, by=BOB)
    facts = pack.closing.facts
    assert all(check["ok"] for check in facts["checks"]), facts["checks"]
    assert facts["fees_unknown"] == 0
    ours = {one["currency"].lower(): (one["fee"], one["net"]) for one in facts["settled"]}
    assert ours == booked(world, ("charge", "payment"))
    paid = {(one["currency"], one["state"]): one["amount"] for one in facts["sums"]}
    assert paid == {
        ("EUR", "Succeeded"): 34_999,
        ("JPY", "Succeeded"): 1_000,
        ("USD", "Declined"): 2_000,
        ("USD", "Succeeded"): 4_284,
    }
    (refund,) = facts["refunds"]
    assert (refund["reference"], refund["amount"], refund["state"]) == ("INV-1", 1_000, "Succeeded")
    (dispute,) = facts["disputes"]
    assert (dispute["reference"], dispute["amount"]) == ("INV-D", 3_000)
    (failure,) = facts["failures"]
    assert (failure["reference"], failure["age"]) == ("INV-P", "8 to 30 days")
    for payout in facts["payouts"]:
        parts = ("gross", "fees", "refunds", "disputes", "other")
        assert sum(payout[part] for part in parts) == payout["amount"]
    arrived = world.stripe.database.connection().execute(
        """SELECT sum(json_extract(payload, '$.amount')) AS sum FROM objects
           WHERE kind = 'payout' AND json_extract(payload, '$.arrival_date') < ?""",
        (datetime(2026, 12, 1, tzinfo=ZoneInfo("Europe/Berlin")).timestamp(),),
    )
    assert sum(payout["amount"] for payout in facts["payouts"]) == arrived.fetchone()["sum"] > 0


def test_what_is_in_the_pack(world: World, month: Month) -> None:
    pack = world.services.month_end.pack(month, by=BOB)
    files = unpacked(pack.content)
    assert tuple(files) == pack.files
    assert set(files) == {
        "summary.html",
        "month-end-2026-11.xlsx",
        "charges.csv",
        "sums.csv",
        "failures.csv",
        "refunds.csv",
        "disputes.csv",
        "payouts.csv",
        "audit-head.txt",
    }
    journal = rows_of(files["charges.csv"])
    assert len(journal) == 7
    assert {row["Currency"] for row in journal} == {"USD", "EUR", "JPY"}
    assert journal[0]["Date (Europe/Berlin)"].startswith("2026-11-02T09:00:00+01:00")
    summary = files["summary.html"].decode()
    assert "November 2026" in summary
    assert "every fee is known" in summary
    assert pack.closing.audit_head in files["audit-head.txt"].decode()


def test_the_same_closing_gives_the_same_bytes(world: World, month: Month) -> None:
    first = world.services.month_end.pack(month, by=BOB)
    world.clock.advance(days=3, hours=1)
    again = world.services.month_end.pack(month, by=ALICE)
    assert (again.closing.number, again.content) == (1, first.content)


def test_what_came_later_is_a_second_closing_with_the_differences(
    world: World, month: Month
) -> None:
    first = world.services.month_end.pack(month, by=BOB)
    order = world.services.refunds.request(
        charge_of(world, "INV-0"),
        money=Money(234, "usd"),
        reason="requested_by_customer",
        note="late",
        by=ALICE,
    )
    world.services.refunds.approve(order.id, by=BOB, password=PRACTICE_PASSWORD)
    settle(world)
    second = world.services.month_end.pack(month, by=BOB)
    assert second.closing.number == 2
    rows = {
        (row["What"], row["Reference"], row["Field"]): (
            row["In the closing before"],
            row["In this one"],
        )
        for row in rows_of(unpacked(second.content)["differences.csv"])
    }
    assert rows[("Charge", "INV-0", "Refunded")] == ("", "234")
    assert rows[("Refund", "INV-0", "")] == ("", "added")
    assert world.services.month_end.pack(month, by=BOB, number=1).content == first.content
    with pytest.raises(NotFound):
        world.services.month_end.pack(month, by=BOB, number=3)


def test_a_fee_that_is_not_known_yet_is_counted(world: World) -> None:
    customer = world.customer()
    world.save_card(customer)
    world.charge(customer)
    world.services.sync.run()
    today = world.clock()
    pack = world.services.month_end.pack(Month(today.year, today.month), by=BOB)
    assert pack.closing.facts["fees_unknown"] == 1
    assert "not known yet" in unpacked(pack.content)["summary.html"].decode()


def test_money_that_stripe_does_not_have_is_said(world: World, month: Month) -> None:
    world.change("UPDATE stripe_charges SET amount = amount + 1 WHERE currency = 'jpy'")
    pack = world.services.month_end.pack(month, by=BOB)
    odd = [check["name"] for check in pack.closing.facts["checks"] if not check["ok"]]
    assert odd == ["What the ledger calls paid is paid at Stripe"]
    assert "do not. Look at the checks" in unpacked(pack.content)["summary.html"].decode()


def test_a_viewer_gets_what_was_closed_and_closes_nothing(world: World, month: Month) -> None:
    with pytest.raises(NotFound, match="was not closed yet"):
        world.services.month_end.pack(month, by=VERA)
    with pytest.raises(NotPermitted):
        world.services.month_end.close(month, by=VERA)
    closed = world.services.month_end.pack(month, by=BOB)
    assert world.services.month_end.pack(month, by=VERA).content == closed.content


def test_a_closing_stays_as_it_is(world: World, month: Month) -> None:
    world.services.month_end.close(month, by=BOB)
    for statement in (
        "UPDATE closings SET closed_by = 'eve'",
        "DELETE FROM closings",
        "INSERT INTO closings SELECT month, 5, closed_by, closed_at, audit_head, facts, differences, certificates FROM closings",
    ):
        with pytest.raises(sqlite3.IntegrityError):
            world.change(statement)


@pytest.mark.parametrize("timezone", ZONES)
def test_a_months_edge_is_the_installations(world: World, timezone: str) -> None:
    in_zone(world, timezone)
    customer = world.customer()
    world.save_card(customer)
    edge = datetime(2026, 12, 1, tzinfo=ZoneInfo(timezone))
    at(world, edge)
    world.clock.advance(seconds=-1)
    world.charge(customer, reference="LAST")
    world.clock.advance(seconds=1)
    world.charge(customer, reference="FIRST")
    world.clock.advance(minutes=1)

    def references(month: Month) -> list[object]:
        facts = world.services.month_end.close(month, by=BOB).facts
        return [line["reference"] for line in facts["charges"]]

    assert references(Month(2026, 11)) == ["LAST"]
    assert references(Month(2026, 12)) == ["FIRST"]


@pytest.mark.parametrize(
    ("days", "words"),
    [
        (0, "0 to 7 days"),
        (7, "0 to 7 days"),
        (8, "8 to 30 days"),
        (31, "31 to 60 days"),
        (61, "older than 60 days"),
    ],
)
def test_ages(days: int, words: str) -> None:
    assert age_in_words(days) == words


@pytest.mark.parametrize("text", ["2026-13", "11-2026", "november", "2026-1", ""])
def test_months_that_are_none(text: str) -> None:
    with pytest.raises(InvalidInput):
        month_of(text)
