"""Customers that are the same to a person stand beside each other wherever one is chosen."""

from __future__ import annotations

import pytest

from lib.services.collect.customers import DuplicateCustomer
from tests.world import ALICE, World


@pytest.fixture
def twins(world: World) -> tuple[str, str]:
    """One that paid, and one that was made anew in another writing."""
    one = world.customer("Anna Amber", "büro@firma-test.example")
    world.save_card(one)
    world.charge(one, reference="INV-7", amount="12.00")
    world.services.sync.run(full=True)
    return one, world.customer("Anna Blue", "BU\u0308RO@Firma-Test.example")


def test_a_single_charge_says_who_else_is_meant_perhaps(
    world: World, twins: tuple[str, str]
) -> None:
    one, other = twins
    world.save_card(other, "5555555555554444")
    review = world.services.charges.review(world.order(other, reference="INV-8"), by=ALICE)
    [told] = [warning for warning in review.warnings if "same address" in warning]
    for detail in (one, "Anna Amber", "Visa", "last paid $12.00 on 23 Nov 2026 for INV-7", other):
        assert detail in told


def test_a_customer_alone_is_not_doubted(world: World) -> None:
    customer = world.customer("Bob", "bob@firma.example")
    world.save_card(customer)
    review = world.services.charges.review(world.order(customer), by=ALICE)
    assert [warning for warning in review.warnings if "address" in warning] == []


def test_a_link_for_an_address_of_two_is_asked(world: World, twins: tuple[str, str]) -> None:
    with pytest.raises(DuplicateCustomer) as asked:
        world.services.links.create(
            form_key="form", email="büro\u2060@firma-test.example", by=ALICE
        )
    assert [twin.customer.id for twin in asked.value.twins] == [twins[1], twins[0]]
    assert "Visa" in str(asked.value)
    assert "no saved method, never paid" in str(asked.value)


def test_what_tells_them_apart_in_a_list(world: World, twins: tuple[str, str]) -> None:
    details = world.services.customers.details(twins)
    assert details[twins[0]].endswith("last paid $12.00 on 23 Nov 2026 for INV-7")
    assert details[twins[1]] == "no saved method, never paid"


def test_an_existing_address_that_no_validator_likes_gets_its_link(world: World) -> None:
    """Older Japanese mailboxes have two dots in a row."""
    odd = "anna..k@mobile.example"
    world.stripe.adopt_customer("cus_odd", {"email": odd})
    made = world.services.links.create(form_key="form", email=odd, by=ALICE)
    assert made.link.customer == "cus_odd"
