"""Failures: by reason, with the next step, until a later charge makes them good."""

from __future__ import annotations

from tests.ui.charge_pages import button, choose, ran, text
from tests.world import ALWAYS_DECLINES, NO_MONEY, World


def fail(world: World, number: str = ALWAYS_DECLINES, **order: str) -> str:
    customer = world.customer(order.pop("name", "Acme Ltd"))
    world.save_card(customer, number)
    return world.charge(customer, **order).charge.id


def test_empty(open_page) -> None:
    at = open_page("failures", as_="alice")
    assert "Nothing failed" in text(at)


def test_grouped_by_reason_and_narrowed_to_one(open_page, world) -> None:
    fail(world, amount="20.00")
    fail(world, NO_MONEY, amount="30.00", name="Berta GmbH")
    at = open_page("failures", as_="alice")
    assert len(at.dataframe[0].value) == 2
    pills = at.pills(key="failures_reason")
    assert pills.options == ["Bank refused, no reason given · 1", "Not enough money · 1"]
    ran(pills.set_value("not_enough_money").run())
    assert list(at.dataframe[0].value["name"]) == ["Berta GmbH"]
    assert "Try again in a few days" in at.dataframe[0].value["next"].iloc[0]


def test_the_counter_counts_the_same(open_page, world) -> None:
    fail(world)
    assert world.services.reports.waiting.counts()["failures"] == 1
    at = open_page("failures", as_="alice")
    assert len(at.dataframe[0].value) == 1


def test_made_good_by_a_charge_of_another_sum(open_page, world) -> None:
    charge = fail(world, amount="20.00")
    customer = world.services.charges.view(charge).charge.customer
    good = world.save_card(customer)
    world.charge(customer, amount="19.00", method=good)
    assert "Nothing failed" in text(open_page("failures", as_="alice"))
    assert world.services.reports.waiting.counts()["failures"] == 0


def test_older_ones_wait_behind_the_period(open_page, world) -> None:
    fail(world)
    world.clock.advance(days=40)
    assert "Nothing failed" in text(open_page("failures", as_="alice"))
    at = open_page("failures", as_="alice", query={"failures_period": "quarter"})
    assert len(at.dataframe[0].value) == 1


def test_a_completed_recovery_link_leads_to_charging_again(open_page, world) -> None:
    charge = fail(world, amount="20.00")
    world.clock.advance(minutes=5)
    link = world.services.charges.view(charge).recovery_link
    url = world.services.links.open_durable(link.token)
    world.finish(str(url).rsplit("/", 1)[-1], "5555555555554444")
    at = open_page("failures", as_="alice")
    assert "Mastercard ···· 4444 is saved" in at.dataframe[0].value["next"].iloc[0]
    choose(at, "failures_rows")
    assert "New card saved: Mastercard ···· 4444" in text(at)
    assert "saved another method" in text(at)
    assert "Next: Charge again: Mastercard ···· 4444 is saved." in text(at)
    assert "should call the bank" not in text(at)
    ran(button(at, f"charge_again_{charge}").click().run())
    assert world.moved() == [(2000, "usd")]
    assert "Nothing failed" in text(at)
