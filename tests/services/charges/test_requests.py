"""What one confirmation asks of Stripe: the method with its customer, the customer's payments, the charge."""

from __future__ import annotations

import pytest

from lib.domain.charges import ChargeState
from lib.errors import Blocked
from tests import stripe_account
from tests.stripe_account import requests_of
from tests.world import ALICE, World


def test_a_confirmation_reads_twice_and_charges_once(world: World) -> None:
    customer = world.customer()
    method = world.save_card(customer)
    world.services.sync.run(full=True)
    first = world.charge(customer, reference="INV-1", method=method)
    with requests_of(world) as requests:
        second = world.charge(customer, reference="INV-2", method=method)
    assert requests == [
        f"GET /v1/payment_methods/{method}",
        "GET /v1/payment_intents",
        "POST /v1/payment_intents",
    ]
    assert {first.charge.state, second.charge.state} == {ChargeState.SUCCEEDED}


def test_the_customer_that_comes_along_is_as_fresh_as_one_read_alone(world: World) -> None:
    customer = world.customer("Acme")
    method = world.save_card(customer)
    world.services.sync.run(full=True)
    stripe_account.post(
        world,
        f"/v1/customers/{customer}",
        name="Acme Ltd",
        metadata={"onfile_do_not_charge": "dispute"},
    )
    with pytest.raises(Blocked, match="Somebody stopped the charges of this customer"):
        world.charge(customer, method=method)
    with world.uow.read() as stores:
        known = stores.mirror.customer(customer)
    assert known is not None
    assert known.name == "Acme Ltd"
    assert world.moved() == []


def test_a_deleted_customer_is_named_though_its_method_is_detached(world: World) -> None:
    customer = world.customer()
    method = world.save_card(customer)
    world.services.sync.run(full=True)
    stripe_account.delete(world, f"/v1/customers/{customer}")
    with pytest.raises(Blocked) as refusal:
        world.services.charges.review(world.order(customer, method=method), by=ALICE)
    assert refusal.value.code == "customer_deleted"


def test_a_method_of_somebody_else_is_refused_by_the_order_s_customer(world: World) -> None:
    customer, other = world.customer("Acme"), world.customer("Globex")
    method = world.save_card(other)
    with requests_of(world) as requests, pytest.raises(Blocked) as refusal:
        world.services.charges.review(world.order(customer, method=method), by=ALICE)
    assert refusal.value.code == "payment_method_of_another_customer"
    assert requests[:2] == [f"GET /v1/payment_methods/{method}", f"GET /v1/customers/{customer}"]
