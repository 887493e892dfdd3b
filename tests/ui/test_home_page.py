"""Home: what waits, the picture, and a start for newcomers."""

from __future__ import annotations

import pytest

from lib.errors import Refused
from lib.ui import navigation
from tests.ui.charge_pages import ran, text
from tests.world import ALICE, ALWAYS_DECLINES


def figures(at) -> dict[str, str]:
    return {metric.label: metric.value for metric in at.metric}


def alt(at) -> str:
    """What a screen reader reads of the chart."""
    return str(at.get("vega_lite_chart")[0].proto)


def test_empty_shows_the_three_steps(open_page) -> None:
    at = open_page("home", as_="alice")
    assert "How it works" in text(at)
    assert "Send it to the customer" in text(at)
    assert set(figures(at).values()) == {"0"}


def test_figures_count_what_waits(open_page, world) -> None:
    customer = world.customer()
    bad = world.save_card(customer, ALWAYS_DECLINES)
    good = world.save_card(customer, exp_year=2026)
    world.save_card(None)
    world.charge(customer, reference="A", method=bad)
    world.lose_reply()
    world.charge(customer, reference="B", method=good)
    assert figures(open_page("home", as_="vera")) == {
        "Unknown": "1",
        "Failures": "1",
        "Card without customer": "1",
        "Expiring methods": "1",
    }


def test_the_picture_shows_one_currency_at_a_time(open_page, world) -> None:
    customer = world.customer()
    world.save_card(customer)
    world.charge(customer, reference="A", amount="10.00", currency="eur")
    world.charge(customer, reference="B", amount="11.00", currency="eur")
    world.charge(customer, reference="C", amount="5000", currency="jpy")
    at = open_page("home", as_="alice")
    assert "How it works" not in text(at)
    assert "€21.00 :gray[· 2]" in text(at)
    assert "¥5,000 :gray[· 1]" in text(at)
    assert "succeeded €21.00" in alt(at)
    ran(at.segmented_control(key="home_currency").set_value("jpy").run())
    assert "succeeded ¥5,000" in alt(at)


def test_latest_activity_is_in_words(open_page, world) -> None:
    customer = world.customer()
    world.save_card(customer)
    world.charge(customer, amount="12.34")
    rows = open_page("home", as_="vera").dataframe[0].value
    assert rows["what"].iloc[0] == "$12.34 charged"
    assert rows["about"].iloc[0] == "INV-1 · Acme Ltd"


def test_counters_stand_behind_page_titles(open_page, world) -> None:
    customer = world.customer()
    world.save_card(customer, ALWAYS_DECLINES)
    world.charge(customer)
    counts = navigation.waiting(world.services, ALICE)
    assert (counts["failures"], counts["unknown"]) == (1, 0)
    assert counts["open_links"] == 1


def test_the_light_is_green_amber_or_red_with_the_way_to_the_reason(open_page, world) -> None:
    assert "Something may be missing or wrong" in text(open_page("home", as_="vera"))
    world.save_card(world.customer())
    world.services.sync.run_now(by=ALICE)
    world.clock.advance(seconds=70)
    world.services.sync.verify_now(by=ALICE)
    world.services.sync.beat()
    shown = text(open_page("home", as_="vera"))
    assert "green-badge" in shown
    assert "Everything Stripe has is here" in shown
    assert "Read from Stripe" in shown
    world.clock.advance(hours=4)
    world.services.sync.beat()
    shown = text(open_page("home", as_="vera"))
    assert "orange-badge" in shown
    assert "The last look at Stripe is older than it should be." in shown
    world.clock.advance(minutes=3)
    shown = text(open_page("home", as_="vera"))
    assert "red-badge" in shown
    assert "background work does not run" in shown


def test_links_that_do_not_work_are_said_until_one_does(open_page, world) -> None:
    world.stripe.configure({"payment_method_types": ["link"]})
    with pytest.raises(Refused):
        world.services.links.create(form_key="a", guest=True, by=ALICE)
    at = open_page("home", as_="alice")
    [error] = at.error
    assert "Setup links do not work" in error.value
    assert not open_page("home", as_="vera").error
    [(link, _)] = world.services.links.listing()
    assert any(
        "Stripe makes no page" in one.value
        for one in open_page("setup_links", as_="alice", query={"link": link.id}).error
    )
    world.stripe.configure({"payment_method_types": ["card"]})
    world.services.links.create(form_key="b", guest=True, by=ALICE)
    assert not open_page("home", as_="alice").error
