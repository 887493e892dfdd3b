"""Charges in lists: the day they belong to, their sums, their order, which of how many."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from itertools import product

import pytest

from lib.clock import epoch
from lib.domain.books import JournalFilter
from lib.errors import InvalidInput
from lib.money import Money
from lib.reports import charge_filter, paging
from lib.reports import charges as charge_reports
from lib.reports.charge_filter import ChargeFilter
from lib.reports.money_back import MoneyBackFilter
from lib.reports.paging import whole
from lib.reports.sums import Sum
from lib.store.connection import connect
from tests.beginnings import made_once
from tests.tries import try_again
from tests.world import ALICE, ALWAYS_DECLINES, VERA, World

# Around a quarter of an hour, a midnight in UTC and one in Berlin.
MOMENTS = (0, 899, 900, 901, 39_600, 43_199, 43_200, 86_400, 129_600, 200_000)


@pytest.fixture
@made_once
def ledger(world: World) -> World:
    """Paid, declined and cancelled charges in three currencies, spread over days."""
    customer = world.customer()
    good, bad = world.save_card(customer), world.save_card(customer, ALWAYS_DECLINES)
    start = world.clock()
    for number, after in enumerate(MOMENTS):
        world.clock.advance(seconds=after - (world.clock() - start).total_seconds())
        code = ("usd", "eur", "jpy")[number % 3]
        amount = str(70 * (number * 3 % 10 + 1))
        method = bad if number % 4 == 3 else good
        charge = world.charge(
            customer, reference=f"N{number}", amount=amount, currency=code, method=method
        ).charge
        if number == 3:
            world.services.charges.cancel(charge.id, by=ALICE)
    return world


def read_sums(world: World, since: int, before: int) -> set[tuple[object, ...]]:
    rows = world.rows(
        f"""SELECT state, currency, count(*) AS n, sum(amount) AS amount FROM charges
            WHERE charged_at >= {since} AND charged_at < {before} GROUP BY 1, 2"""
    )
    return {(row["state"], row["currency"], row["n"], row["amount"]) for row in rows}


def test_kept_sums_are_those_of_the_rows(ledger: World) -> None:
    last = epoch(ledger.clock())
    edges = [last - MOMENTS[-1] + after for after in (-1, *MOMENTS, 129_601, 200_001)]
    for since, before in product(edges, edges):
        kept = ledger.services.reports.charges.sums(ChargeFilter(since=since, before=before))
        written = {(one.state, one.currency, one.count, one.amount) for one in kept}
        assert written == read_sums(ledger, since, before)
    everything = ledger.services.reports.charges.sums(ChargeFilter())
    assert sum(one.count for one in everything) == len(MOMENTS)


def test_sums_follow_a_search_and_a_customer(ledger: World) -> None:
    other = ledger.customer("Berta GmbH")
    ledger.save_card(other)
    ledger.charge(other, reference="B-1", amount="5.00", currency="eur")
    expected = [Sum("succeeded", "eur", 1, 500)]
    reports = ledger.services.reports.charges
    assert reports.sums(ChargeFilter("berta")) == expected
    assert reports.sums(ChargeFilter(customer=other)) == expected
    assert reports.sums(ChargeFilter("berta", before=epoch(ledger.clock()))) == []


def test_a_charge_belongs_to_the_day_of_its_last_try_in_lists_and_books(world: World) -> None:
    customer = world.customer()
    world.save_card(customer, ALWAYS_DECLINES)
    first = world.charge(customer, reference="A", amount="20.00").charge.id
    world.clock.advance(days=2)
    good = world.save_card(customer)
    world.charge(customer, reference="B", amount="10.00", method=good)
    world.clock.advance(seconds=1)
    try_again(world.services.charges, first, by=ALICE, payment_method=good, attempt=2)
    reports = world.services.reports.charges
    assert list(reports.page().frame["reference"]) == ["A", "B"]
    day = date(2026, 11, 25)
    which = JournalFilter(first=day, last=day)
    _, totals = world.services.books.listing(which, by=VERA)
    since, before = which.moments("UTC")
    sums = reports.sums(ChargeFilter(since=since, before=before))
    assert totals == {"usd": {"succeeded": 3000}}
    assert sums == [Sum("succeeded", "usd", 2, 3000)]
    assert reports.sums(ChargeFilter(before=since)) == []


@pytest.mark.parametrize("few", [0, 5_000])
@pytest.mark.parametrize("order", ["largest", "smallest"])
def test_amounts_are_ordered_by_value_over_all_rows(
    ledger: World, monkeypatch, few: int, order: str
) -> None:
    monkeypatch.setattr(charge_reports, "MOST_SORTED", few)
    reports = ledger.services.reports.charges
    rows = ledger.rows("SELECT id FROM charges ORDER BY currency, amount, id")
    expected = [row["id"] for row in rows]
    expected = expected[::-1] if order == "largest" else expected
    cursor, seen, befores = None, [], []
    while True:
        page = reports.page(order=order, cursor=cursor, rows=4)
        seen += list(page.frame["id"])
        befores.append(page.before)
        if page.older is None:
            break
        cursor = page.older
    assert seen == expected
    assert befores == [0, 4, 8]
    back = reports.page(order=order, cursor=page.newer, rows=4)
    assert (list(back.frame["id"]), back.before) == (expected[4:8], 4)
    first = reports.page(order=order, cursor=back.newer, rows=4)
    assert (list(first.frame["id"]), first.before, first.newer) == (expected[:4], 0, None)
    narrowed = reports.page(ChargeFilter(since=1), states=("declined",), order=order)
    assert len(narrowed.frame) == 1


def test_a_search_that_means_too_many_is_not_added_up_on_a_page(ledger: World, monkeypatch) -> None:
    reports = ledger.services.reports.charges
    fresh = reports.sums_at_once(ChargeFilter("n1"))
    ledger.services.search_index.index_all()
    assert fresh == reports.sums_at_once(ChargeFilter("n1")) == reports.sums(ChargeFilter("n1"))
    assert [one.count for one in fresh or ()] == [1]
    (payment,) = ledger.rows(
        "SELECT payment_intent FROM attempts WHERE charge_id = (SELECT id FROM charges WHERE reference = 'N1')"
    )
    assert list(reports.page(search=payment["payment_intent"]).frame["reference"]) == ["N1"]
    monkeypatch.setattr(charge_filter, "MOST_COUNTED", 3)
    assert reports.sums_at_once(ChargeFilter("acme")) is None
    assert len(reports.page(search="acme").frame) == len(MOMENTS)
    assert sum(one.count for one in reports.sums(ChargeFilter("acme"))) == len(MOMENTS)


@pytest.mark.parametrize("order", [None, *charge_reports.ORDERS])
@pytest.mark.parametrize("sorted_at_once", [0, 1_000])
@pytest.mark.parametrize("most_of_few", [0, 100_000])
def test_a_search_that_means_too_many_is_paged_in_the_order_of_the_list(
    ledger: World, monkeypatch, order: str | None, sorted_at_once: int, most_of_few: int
) -> None:
    ledger.services.search_index.index_all()
    monkeypatch.setattr(charge_filter, "MOST_COUNTED", 3)
    monkeypatch.setattr(charge_filter, "MOST_OF_FEW", most_of_few)
    monkeypatch.setattr(charge_reports, "MOST_SORTED", sorted_at_once)
    # The first declined one is tried again: it belongs to another day, also in the search.
    (failed,) = ledger.rows("SELECT id FROM charges WHERE state = 'declined' LIMIT 1")
    ledger.clock.advance(days=3)
    try_again(ledger.services.charges, failed["id"], by=ALICE)
    ledger.services.search_index.index_all()
    reports, last = ledger.services.reports.charges, epoch(ledger.clock())
    for which in (
        ChargeFilter(),
        ChargeFilter(since=last - 4 * 86_400),
        ChargeFilter(before=last),
        ChargeFilter(unresolved=True),
    ):
        for states in ((), ("succeeded",), ("declined",), ("cancelled", "succeeded")):
            wanted = [*reports.page(which, states=states, order=order).frame["id"]]
            found: list[str] = []
            cursor: str | None = ""
            while cursor is not None:
                page = reports.page(
                    replace(which, search="acme"),
                    states=states,
                    order=order,
                    cursor=cursor,
                    rows=3,
                )
                found += [*page.frame["id"]]
                cursor = page.older
            assert found == wanted


def test_the_index_of_short_lists_follows_what_stands_in_them(world: World) -> None:
    customer = world.customer("Ashmoor Dental")
    world.save_card(customer, ALWAYS_DECLINES)
    failed = world.charge(customer, reference="INV-1").charge.id
    world.services.search_index.index_all()

    def listed() -> dict[str, bool]:
        """References in the index, and whether as failures."""
        return {
            row["reference"]: "‹f›" in row["text"]
            for row in world.rows(
                "SELECT h.reference, s.text FROM listed_charges_search s JOIN charges h USING (position)"
            )
        }

    assert listed() == {"INV-1": True}
    world.save_card(customer)
    paid = world.charge(customer, reference="INV-2").charge.id
    world.services.search_index.index_all()
    assert listed() == {"INV-1": True}
    refund = world.services.refunds.request(
        paid, money=Money(100, "usd"), reason="duplicate", note="Twice", by=ALICE
    )
    world.services.charges.cancel(failed, by=ALICE)
    world.services.search_index.index_all()
    assert listed() == {"INV-2": False}
    reports = world.services.reports
    assert list(reports.refunds.page(MoneyBackFilter("ashmoor")).frame["id"]) == [refund.id]
    assert reports.charges.page(ChargeFilter("ashmoor", unresolved=True)).frame.empty


def test_a_file_never_holds_a_part_of_a_list(ledger: World) -> None:
    reports = ledger.services.reports.charges
    assert len(reports.ids(ChargeFilter())) == len(MOMENTS)
    with pytest.raises(InvalidInput, match="More than 9 rows match"):
        reports.ids(ChargeFilter(), most=9)
    with pytest.raises(InvalidInput, match="More than 9 rows match"):
        whole(reports.page(rows=9))


def test_a_step_of_a_charge_costs_the_same_however_many_sums_are_kept(ledger: World) -> None:
    with connect(ledger.settings.database) as database:
        database.execute(
            """INSERT INTO charge_sums WITH RECURSIVE n (n) AS (
                   SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 20000)
               SELECT 900, n, 'declined', 'eur', 1, 1 FROM n"""
        )
        [[charge]] = database.execute(
            "SELECT id FROM charges WHERE state = 'declined' LIMIT 1"
        ).fetchall()
        steps = [0]

        def count() -> int:
            steps[0] += 100
            return 0

        database.conn.set_progress_handler(count, 100)
        database.execute("UPDATE charges SET state = 'cancelled' WHERE id = ?", (charge,))
        database.conn.set_progress_handler(None, 100)
    assert 100 < steps[0] < 5_000


def test_few_rows_of_several_states_are_found_by_their_state(
    ledger: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Else the page Unknown, which is mostly empty, walks past every charge there is: with statistics of a
    million SQLite prefers the index of the order, unless it cannot be read in it.
    """
    asked: list[str] = []
    read = paging.frame_of

    def noted(database, sql, parameters, **how):
        asked.append(sql)
        return read(database, sql, parameters, **how)

    monkeypatch.setattr(paging, "frame_of", noted)
    reports = ledger.services.reports.charges
    few = reports.page(states=("declined", "cancelled"), rows=1)
    assert "ORDER BY +h.charged_at DESC" in asked[0]
    older = reports.page(states=("declined", "cancelled"), rows=1, cursor=few.older)
    assert older.before == 1
    assert older.frame["charged_at"].iloc[0] <= few.frame["charged_at"].iloc[0]
    monkeypatch.setattr(charge_reports, "MOST_SORTED", 0)
    reports.page(states=("declined", "cancelled"))
    assert "+h.charged_at" not in asked[-1], "of many, the newest are read in their order"
