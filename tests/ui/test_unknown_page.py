"""Unknown outcomes: what is known, how Onfile finds out, and nothing that could charge twice."""

from __future__ import annotations

import pytest

from tests.ui.charge_pages import button, buttons, ran, text
from tests.world import World


@pytest.fixture
def unknown(world: World) -> str:
    customer = world.customer()
    world.save_card(customer)
    world.lose_reply()
    charge = world.charge(customer, amount="33.00").charge.id
    world.clock.advance(seconds=61)
    return charge


def test_empty_reassures(open_page) -> None:
    assert "Every outcome is known" in text(open_page("unknown", as_="vera"))


def test_what_was_sent_and_no_way_to_charge(open_page, unknown) -> None:
    at = open_page("unknown", as_="alice")
    said = text(at)
    assert "Unknown · 1 minute ago" in said
    assert "$33.00" in said
    assert "Visa ···· 4242 for INV-1" in said
    assert "Not looked at yet" in said
    assert not any("again" in key or "confirm" in key for key in buttons(at))


def test_look_now_finds_out(open_page, unknown, world) -> None:
    at = open_page("unknown", as_="alice")
    ran(at.button(key=f"unknown_look_{unknown}").click().run())
    assert world.services.charges.view(unknown).charge.state == "succeeded"
    assert "Every outcome is known" in text(at)
    assert world.moved() == [(3300, "usd")]


def test_look_now_without_an_answer_counts_the_look(open_page, world) -> None:
    customer = world.customer()
    world.save_card(customer)
    world.fault("error_500_saved")
    charge = world.charge(customer).charge.id
    world.clock.advance(seconds=61)
    at = open_page("unknown", as_="alice")
    ran(at.button(key=f"unknown_look_{charge}").click().run())
    assert "Asked once: same key, event log" in text(at)
    assert world.services.charges.view(charge).charge.state == "unknown"
    assert world.moved() == []


def test_a_viewer_cannot_look(open_page, unknown) -> None:
    assert f"unknown_look_{unknown}" not in buttons(open_page("unknown", as_="vera"))


def test_details_open_the_panel(open_page, unknown) -> None:
    at = open_page("unknown", as_="alice")
    ran(at.button(key=f"unknown_open_{unknown}").click().run())
    assert "sent a charge of $33.00" in text(at)
    assert button(at, "charge_look")
