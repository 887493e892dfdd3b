"""Unknown outcomes: what is known, how Onfile finds out, and nothing that could charge twice."""

from __future__ import annotations

import csv
import io

import pytest

from lib.domain.refunds import RefundOrder
from lib.money import Money
from tests.beginnings import made_once
from tests.ui.charge_pages import button, buttons, exported, ran, text
from tests.ui.conftest import PASSWORD
from tests.world import ALICE, BOB, World


@pytest.fixture
@made_once
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
    page_text = text(at)
    assert "Unknown · 1 minute ago" in page_text
    assert "$33.00" in page_text
    assert "Visa ···· 4242 for INV-1" in page_text
    assert "Not looked at yet" in page_text
    assert "$33.00\N{NO-BREAK SPACE}:gray[·\N{NO-BREAK SPACE}1]" in page_text, "summed at the foot"
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


class TestRefunds:
    @pytest.fixture
    @made_once
    def refund(self, world: World) -> RefundOrder:
        """Approved, and Stripe's answer was an error that it repeats."""
        customer = world.customer()
        world.save_card(customer)
        charge = world.charge(customer, amount="33.00").charge.id
        order = world.services.refunds.request(
            charge, money=Money(1_000, "usd"), reason="duplicate", note="Wrong sum", by=ALICE
        )
        world.stripe.faults.add("POST", "/v1/refunds", kind="error_500_saved")
        return world.services.refunds.approve(order.id, by=BOB, password=PASSWORD)

    def test_those_that_nobody_knows_are_counted_and_listed(self, open_page, world, refund) -> None:
        assert world.services.reports.waiting.counts()["unknown"] == 1
        at = open_page("unknown", as_="alice")
        assert "$10.00** back" in text(at)
        assert "Every outcome is known" not in text(at)
        ran(at.button(key=f"unknown_refund_{refund.id}_look").click().run())
        assert "none with this order's mark" in text(at)
        assert "Asked again with the same key, which cannot give back twice" in text(at)

    def test_one_that_cannot_be_asked_about_says_why(self, open_page, world, refund) -> None:
        world.stripe.faults.add("GET", "/v1/refunds", kind="missing_permission", times=2)
        at = open_page("unknown", as_="alice")
        ran(at.button(key=f"unknown_refund_{refund.id}_look").click().run())
        assert "Stripe could not be asked: " in text(at)
        assert "Stripe could not be asked now" in at.toast[0].value

    def test_one_just_sent_is_not(self, world, refund) -> None:
        with world.shell() as shell:
            shell.execute("DROP TRIGGER refunds_take_steps_in_order")
        world.change("UPDATE refunds SET state = 'sending', outcome_at = NULL")
        assert world.services.reports.waiting.counts()["unknown"] == 0
        world.clock.advance(seconds=61)
        assert world.services.reports.waiting.counts()["unknown"] == 1
        assert [one.id for one in world.services.refund_resolver.unanswered()] == [refund.id]

    def test_reconciling_resolves_it_too(self, world, refund) -> None:
        assert world.services.refund_resolver.reconcile(by=ALICE) == (0, 1)
        world.clock.advance(hours=25)
        assert world.services.refund_resolver.reconcile(by=ALICE) == (1, 0)
        assert world.services.reports.waiting.counts()["unknown"] == 0


def test_periods_and_a_file(open_page, services, unknown) -> None:
    at = open_page("unknown", as_="vera")
    file = exported(at, services, "unknown_export", "csv")
    (line,) = csv.DictReader(io.StringIO(file.content.decode("utf-8-sig")))
    assert (line["Reference"], line["Amount"], line["State"]) == ("INV-1", "33.00", "Unknown")
    at = open_page("unknown", as_="vera", query={"unknown_period": "last_month"})
    assert "No charge of these days waits" in text(at)
    assert at.selectbox(key="unknown_period"), "the way back"
