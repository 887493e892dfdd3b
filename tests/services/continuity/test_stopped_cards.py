"""A card that a bank has stopped is charged no more, whoever was told so, and whatever became of the file."""

from __future__ import annotations

import pytest

from lib.domain.charges import ChargeState
from lib.domain.retries import method_of
from lib.errors import Blocked
from tests.lost_files import lost
from tests.world import ALICE, NO_MONEY, World

LOST = "4000900000000029"
"""Declined with `decline_code` `lost_card` when it is charged."""


def asked_for_elsewhere(world: World, customer: str, method: str, **marks: str) -> None:
    """A payment that this ledger did not ask for, refused by the bank."""
    params = {
        "amount": "1234",
        "currency": "usd",
        "customer": customer,
        "payment_method": method,
        "confirm": "true",
        "off_session": "true",
        "allowed_payment_method_types": ["card"],
        "metadata": marks,
    }
    headers = {"Authorization": "Bearer sk_test_practice"}
    reply = world.stripe.handle("POST", "/v1/payment_intents", params, headers)
    assert reply.status == 402


def refused(world: World, customer: str, method: str) -> str | None:
    """The code of the refusal of another invoice of theirs."""
    with pytest.raises(Blocked) as refusal:
        world.charge(customer, reference="INV-2", method=method)
    assert world.moved() == []
    return refusal.value.code


def test_one_that_was_stopped_before_the_file_was_lost(world: World) -> None:
    customer = world.customer()
    method = world.save_card(customer, LOST)
    view = world.charge(customer, reference="INV-1", method=method)
    assert view.charge.state is ChargeState.DECLINED
    lost(world)
    world.clock.advance(days=1)
    world.services.rebuilds.rebuild(by=ALICE)
    assert refused(world, customer, method) == "card_never_again"
    with world.uow.read() as stores:
        attempt = stores.charges.attempt(view.charge.id, 1)
    assert attempt is not None
    assert method_of(attempt) == method


@pytest.mark.parametrize(
    "marks",
    [
        {},
        {
            "onfile_reference": "INV-1",
            "onfile_charge_id": "chg_0other",
            "onfile_attempt": "1",
            "onfile_installation": "ins_0other",
        },
    ],
    ids=["in the Dashboard", "by another installation"],
)
def test_one_that_was_stopped_elsewhere(world: World, marks: dict[str, str]) -> None:
    customer = world.customer()
    method = world.save_card(customer, LOST)
    asked_for_elsewhere(world, customer, method, **marks)
    world.clock.advance(minutes=2)
    assert refused(world, customer, method) == "card_never_again"
    # Saved once more it is the same card.
    assert refused(world, customer, world.save_card(customer, LOST)) == "card_never_again"


def test_one_without_money_elsewhere_may_be_charged(world: World) -> None:
    customer = world.customer()
    method = world.save_card(customer, NO_MONEY)
    asked_for_elsewhere(world, customer, method)
    world.clock.advance(minutes=2)
    view = world.charge(customer, reference="INV-2", method=method)
    assert view.charge.state is ChargeState.DECLINED


@pytest.mark.parametrize(("hours", "may_be_charged"), [(1, False), (31 * 24, True)])
def test_how_long_to_wait_counts_from_the_bank_s_answer(
    world: World, hours: int, may_be_charged: bool
) -> None:
    """Not from the rebuild that brought it back."""
    customer = world.customer()
    method = world.save_card(customer, NO_MONEY)
    world.charge(customer, reference="INV-1", method=method)
    lost(world)
    world.clock.advance(hours=hours)
    # A rebuild waits for whoever may still be at work with the newest marks.
    world.clock.advance(hours=1)
    world.services.rebuilds.rebuild(by=ALICE)
    if may_be_charged:
        view = world.charge(customer, reference="INV-1", method=method)
        assert view.last is not None
        assert view.last.number == 2
    else:
        with pytest.raises(Blocked) as refusal:
            world.charge(customer, reference="INV-1", method=method)
        assert refusal.value.code == "retry_too_early"
