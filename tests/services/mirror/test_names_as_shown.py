"""Names and addresses that hold letters nobody sees at Stripe: here they are shown and copied without."""

from __future__ import annotations

import pytest

from lib.stripe_gateway import mapping
from tests import stripe_account
from tests.world import ALICE, World

NAME, ADDRESS = "Os\u00adteria \u200bBian\u2060ca\u202e", "\ufeffcassa\u2060@osteria\u200b.example"
SHOWN_NAME, SHOWN_ADDRESS = "Osteria Bianca", "cassa@osteria.example"
PERSIAN = "علی می\u200cخواهم"


@pytest.fixture
def customer(world: World) -> str:
    world.stripe.adopt_customer("cus_odd", {"name": NAME, "email": ADDRESS})
    world.services.sync.run(full=True)
    return "cus_odd"


def test_they_are_shown_without_and_stay_as_they_are_at_stripe(world: World, customer: str) -> None:
    row = world.services.reports.customers.find(customer)
    assert row is not None
    assert (row["name"], row["email"]) == (SHOWN_NAME, SHOWN_ADDRESS)
    assert world.services.reports.customers.choices("")[0] == (
        customer,
        f"{SHOWN_NAME} · {SHOWN_ADDRESS}",
    )
    world.services.holds.set(customer, reason="Asked to", by=ALICE)
    at_stripe = stripe_account.get(world, f"/v1/customers/{customer}")
    assert (at_stripe["name"], at_stripe["email"]) == (NAME, ADDRESS)


@pytest.mark.parametrize("written", [ADDRESS, SHOWN_ADDRESS, SHOWN_ADDRESS.upper()])
def test_they_are_found_by_what_is_shown_and_by_what_stripe_has(
    world: World, customer: str, written: str
) -> None:
    assert world.services.customers.named(written) == customer
    assert world.services.reports.customers.ids(search=written, limit=5) == [customer]


def test_the_proof_finds_no_difference(world: World, customer: str) -> None:
    assert customer
    world.clock.advance(days=1)
    world.services.sync.run()
    verified = world.services.sync.verify_now(by=ALICE, full=True)
    assert [finding for one in verified for finding in one.findings] == []


def test_a_link_is_made_for_what_is_shown(world: World, customer: str) -> None:
    made = world.services.links.create(form_key="f", customer=customer, by=ALICE)
    assert (made.link.name, made.link.email) == (SHOWN_NAME, SHOWN_ADDRESS)


def test_every_object_that_names_somebody_is_read_so() -> None:
    method = mapping.payment_method(
        {
            "id": "pm_1",
            "livemode": False,
            "type": "card",
            "billing_details": {"name": NAME, "email": ADDRESS},
            "created": 1,
        }
    )
    assert (method.billing_name, method.billing_email) == (SHOWN_NAME, SHOWN_ADDRESS)
    session = mapping.session_bundle(
        {
            "id": "cs_1",
            "livemode": False,
            "mode": "setup",
            "status": "complete",
            "customer_details": {"name": PERSIAN, "email": ADDRESS},
            "created": 1,
        }
    ).session
    assert (session.customer_name, session.customer_email) == (PERSIAN, SHOWN_ADDRESS)
    account = mapping.account({"id": "acct_1", "business_profile": {"name": NAME}})
    assert account.business_name == SHOWN_NAME


def test_what_is_nothing_but_such_letters_is_nothing() -> None:
    bare = {"id": "cus_1", "created": 1, "name": "\u3164", "email": "\u2060"}
    read = mapping.customer(bare)
    assert (read.name, read.email) == (None, None)


def test_a_name_that_needs_its_joiner_keeps_it_from_the_form_to_stripe(world: World) -> None:
    made = world.services.customers.create(
        email="ali@example.com", name=f"{PERSIAN}\u2060", request_key="k", by=ALICE
    )
    assert made.name == PERSIAN
    assert stripe_account.get(world, f"/v1/customers/{made.id}")["name"] == PERSIAN
    file = f"email,name\nali@example.com,{PERSIAN}\u2060\n".encode()
    upload = world.services.link_files.open(file, "links.csv")
    batch = world.services.link_files.draft(upload, name="May", by=ALICE)
    (view,) = world.services.link_batches.views.rows(batch.id)
    assert view.row.request.name == PERSIAN
