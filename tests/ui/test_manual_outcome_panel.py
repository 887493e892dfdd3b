"""Settling by hand on the pages: the evidence, the proposal, and somebody else's agreement."""

from __future__ import annotations

import pytest

from lib.domain.charges import ChargeState, Outcome
from lib.services.staff.users import PRACTICE_PASSWORD
from tests.beginnings import made_once
from tests.ui.charge_pages import button, buttons, confirm, field, ran, text
from tests.world import World


@pytest.fixture
@made_once
def unknown(world: World) -> str:
    customer = world.customer()
    world.save_card(customer)
    world.fault("error_500_saved")
    charge = world.charge(customer, amount="33.00").charge.id
    world.clock.advance(hours=2)
    world.services.charge_resolver.resolve_due()
    return charge


def proposed(open_page, charge_id: str):
    at = open_page("charges", as_="alice", query={"charge": charge_id})
    at.radio[0].set_value(Outcome.NOT_EXECUTED)
    next(f for f in at.text_input if (f.key or "").endswith("_reason")).set_value("Looked myself")
    return ran(
        next(b for b in confirm(at).button if (b.key or "").endswith("_propose")).click().run()
    )


def test_the_unknown_page_says_what_was_asked(open_page, unknown) -> None:
    page_text = text(open_page("unknown", as_="vera"))
    assert "Stripe answered 500" in page_text
    assert "Stripe's event log: nothing with this key" in page_text
    assert "none with this charge's mark" in page_text
    assert "Onfile takes it that it did not happen" in page_text


def test_proposed_here_and_agreed_there(open_page, unknown, world) -> None:
    at = proposed(open_page, unknown)
    assert "Proposed by Alice Operator" in text(at)
    assert not any("_approve" in key for key in buttons(at))
    at = open_page("approvals", as_="bob")
    assert "Looked myself" in text(at)
    assert "Stripe answered 500" in text(at)
    field(at, "approvals_manual_outcome_").set_value(PRACTICE_PASSWORD)
    ran(button(at, "approvals_manual_outcome_").click().run())
    assert world.services.charges.view(unknown).charge.state is ChargeState.PLANNED
    at = open_page("charges", as_="alice", query={"charge": unknown})
    assert "Settled by two people, without evidence." in text(at)


def test_not_in_the_first_hour(open_page, world) -> None:
    customer = world.customer()
    world.save_card(customer)
    world.fault("error_500_saved")
    fresh = world.charge(customer).charge.id
    world.clock.advance(minutes=5)
    at = open_page("charges", as_="alice", query={"charge": fresh})
    assert not any("_propose" in key for key in buttons(at))
    assert "has not looked yet" in text(at)


def test_taken_back(open_page, unknown, world) -> None:
    at = proposed(open_page, unknown)
    ran(next(b for b in at.button if (b.key or "").endswith("_withdraw")).click().run())
    assert world.services.manual_outcomes.to_decide() == []


def test_stripe_out_of_reach_is_said(open_page, unknown, world) -> None:
    proposed(open_page, unknown)
    world.stripe.faults.add("GET", "/v1/events", kind="missing_permission", times=2)
    at = open_page("approvals", as_="bob")
    field(at, "approvals_manual_outcome_").set_value(PRACTICE_PASSWORD)
    ran(button(at, "approvals_manual_outcome_").click().run())
    assert "cannot be asked" in text(at)
    assert world.services.charges.view(unknown).charge.state is ChargeState.UNKNOWN


def test_an_open_payment_is_cancelled_here(open_page, world) -> None:
    customer = world.customer()
    world.save_card(customer)
    world.lose_reply()
    charge = world.charge(customer, amount="33.00").charge.id
    with world.uow.read() as stores:
        key = stores.charges.attempts(charge)[0].idempotency_key
    events = world.services.gateway.list_events().items
    intent = next(one.object_id for one in events if one.idempotency_key == key)
    world.stripe.alter(intent, {"status": "requires_capture"})
    world.clock.advance(hours=2)
    world.services.charge_resolver.resolve_due()
    seen = open_page("charges", as_="vera", query={"charge": charge})
    assert not any(key.startswith("charge_cancel_payment_") for key in buttons(seen))
    at = open_page("charges", as_="alice", query={"charge": charge})
    assert f"Stripe holds the payment {intent}: requires capture. Cancel it here" in text(at)
    assert not any("_propose" in key for key in buttons(at)), "no two people against evidence"
    at = ran(button(confirm(at), "charge_cancel_payment_").click().run())
    assert "Say why: it stays with the charge." in text(at)
    field(at, "charge_cancel_payment_").set_value("Held by mistake")
    at = ran(button(confirm(at), "charge_cancel_payment_").click().run())
    assert f"asked Stripe to cancel the open payment {intent}: Held by mistake." in text(at)
    assert world.services.charges.view(charge).charge.state is ChargeState.DECLINED
