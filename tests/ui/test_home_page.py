"""Home: what waits, the picture, and a start for newcomers."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import parse_qs

import pyarrow as pa
import pytest

from lib.errors import Refused
from lib.ui import navigation
from tests.tries import try_again
from tests.ui.charge_pages import confirm, ran, text
from tests.ui.conftest import TEST_MODE
from tests.world import ADA, ALICE, ALWAYS_DECLINES


def figures(at) -> dict[str, str]:
    return {metric.label: metric.value for metric in at.metric}


def alt(at) -> str:
    """What a screen reader reads of the chart."""
    return str(at.get("vega_lite_chart")[-1].proto)


def steps(at) -> list[str]:
    """The states of the first steps, in order."""
    return re.findall(r"^\d\. \*\*.*:material/\w+: ([\w ]+)\]$", text(at), re.MULTILINE)


class TestFirstSteps:
    def test_what_is_done_waits_or_is_to_be_done(self, open_page, world) -> None:
        customer = world.customer()
        at = open_page("home", as_="alice")
        assert steps(at) == ["Done", "Waiting", "To do", "Waiting", "Done"]
        assert set(figures(at).values()) == {"0"}
        assert "No charges in the last 30 days" not in text(at)
        links = {link.proto.label for link in at.get("page_link")}
        assert "Make a link" in links
        assert "Add a user" not in links
        world.services.links.create(form_key="f", customer=customer, by=ALICE)
        world.save_card(customer)
        assert steps(at.run()) == ["Done", "Waiting", "Done", "To do", "Done"]
        for number in range(10):
            world.charge(customer, reference=f"INV-{number}")
        assert steps(at.run()) == []
        assert "First steps" not in text(at)

    def test_a_second_person_is_asked_for_by_who_may_add_them(self, open_page, services) -> None:
        services.users.disable("bob", by=ADA)
        at = open_page("home", as_="ada")
        assert steps(at)[-1] == "To do"
        assert "Add a user" in {link.proto.label for link in at.get("page_link")}

    @pytest.mark.parametrize("environ", [TEST_MODE])
    def test_with_a_key_that_has_not_read_anything(self, open_page) -> None:
        at = open_page("home", as_="ada")
        assert steps(at)[:2] == ["Waiting", "To do"]
        assert "/webhooks/stripe and set its secret" in text(at)


def test_figures_count_what_waits(open_page, world) -> None:
    customer = world.customer()
    bad = world.save_card(customer, ALWAYS_DECLINES)
    good = world.save_card(customer, exp_year=2026)
    world.save_card(None)
    world.charge(customer, reference="A", method=bad)
    world.lose_reply()
    world.charge(customer, reference="B", method=good)
    numbers = figures(open_page("home", as_="vera"))
    assert {name: numbers[name] for name in list(numbers)[:4]} == {
        "Unknown": "1",
        "Failures": "1",
        "Cards without customer": "1",
        "Expiring methods": "1",
    }


def test_the_picture_shows_one_currency_at_a_time(open_page, world) -> None:
    customer = world.customer()
    world.save_card(customer)
    world.charge(customer, reference="A", amount="10.00", currency="eur")
    world.charge(customer, reference="B", amount="11.00", currency="eur")
    world.charge(customer, reference="C", amount="5000", currency="jpy")
    at = open_page("home", as_="alice")
    assert "€21.00 :gray[· 2]" in text(at)
    assert "¥5,000 :gray[· 1]" in text(at)
    assert "succeeded €21.00" in alt(at)
    ran(at.segmented_control(key="home_currency").set_value("jpy").run())
    assert "succeeded ¥5,000" in alt(at)


def test_the_pictures_days_are_the_installations_also_when_clocks_were_changed(
    open_page, world
) -> None:
    """In Berlin clocks were changed on 25 October 2026; the chart begins and ends at its midnights."""
    world.settings = replace(world.settings, timezone="Europe/Berlin")
    world.rebuild()
    customer = world.customer()
    world.save_card(customer)
    moments = (
        "2026-10-24T00:15+02:00",
        "2026-10-24T23:45+02:00",
        "2026-10-25T00:15+02:00",
        "2026-10-25T23:45+01:00",
        "2026-10-26T00:15+01:00",
    )
    for number, moment in enumerate(moments):
        world.clock.now = datetime.fromisoformat(moment).astimezone(UTC)
        world.charge(customer, reference=f"INV-{number}", amount=f"{2**number}.00")
    world.clock.now = datetime(2026, 11, 22, 12, tzinfo=UTC)
    chart = open_page("home", as_="alice").get("vega_lite_chart")[-1].proto
    rows = pa.ipc.open_stream(chart.data.data).read_pandas()
    assert dict(zip(rows["day"], rows["amount"], strict=True)) == {
        "2026-10-24T00:00:00": 300,
        "2026-10-25T00:00:00": 1_200,
        "2026-10-26T00:00:00": 1_600,
    }


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
    [listed] = world.services.links.listing()
    assert any(
        "Stripe makes no page" in one.value
        for one in open_page("setup_links", as_="alice", query={"link": listed.link.id}).error
    )
    world.stripe.configure({"payment_method_types": ["card"]})
    world.services.links.create(form_key="b", guest=True, by=ALICE)
    assert not open_page("home", as_="alice").error


def test_an_admin_is_asked_once_whether_the_default_limits_are_right(open_page, world) -> None:
    customer = world.customer()
    world.save_card(customer)
    world.charge(customer, amount="10.00", currency="eur")
    assert "Are these limits right" not in text(open_page("home", as_="alice"))
    at = open_page("home", as_="ada")
    assert "€4,400.00 for a charge, 10 times that for a run and for a day" in text(at)
    ran(confirm(at).button(key="home_limits_confirm").click().run())
    assert "Are these limits right" not in text(open_page("home", as_="ada"))
    table = next(t for t in open_page("settings", as_="ada").dataframe if "whose" in t.value)
    assert table.value["whose"].iloc[0] == "Default: nobody has set it"


def test_an_admin_reads_that_a_limit_needs_more_approvers_than_there_are(open_page, world) -> None:
    assert "two approvers besides its maker" not in text(open_page("home", as_="ada"))
    world.services.users.disable("bob", by=ADA)
    [warning] = [one.value for one in open_page("home", as_="ada").warning]
    assert "only Ada Admin could be one" in warning
    assert not open_page("home", as_="alice").warning


def test_each_number_of_the_month_is_that_of_its_list(open_page, world) -> None:
    customer = world.customer()
    good, bad = world.save_card(customer), world.save_card(customer, ALWAYS_DECLINES)
    world.charge(customer, reference="A", amount="10.00", currency="eur", method=good)
    world.charge(customer, reference="B", amount="20.00", method=bad)
    failed = world.charge(customer, reference="C", amount="30.00", method=bad)
    try_again(world.services.charges, failed.charge.id, payment_method=good, by=ALICE)
    at = open_page("home", as_="vera")
    numbers = figures(at)
    assert [numbers[name] for name in ("Charged", "Failed", "Recovered", "Success rate")] == [
        "2",
        "1",
        "1",
        "66.6 %",
    ]
    assert "€10.00 · $30.00" in text(at).replace("\\", "")
    links = {
        link.proto.label.replace("*", ""): (link.proto.page, parse_qs(link.proto.query_string))
        for link in at.get("page_link")
    }
    for label, references in {
        "Charged": {"A", "C"},
        "Failed": {"B"},
        "Recovered": {"C"},
        "Success rate": {"A", "B", "C"},
        "With a new card · 1": {"C"},
        "By a later try · 0": set(),
        "0 to 7 days · 1": {"B"},
        "8 to 30 days · 0": set(),
        "Older than 60 days · 0": set(),
    }.items():
        page, query = links[label]
        opened = open_page(page, as_="vera", query={name: one for name, [one] in query.items()})
        shown = {one for table in opened.dataframe for one in table.value["reference"]}
        assert shown == references, label
