"""Times are shown in the installation's zone, or in the one that a person chose; findings always in the installation's."""

from __future__ import annotations

import pytest
import streamlit as st

from lib.errors import Blocked, InvalidInput
from tests.ui.charge_pages import text
from tests.world import ALICE, NO_MONEY, VERA

SENT = "23 Nov 2026, 13:00 CET"


@pytest.fixture
def environ() -> dict[str, str]:
    return {"ONFILE_TIMEZONE": "Europe/Berlin"}


def paid(world) -> dict[str, str]:
    """The address of a charge of noon in London."""
    customer = world.customer()
    world.save_card(customer)
    return {"charge": world.charge(customer).charge.id}


def choose(at, zone: str) -> None:
    at.selectbox(key="account_timezone").set_value(zone)
    at.button(key="account_timezone_save").click().run()
    assert not at.exception
    assert not at.error


def test_a_page_shows_the_installations_zone_and_not_the_browsers(
    world, open_page, monkeypatch
) -> None:
    monkeypatch.setattr(type(st.context), "timezone", property(lambda _: "America/New_York"))
    assert SENT in text(open_page("charges", as_="alice", query=paid(world)))


def test_whoever_chose_a_zone_sees_it_and_nobody_else_does(world, open_page) -> None:
    query = paid(world)
    at = open_page("account", as_="vera")
    choose(at, "Asia/Tokyo")
    assert world.services.preferences.timezone(VERA) == "Asia/Tokyo"
    assert "23 Nov 2026, 21:00 JST" in text(open_page("charges", as_="vera", query=query))
    assert SENT in text(open_page("charges", as_="alice", query=query))
    choose(at, "")
    assert world.services.preferences.timezone(VERA) is None
    assert SENT in text(open_page("charges", as_="vera", query=query))


def test_a_zone_that_does_not_exist_is_refused(world) -> None:
    with pytest.raises(InvalidInput, match="Choose a time zone"):
        world.services.preferences.set_timezone("Europe/Atlantis", by=ALICE)


def test_findings_name_the_installations_day_and_hour(world, clock) -> None:
    """At half past eleven at night in London it is the next day in Berlin."""
    clock.advance(hours=11, minutes=30)
    customer = world.customer()
    world.save_card(customer, NO_MONEY)
    world.charge(customer)
    with pytest.raises(Blocked, match=r"charged again from 26 Nov 2026, 00:30 CET"):
        world.charge(customer)
