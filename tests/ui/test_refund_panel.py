"""Refunds on a charge and on Approvals: asked for by one person, approved by another."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.domain.files.number_styles import DecimalSign
from lib.domain.files.typed_sums import typed
from lib.domain.refunds import RefundState
from lib.money import Money
from lib.services.staff.users import PRACTICE_PASSWORD
from lib.ui.typed_amount import prefilled
from tests.beginnings import made_once
from tests.ui.charge_pages import button, buttons, confirm, exported, field, ran, text
from tests.world import ALICE, BOB, World


@pytest.fixture
@made_once
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
    return ran(next(b for b in confirm(at).button if (b.key or "").endswith("_ask")).click().run())


def test_asked_for_here_and_approved_there(open_page, paid, world) -> None:
    at = asked(open_page, paid)
    page_text = text(at)
    assert "Waits for approval" in page_text
    assert "$10.00** back" in page_text
    assert "Charged twice: Wrong sum" in page_text
    assert not returned(world)
    assert not any("approve" in key for key in buttons(at)), "not by who asked"
    at = open_page("approvals", as_="bob")
    field(at, "approvals_refund_").set_value(PRACTICE_PASSWORD)
    ran(button(at, "approvals_refund_").click().run())
    assert returned(world) == [1_000]
    assert "Nothing waits" in text(at)
    at = open_page("charges", as_="alice", query={"charge": paid})
    page_text = text(at)
    assert "Refunded" in page_text
    assert "Partly refunded" in page_text
    assert "Bob Approver approved the refund of $10.00." in page_text
    assert field(at, "charge_refund_").value == "23.00", "what is left"


def test_twenty_at_once_and_the_way_to_the_rest(open_page, world) -> None:
    customer = world.customer()
    world.save_card(customer)
    for number in range(21):
        charge = world.charge(customer, reference=f"INV-{number}").charge.id
        world.services.refunds.request(
            charge,
            money=Money(100, "usd"),
            reason="duplicate",
            note=f"Number {number:02d}",
            by=ALICE,
        )
        world.clock.advance(minutes=1)

    def shown() -> list[int]:
        return [n for n in range(21) if f"Number {n:02d}" in text(at)]

    at = open_page("approvals", as_="bob")
    assert shown() == list(range(20))
    assert "1–20 of 21 refunds, oldest first" in text(at)
    ran(button(at, "approvals_refunds_pager_newer").click().run())
    assert shown() == [20]
    assert button(at, "approvals_refunds_pager_newer").disabled
    field(at, "approvals_refund_").set_value(PRACTICE_PASSWORD)
    ran(button(at, "approvals_refund_").click().run())
    assert returned(world) == [100]
    assert shown() == list(range(20)), "a place that is no more shows what is left"
    assert "oldest first" not in text(at)


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
    world.clock.advance(seconds=61)
    at = open_page("charges", as_="alice", query={"charge": paid})
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
    written = exported(open_page("charges", as_="vera"), world.services, "charges_export", "csv")
    (line,) = csv.DictReader(io.StringIO(written.content.decode("utf-8-sig")))
    assert line["Refunded"] == "10.00"


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


def test_a_sum_that_can_mean_two_is_asked_whatever_was_said_elsewhere(
    open_page, paid, world
) -> None:
    world.services.preferences.remember_decimal_sign(DecimalSign.COMMA, by=ALICE)
    at = asked(open_page, paid, amount="1.234")
    assert "can mean 1.234 (decimal dot) or 1,234.00 (decimal comma)" in text(at)
    assert "Waits for approval" not in text(at)


def test_the_answer_to_what_can_mean_two_sums_is_taken(open_page, world) -> None:
    customer = world.customer()
    world.save_card(customer)
    charge = world.charge(customer, amount="2000.00").charge.id
    world.services.sync.run()
    at = asked(open_page, charge, amount="1.234")
    (sums,) = [one for one in at.button_group if "can mean two sums" in one.label]
    assert sums.value is None
    sums.set_value("comma")
    at = ran(next(b for b in at.button if (b.key or "").endswith("_ask")).click().run())
    assert "$1,234.00** back" in text(at)


@given(st.integers(1, 10**9), st.sampled_from(["eur", "jpy", "kwd"]))
def test_what_a_field_holds_at_first_means_one_sum(amount: int, code: str) -> None:
    assert typed(prefilled(amount, code), code) == Money(amount, code)


@pytest.fixture
@made_once
def unknown(world: World, paid: str) -> str:
    """A refund of $5.00 of this charge, which Stripe answered with a 500 two hours ago."""
    order = world.services.refunds.request(
        paid, money=Money(500, "usd"), reason="duplicate", note="Wrong sum", by=ALICE
    )
    world.stripe.faults.add("POST", "/v1/refunds", kind="error_500_saved")
    world.services.refunds.approve(order.id, by=BOB, password=PRACTICE_PASSWORD)
    world.clock.advance(hours=2)
    return paid


def ends(fields, end: str):
    return next(one for one in fields if (one.key or "").endswith(end))


class TestARefundSettledByHand:
    def test_proposed_on_the_unknown_page_and_agreed_to(self, open_page, unknown, world) -> None:
        at = open_page("unknown", as_="alice")
        at.radio[0].set_value(RefundState.NOT_EXECUTED)
        ends(at.text_input, "_reason").set_value("Looked in the Dashboard")
        at = ran(ends(confirm(at).button, "_propose").click().run())
        assert "Proposed by Alice Operator" in text(at)
        assert not any("_approve" in key for key in buttons(at))
        at = open_page("approvals", as_="bob")
        assert "Looked in the Dashboard" in text(at)
        field(at, "approvals_refund_outcome_").set_value(PRACTICE_PASSWORD)
        ran(button(at, "approvals_refund_outcome_").click().run())
        (order,) = world.services.refunds.of_charge(unknown)
        assert order.state is RefundState.NOT_EXECUTED
        at = open_page("charges", as_="alice", query={"charge": unknown})
        assert "Settled by two people, without evidence." in text(at)
        assert "agreed to settle the refund of $5.00 by hand" in text(at)

    def test_what_is_missing_is_said_and_a_proposal_is_taken_back(
        self, open_page, unknown, world
    ) -> None:
        at = open_page("charges", as_="alice", query={"charge": unknown})
        at = ran(ends(confirm(at).button, "_propose").click().run())
        assert "Say how you know" in text(at)
        at.radio[0].set_value(RefundState.NOT_EXECUTED)
        ends(at.text_input, "_by_hand_reason").set_value("I looked")
        at = ran(ends(confirm(at).button, "_propose").click().run())
        ran(ends(at.button, "_withdraw").click().run())
        assert world.services.refunds_by_hand.to_decide() == []
