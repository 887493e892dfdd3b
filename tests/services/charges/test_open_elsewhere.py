"""Open payments that were begun outside Onfile with the reference of a debt: nothing is charged beside them, and they can be ended."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from lib.domain.charges import ChargeState
from lib.errors import AlreadyCharged, Busy, InvalidInput, NotFound, NotPermitted, StaleState
from tests.beginnings import made_once
from tests.charge_runs import audited, counts, started
from tests.stripe_account import get, post
from tests.world import ALICE, VERA, World

OPEN = ["requires_payment_method", "requires_confirmation", "requires_action", "requires_capture"]


@pytest.fixture
@made_once
def customer(world: World) -> str:
    made = world.customer()
    world.save_card(made)
    world.services.users.add_practice_users()
    return made


def begun(
    world: World, customer: str | None, status: str = "requires_capture", **marks: str
) -> str:
    """In the Dashboard, say; of $99.00, whatever is owed."""
    params: dict[str, Any] = {"customer": customer} if customer else {}
    if customer and status == "requires_capture":
        with world.uow.read() as stores:
            method = stores.mirror.payment_methods_of(customer)[0].id
        params |= {"payment_method": method, "confirm": "true", "capture_method": "manual"}
        params |= {"off_session": "true", "allowed_payment_method_types": ["card"]}
    metadata = {"onfile_reference": "INV-1"} | marks
    made = post(
        world, "/v1/payment_intents", amount="9900", currency="usd", metadata=metadata, **params
    )
    if made["status"] != status:
        world.stripe.alter(made["id"], {"status": status})
    return str(made["id"])


def cancel(world: World, payment: str, reason: str = "Begun by mistake", by=ALICE) -> str:
    return world.services.open_payments.cancel_of_nobody(payment, reason=reason, by=by).status


@pytest.mark.parametrize("status", OPEN)
def test_stands_in_the_way_until_it_is_cancelled(world: World, customer: str, status: str) -> None:
    payment = begun(world, customer, status)
    with pytest.raises(AlreadyCharged, match="cancel it on the customer's page"):
        world.charge(customer)
    assert [one.id for one in world.services.open_payments.of_nobody(customer)] == [payment]
    assert cancel(world, payment) == "canceled"
    assert audited(world)[-1] == "payment.cancel"
    assert world.services.open_payments.of_nobody(customer) == []
    assert world.charge(customer).charge.state is ChargeState.SUCCEEDED
    assert world.moved() == [(1_234, "usd")]


def test_of_a_row_too(world: World, customer: str) -> None:
    payment = begun(world, customer)
    with world.uow.read() as stores:
        method = stores.mirror.payment_methods_of(customer)[0].id
    run_id = started(world, [(customer, method, 1_000, "INV-1")])
    world.services.runs.executor.execute(run_id)
    assert counts(world, run_id) == {"blocked": 1}
    cancel(world, payment)
    world.charge(customer)
    assert world.moved() == [(1_234, "usd")]


@pytest.mark.parametrize("is_of_an_onfile", [False, True])
def test_one_that_failed_can_still_be_paid_unless_an_onfile_made_it(
    world: World, customer: str, is_of_an_onfile: bool
) -> None:
    """Whoever made it may confirm it with another card; another Onfile asks under the same key as this one."""
    marks = {"onfile_charge_id": "chg_0other", "onfile_attempt": "1"} if is_of_an_onfile else {}
    payment = begun(world, customer, "requires_payment_method", **marks)
    world.stripe.alter(
        payment, {"last_payment_error": {"code": "card_declined", "type": "card_error"}}
    )
    if is_of_an_onfile:
        assert world.charge(customer).charge.state is ChargeState.SUCCEEDED
        return
    with pytest.raises(AlreadyCharged, match="cancel it on the customer's page"):
        world.charge(customer)
    cancel(world, payment)
    assert world.charge(customer).charge.state is ChargeState.SUCCEEDED
    assert len(world.moved()) == 1


def test_a_reference_that_was_typed_with_a_space_is_the_same(world: World, customer: str) -> None:
    begun(world, customer, onfile_reference=" INV-1\u00a0\u200b")
    with pytest.raises(AlreadyCharged):
        world.charge(customer)
    assert world.moved() == []


@pytest.mark.parametrize("kind", ["lost_reply", "lost_request", "error_500_saved"])
def test_whatever_becomes_of_the_request(world: World, customer: str, kind: str) -> None:
    payment = begun(world, customer)
    world.stripe.faults.add("POST", f"/v1/payment_intents/{payment}/cancel", kind=kind)
    with suppress(Busy):
        cancel(world, payment)
    assert "payment.cancel" in audited(world), "before it was asked for"
    if get(world, f"/v1/payment_intents/{payment}")["status"] != "canceled":
        cancel(world, payment)
    assert get(world, f"/v1/payment_intents/{payment}")["status"] == "canceled"


class TestNot:
    def test_what_was_paid_meanwhile(self, world: World, customer: str) -> None:
        payment = begun(world, customer)
        with pytest.raises(AlreadyCharged):
            world.charge(customer)
        world.stripe.alter(payment, {"status": "succeeded"})
        with pytest.raises(StaleState, match="succeeded"):
            cancel(world, payment)

    def test_what_names_no_debt(self, world: World, customer: str) -> None:
        """A shop's, say, whose customer is at its checkout at this moment."""
        shop = post(world, "/v1/payment_intents", amount="500", currency="usd", customer=customer)
        for payment in (shop["id"], begun(world, None)):
            with pytest.raises(StaleState, match="names no debt"):
                cancel(world, payment)
            assert get(world, f"/v1/payment_intents/{payment}")["status"] != "canceled"

    def test_a_try_of_ours_that_waits_for_its_answer(self, world: World, customer: str) -> None:
        world.lose_reply()
        charge = world.charge(customer).charge
        (payment,) = get(world, "/v1/payment_intents", customer=customer)["data"]
        world.stripe.alter(payment["id"], {"status": "requires_capture"})
        world.clock.advance(minutes=2)
        world.services.charge_resolver.resolve_due()
        assert world.services.open_payments.of_nobody(customer) == []
        with pytest.raises(StaleState, match="a try of a charge here"):
            cancel(world, payment["id"])
        world.services.open_payments.cancel(charge.id, reason="Held by mistake", by=ALICE)

    def test_without_a_reason_a_right_or_a_payment(self, world: World, customer: str) -> None:
        payment = begun(world, customer)
        with pytest.raises(InvalidInput):
            cancel(world, payment, " ")
        with pytest.raises(NotPermitted):
            cancel(world, payment, by=VERA)
        with pytest.raises(NotFound):
            cancel(world, "pi_nobody")
        assert get(world, f"/v1/payment_intents/{payment}")["status"] == "requires_capture"


@pytest.mark.parametrize("minutes", [2, 10, 59, 60, 90])
def test_one_that_is_paid_after_the_clock_was_set_back(
    world: World, customer: str, minutes: int
) -> None:
    """What was read by the clock that ran ahead must not keep out what is read now."""
    payment = begun(world, customer, "requires_payment_method")
    decline = {"code": "card_declined", "type": "card_error"}
    world.stripe.alter(payment, {"last_payment_error": decline})
    world.clock.advance(minutes=minutes)
    world.services.sync.run(full=True)
    world.clock.advance(minutes=-minutes)
    world.stripe.alter(payment, {"status": "succeeded", "last_payment_error": None})
    with pytest.raises(AlreadyCharged, match="succeeded"):
        world.charge(customer)
    assert world.moved() == []
