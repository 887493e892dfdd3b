"""Refunds on a charge and on Approvals: asked for by one person, approved by another."""

from __future__ import annotations

import pytest

from lib.services.staff.users import PRACTICE_PASSWORD
from tests.ui.charge_pages import button, buttons, field, ran, text
from tests.world import World


@pytest.fixture
def paid(world: World) -> str:
    customer = world.customer("Acme <b>Ltd</b>")
    world.save_card(customer)
    return world.charge(customer, amount="33.00").charge.id


def returned(world: World) -> list[int]:
    return [m.amount for m in world.stripe.money_moved() if m.kind == "refund"]


def asked(open_page, charge_id: str, *, amount: str = "10.00", note: str = "Wrong sum"):
    at = open_page("charges", as_="alice", query={"charge": charge_id})
    field(at, "charge_refund_").set_value(amount)
    at.selectbox[-1].set_value("duplicate")
    next(f for f in at.text_input if (f.key or "").endswith("_note")).set_value(note)
    return ran(next(b for b in at.button if (b.key or "").endswith("_ask")).click().run())


def test_asked_for_here_and_approved_there(open_page, paid, world) -> None:
    at = asked(open_page, paid)
    said = text(at)
    assert "Waits for approval" in said
    assert "$10.00** back" in said
    assert "Charged twice: Wrong sum" in said
    assert not returned(world)
    assert not any("approve" in key for key in buttons(at)), "not by who asked"
    at = open_page("approvals", as_="bob")
    field(at, "approvals_refund_").set_value(PRACTICE_PASSWORD)
    ran(button(at, "approvals_refund_").click().run())
    assert returned(world) == [1_000]
    assert "Nothing waits" in text(at)
    at = open_page("charges", as_="alice", query={"charge": paid})
    said = text(at)
    assert "Refunded" in said
    assert "Partly refunded" in said
    assert "Bob Approver approved the refund of $10.00." in said
    assert field(at, "charge_refund_").value == "23.00", "what is left"


def test_the_wrong_password_gives_nothing_back(open_page, paid, world) -> None:
    asked(open_page, paid)
    at = open_page("approvals", as_="bob")
    field(at, "approvals_refund_").set_value("wrong")
    ran(button(at, "approvals_refund_").click().run())
    assert at.error
    assert not returned(world)


def test_rejected_with_a_reason(open_page, paid, world) -> None:
    asked(open_page, paid)
    at = open_page("approvals", as_="bob")
    field(at, "approvals_refund_").set_value(PRACTICE_PASSWORD)
    next(f for f in at.text_input if (f.key or "").endswith("_reason")).set_value("It was right")
    ran(next(b for b in at.button if (b.key or "").endswith("_reject")).click().run())
    at = open_page("charges", as_="alice", query={"charge": paid})
    assert "Rejected by Bob Approver" in text(at)
    assert "It was right" in text(at)
    assert not returned(world)


def test_taken_back(open_page, paid) -> None:
    at = asked(open_page, paid)
    ran(next(b for b in at.button if (b.key or "").endswith("_withdraw")).click().run())
    assert "Taken back" in text(at)
    assert "Nothing waits" in text(open_page("approvals", as_="bob"))


@pytest.mark.parametrize(
    ("amount", "note"), [("33.01", "x"), ("0", "x"), ("ten", "x"), ("10.00", " ")]
)
def test_what_cannot_be_asked_for_is_said(open_page, paid, world, amount, note) -> None:
    at = asked(open_page, paid, amount=amount, note=note)
    assert at.error
    assert world.services.refunds.of_charge(paid) == []


def test_a_lost_answer_is_said_and_found_out(open_page, paid, world) -> None:
    asked(open_page, paid)
    world.stripe.faults.add("POST", "/v1/refunds", kind="lost_reply")
    at = open_page("approvals", as_="bob")
    field(at, "approvals_refund_").set_value(PRACTICE_PASSWORD)
    ran(button(at, "approvals_refund_").click().run())
    at = open_page("charges", as_="alice", query={"charge": paid})
    assert "do not refund it in another way" in text(at)
    ran(next(b for b in at.button if (b.key or "").endswith("_look")).click().run())
    assert returned(world) == [1_000]
    assert "Given back." in text(at)


def test_viewers_only_look(open_page, paid) -> None:
    asked(open_page, paid)
    at = open_page("approvals", as_="vera")
    assert "needs the role approver" in text(at)
    assert not any(key.endswith(("_approve", "_reject", "_withdraw")) for key in buttons(at))


def test_the_export_has_what_went_back(open_page, paid, world) -> None:
    asked(open_page, paid)
    at = open_page("approvals", as_="bob")
    field(at, "approvals_refund_").set_value(PRACTICE_PASSWORD)
    ran(button(at, "approvals_refund_").click().run())
    assert list(world.services.reports.charges.export()["refunded"]) == ["10.00"]


@pytest.mark.parametrize(
    ("number", "sentence", "may_be_asked"),
    [
        ("4000000000001976", "The whole charge can be refunded at once", True),
        ("4000000000000259", "The bank took the money and decides", False),
    ],
)
def test_a_disputed_charge_says_what_may_be_done(
    open_page, world, number: str, sentence: str, may_be_asked: bool
) -> None:
    customer = world.customer()
    world.save_card(customer, number)
    charge = world.charge(customer, amount="33.00").charge.id
    world.services.sync.run()
    at = open_page("charges", as_="alice", query={"charge": charge})
    assert sentence in text(at)
    assert any((one.key or "").endswith("_ask") for one in at.button) is may_be_asked
