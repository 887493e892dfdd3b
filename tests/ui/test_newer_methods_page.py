"""A draft asks once for the file which method is meant where the default is older than another."""

from __future__ import annotations

import pytest

from lib.domain.runs import RowRequest
from lib.money import Money
from lib.services.runs.draft import RunSource
from tests.charge_runs import rows_of
from tests.stripe_account import make_default
from tests.ui.charge_pages import button, ran, text
from tests.world import ALICE, World


@pytest.fixture
def asked(world: World) -> tuple[str, str, str]:
    """A draft of one row, the default and the method saved after it."""
    customer = world.customer()
    default = world.save_card(customer)
    make_default(world, customer, default)
    world.clock.advance(minutes=1)
    newer = world.save_card(customer, "5555555555554444")
    request = RowRequest(2, (), customer, Money(1_234, "usd"), "INV-1")
    run = world.services.runs.drafts.create(RunSource((), "May"), [request], by=ALICE)
    return run.id, default, newer


@pytest.mark.parametrize("choice", ["newer", "default"])
def test_one_choice_for_the_file(open_page, world, asked, choice) -> None:
    run_id, default, newer = asked
    at = open_page("runs", as_="alice", query={"run": run_id})
    assert "**A newer method than the default** · 1 row" in text(at)
    ran(button(at, "run_kinds_set_newer_method").click().run())
    assert "Choose which method is charged." in text(at)
    at.radio(key="run_kinds_method_newer_method").set_value(choice)
    ran(button(at, "run_kinds_set_newer_method").click().run())
    assert "Say why" in text(at)
    assert rows_of(world, run_id)[0].payment_method == default
    at.text_input(key="run_kinds_reason_newer_method").set_value("They wrote so")
    ran(button(at, "run_kinds_set_newer_method").click().run())
    assert rows_of(world, run_id)[0].payment_method == (newer if choice == "newer" else default)
    assert "A newer method than the default" not in text(at)
