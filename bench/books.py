"""
A month closed at size: every line of the pack beside practice Stripe's own books.

    .venv/bin/python -m bench.books [--charges 5000] [--zone Europe/Berlin …]

Makes a month of charges in three currencies, with declines, refunds, disputes, fees and payouts,
around both edges of the month and through a night in which clocks are changed; closes it, unpacks the
files, and compares each line and each sum with the objects that practice Stripe keeps. Prints what
was compared and every difference; ends with 1 where there is one.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import count as count_from
from itertools import cycle, islice
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from lib.domain.books import BookColumn, Kind
from lib.domain.month_end import TABLES, Month
from lib.domain.runs import RunState
from lib.money import Money, currency
from lib.services.charges.orders import ChargeOrder
from lib.services.staff.users import PRACTICE_PASSWORD
from tests.charge_runs import rows_of
from tests.world import ALICE, ALWAYS_DECLINES, BOB, World, new_world

IS_DISPUTED = "4000000000000259"
REFUND_EACH, DISPUTE_EACH, DECLINE_EACH = 17, 41, 13
RUN_ROWS = 50
SETTLES_AFTER = timedelta(days=12)

# Each with a month in which its clocks are changed; UTC has none.
ZONES: dict[str, tuple[Month, date | None]] = {
    "Europe/Berlin": (Month(2027, 10), date(2027, 10, 31)),
    "America/Los_Angeles": (Month(2027, 3), date(2027, 3, 14)),
    "Pacific/Auckland": (Month(2027, 4), date(2027, 4, 4)),
    "UTC": (Month(2027, 5), None),
}


@dataclass(slots=True)
class Comparison:
    """How many values were compared, and those that differ."""

    compared: int = 0
    differences: list[str] = field(default_factory=list)

    def same(self, what: str, ours: object, theirs: object) -> None:
        self.compared += 1
        if ours != theirs:
            self.differences.append(f"{what}: the pack has {ours!r}, Stripe {theirs!r}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--charges", type=int, default=5_000)
    parser.add_argument("--zone", nargs="*", default=list(ZONES), choices=list(ZONES))
    arguments = parser.parse_args()
    is_different = False
    for zone in arguments.zone:
        with tempfile.TemporaryDirectory() as folder, new_world(Path(folder)) as world:
            started = time.perf_counter()
            month = charge_month(world, zone, arguments.charges)
            made = time.perf_counter()
            result = compare(world, zone, month)
            print(
                f"{zone}: {arguments.charges:,} charges around {month.in_words} made in "
                f"{made - started:.0f} s, closed, packed and compared in "
                f"{time.perf_counter() - made:.1f} s: {result.compared:,} values, "
                f"{len(result.differences)} different",
                flush=True,
            )
            for difference in result.differences[:20]:
                print(f"  {difference}")
            is_different |= bool(result.differences)
    sys.exit(int(is_different))


# Making


def charge_month(world: World, zone: str, count: int) -> Month:
    """As people would: links, cards, charges and runs; a second person approves each refund."""
    month, changed = ZONES[zone]
    world.services.users.add_practice_users()
    world.settings = replace(world.settings, timezone=zone)
    world.rebuild()
    world.stripe.configure({"settlement_currencies": ["usd", "eur"]})
    # Within the limits of one day, and of one card.
    world.clock.now = datetime(month.year, month.number, 1, tzinfo=ZoneInfo(zone)).astimezone(
        UTC
    ) - timedelta(hours=3)
    people = [world.customer(f"Customer {number}") for number in range(20)]
    for customer in people:
        world.save_card(customer)
    poor, doubted = world.customer("Poor"), world.customer("Doubted")
    world.save_card(poor, ALWAYS_DECLINES)
    world.save_card(doubted, IS_DISPUTED)
    orders = _orders(people, poor, doubted)
    refunds: list[tuple[str, Money]] = []
    for moment, rows in moments(month, changed, zone, count):
        world.clock.now = moment
        due = list(islice(orders, rows))
        charges = _charge(world, [order for _, order in due])
        for (number, order), charge_id in zip(due, charges, strict=True):
            if number % REFUND_EACH == 3 and order.customer in people:
                money = order.money
                part = money if number % 2 else Money(money.amount // 3, money.currency)
                refunds.append((charge_id, part))
            if refunds and number % REFUND_EACH == 11:
                _refund(world, *refunds.pop())
    while refunds:
        _refund(world, *refunds.pop())
    world.clock.now += SETTLES_AFTER
    world.services.sync.run()
    world.services.settlement.read()
    return month


def _orders(people: Sequence[str], poor: str, doubted: str) -> Iterator[tuple[int, ChargeOrder]]:
    payers, currencies = cycle(people), cycle(("usd", "eur", "jpy"))
    for number in count_from(0):
        customer, code = next(payers), next(currencies)
        if number % DISPUTE_EACH == 7:
            customer = doubted
        elif number % DECLINE_EACH == 5:
            customer = poor
        money = Money(1_000 + number * 37 % 40_000, code)
        yield number, ChargeOrder(customer, money, f"INV-{number}")


def _charge(world: World, orders: Sequence[ChargeOrder]) -> list[str]:
    """One by hand; several as a run from a file, as whoever has a month of them would."""
    if len(orders) == 1:
        return [world.services.charges.charge(orders[0], by=ALICE).charge.id]
    lines = ["customer;amount;currency;reference"]
    for order in orders:
        code = order.money.currency
        amount = f"{Decimal(order.money.amount) / currency(code).factor:f}"
        lines.append(f"{order.customer};{amount};{code};{order.reference}")
    runs = world.services.runs
    upload = runs.files.open("\n".join(lines).encode(), "charges.csv")
    run = runs.files.create_run(upload, name=f"From {orders[0].reference}", by=ALICE)
    asked = runs.approvals.submit(run.id, by=ALICE)
    runs.approvals.approve(
        run.id, digest=asked.digest or "", by=BOB, password=PRACTICE_PASSWORD, note="of the bench"
    )
    runs.control.start(run.id, by=ALICE)
    runs.executor.execute(run.id)
    view = runs.views.run(run.id)
    charges = {row.reference: row.charge_id for row in rows_of(world, run.id)}
    found = [charges[order.reference] for order in orders]
    if view.run.state is not RunState.FINISHED or None in found:
        raise SystemExit(f"{run.name}: {view.run.state}, {view.counts}")
    return [str(charge_id) for charge_id in found]


def _refund(world: World, charge_id: str, money: Money) -> None:
    order = world.services.refunds.request(
        charge_id, money=money, reason="requested_by_customer", note="sent back", by=ALICE
    )
    world.services.refunds.approve(order.id, by=BOB, password=PRACTICE_PASSWORD)


def moments(
    month: Month, changed: date | None, zone: str, count: int
) -> Iterator[tuple[datetime, int]]:
    """
    In order, with how many charges are made then: one each around both edges to the second and every
    ten minutes of the night, and runs of the rest evenly.
    """
    there = ZoneInfo(zone)
    first = _midnight(month.first, there)
    after = _midnight(month.last + timedelta(days=1), there)
    special = {
        edge + timedelta(seconds=seconds) for edge in (first, after) for seconds in (-2, -1, 0, 1)
    }
    if changed is not None:
        night = _midnight(changed, there)
        special |= {night + timedelta(minutes=10 * number) for number in range(24)}
    left = max(count - len(special), 0)
    runs = -(-left // RUN_ROWS)
    even = [
        (
            (first + (after - first) * (2 * number + 1) / (2 * runs)).replace(microsecond=0),
            min(RUN_ROWS, left - number * RUN_ROWS),
        )
        for number in range(runs)
    ]
    yield from sorted([*((moment, 1) for moment in special), *even])


def _midnight(day: date, there: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=there).astimezone(UTC)


# Comparing


def compare(world: World, zone: str, month: Month) -> Comparison:
    """The unpacked files of the month with practice Stripe's objects, value by value."""
    pack = world.services.month_end.pack(month, by=BOB)
    with zipfile.ZipFile(io.BytesIO(pack.content)) as archive:
        files = {
            name: archive.read(name).decode("utf-8-sig") for name in pack.files if ".csv" in name
        }
    there = ZoneInfo(zone)
    since = _midnight(month.first, there).timestamp()
    before = _midnight(month.last + timedelta(days=1), there).timestamp()
    books = _Books(world, since, before)
    result = Comparison()
    for check in pack.closing.facts["checks"]:
        result.same(check["name"], check["ok"], True)
    result.same("fees not known", pack.closing.facts["fees_unknown"], 0)
    _compare_charges(result, _lines(files["charges.csv"], TABLES["charges"], zone), books)
    for table, kind in (("refunds", "refund"), ("disputes", "dispute")):
        lines = {line["id"]: line for line in _lines(files[f"{table}.csv"], TABLES[table], zone)}
        theirs = books.made(kind)
        result.same(table, sorted(lines), sorted(theirs))
        for id_, one in theirs.items():
            line = lines.get(id_, {})
            result.same(f"{id_} amount", line.get("amount"), one["amount"])
            result.same(f"{id_} currency", line.get("currency"), one["currency"].upper())
    _compare_payouts(result, _lines(files["payouts.csv"], TABLES["payouts"], zone), books)
    return result


class _Books:
    """What practice Stripe itself keeps: objects as it would send them."""

    def __init__(self, world: World, since: float, before: float) -> None:
        self._connection = world.stripe.database.connection()
        self._since, self._before = since, before
        self.transactions = self._all("balance_transaction")
        self.by_source: dict[str, list[dict[str, Any]]] = {}
        for one in self.transactions.values():
            self.by_source.setdefault(one["source"], []).append(one)

    def _all(self, kind: str) -> dict[str, dict[str, Any]]:
        rows = self._connection.execute("SELECT payload FROM objects WHERE kind = ?", (kind,))
        objects = [json.loads(row["payload"]) for row in rows]
        return {one["id"]: one for one in objects}

    def made(self, kind: str, at: str = "created") -> dict[str, dict[str, Any]]:
        """Of the month."""
        return {
            id_: one
            for id_, one in self._all(kind).items()
            if self._since <= one[at] < self._before
        }

    def held(self, payout: str) -> list[dict[str, Any]]:
        rows = self._connection.execute("SELECT id FROM balance_ledger WHERE payout = ?", (payout,))
        held = [self.transactions[row["id"]] for row in rows]
        return [one for one in held if one["type"] != "payout"]


def _compare_charges(result: Comparison, lines: Sequence[dict[str, Any]], books: _Books) -> None:
    ours = {line["payment_intent"]: line for line in lines}
    theirs = {one["payment_intent"]: one for one in books.made("charge").values()}
    result.same("charges", sorted(ours), sorted(theirs))
    sums: dict[str, dict[str, int]] = {"ours": {}, "theirs": {}}
    for id_, one in theirs.items():
        line = ours.get(id_)
        if line is None:
            continue
        is_paid = one["status"] == "succeeded"
        booked = [
            entry for entry in books.by_source.get(one["id"], ()) if entry["type"] == "charge"
        ]
        [entry] = booked or [{"fee": None, "net": None, "currency": ""}]
        for name, expected in (
            ("amount", one["amount"]),
            ("currency", one["currency"].upper()),
            ("state", "Succeeded" if is_paid else "Declined"),
            ("charged_at", one["created"]),
            ("refunded", one["amount_refunded"] or None),
            ("disputed", "yes" if one["disputed"] else ""),
            ("fee", entry["fee"]),
            ("net", entry["net"]),
            ("settled_in", entry["currency"].upper()),
        ):
            result.same(f"{line['reference']} {name}", line[name], expected)
        if is_paid:
            code = str(one["currency"])
            sums["ours"][code] = sums["ours"].get(code, 0) + int(line["amount"])
            sums["theirs"][code] = sums["theirs"].get(code, 0) + int(one["amount"])
    result.same("paid", sums["ours"], sums["theirs"])


def _compare_payouts(result: Comparison, lines: Sequence[dict[str, Any]], books: _Books) -> None:
    ours = {line["id"]: line for line in lines}
    theirs = books.made("payout", "arrival_date")
    result.same("payouts", sorted(ours), sorted(theirs))
    for id_, one in theirs.items():
        held = books.held(id_)
        line = ours.get(id_, {})
        for name, expected in (
            ("amount", one["amount"]),
            ("currency", one["currency"].upper()),
            ("gross", sum(entry["amount"] for entry in held if entry["type"] == "charge")),
            ("fees", -sum(entry["fee"] for entry in held)),
            ("refunds", sum(entry["amount"] for entry in held if entry["type"] == "refund")),
            ("disputes", sum(entry["amount"] for entry in held if entry["type"] == "adjustment")),
            ("other", 0),
        ):
            result.same(f"{id_} {name}", line.get(name), expected)


def _lines(text: str, columns: Sequence[BookColumn], zone: str) -> list[dict[str, Any]]:
    """Read as an accountant's program would: by heading, sums as minor units, moments as seconds."""
    lines = []
    for row in csv.DictReader(io.StringIO(text)):
        line: dict[str, Any] = {column.name: row[column.title(zone)] for column in columns}
        for column in columns:
            cell = line[column.name]
            if column.kind is Kind.AMOUNT:
                unit = row[next(c.title(zone) for c in columns if c.name == column.currency)]
                line[column.name] = (
                    int(Decimal(cell) * currency(unit.lower()).factor) if cell else None
                )
            elif column.kind is Kind.MOMENT:
                line[column.name] = int(datetime.fromisoformat(cell).timestamp()) if cell else None
        lines.append(line)
    return lines


if __name__ == "__main__":
    main()
