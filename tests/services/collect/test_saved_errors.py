"""Errors that Stripe saved under a key and gives again for a day: the same act may be tried anew at once."""

from __future__ import annotations

import pytest

from lib.domain.mirror import Customer
from lib.errors import GatewayError, OutcomeUnknown
from lib.services.collect.links import CreatedLink
from tests import stripe_account
from tests.world import ADA, ALICE, World

CUSTOMERS, SESSIONS = "/v1/customers", "/v1/checkout/sessions"


def fail(world: World, path: str, times: int = 1) -> None:
    world.stripe.faults.add("POST", path, kind="error_500_saved", times=times)


def link(world: World, **given: object) -> CreatedLink:
    return world.services.links.create(form_key="form-1", by=ALICE, **given)  # type: ignore[arg-type]


class TestAttaching:
    @pytest.fixture
    def guest_card(self, world: World) -> str:
        return world.save_card(None)

    def attach(self, world: World, method: str, customer: str) -> str | None:
        return world.services.payment_methods.attach(method, customer_id=customer, by=ADA).customer

    @pytest.mark.parametrize("times", [1, 3])
    def test_a_saved_error_does_not_hold_the_card_for_a_day(
        self, world: World, guest_card: str, times: int
    ) -> None:
        customer = world.customer()
        fail(world, f"/v1/payment_methods/{guest_card}/attach", times)
        assert self.attach(world, guest_card, customer) == customer

    def test_one_behind_which_it_was_attached_is_no_refusal(
        self, world: World, guest_card: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        customer = world.customer()
        attach = world.services.gateway.attach

        def behind(method: str, **more: str) -> object:
            monkeypatch.undo()
            attach(method, customer_id=customer, idempotency_key="elsewhere")
            fail(world, f"/v1/payment_methods/{guest_card}/attach")
            return attach(method, **more)

        monkeypatch.setattr(world.services.gateway, "attach", behind)
        assert self.attach(world, guest_card, customer) == customer
        saved = world.services.payment_methods.get(guest_card)
        assert saved.customer == customer


class TestCustomers:
    def create(self, world: World) -> Customer:
        return world.services.customers.create(
            email="new@example.com", name="New Ltd", request_key="form-1", by=ALICE
        )

    def test_a_saved_error_does_not_hold_the_form_for_a_day(self, world: World) -> None:
        fail(world, CUSTOMERS, times=2)
        made = self.create(world)
        assert [one["id"] for one in stripe_account.listed(world, CUSTOMERS)] == [made.id]
        assert self.create(world).id == made.id

    def test_the_one_that_was_made_behind_it_is_taken(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        send = world.services.gateway.create_customer

        def behind(params: object, *, idempotency_key: str) -> Customer:
            monkeypatch.undo()
            send(params, idempotency_key="the same in other words")  # type: ignore[arg-type]
            raise OutcomeUnknown("Stripe answered with an error.", is_replayed=True)

        monkeypatch.setattr(world.services.gateway, "create_customer", behind)
        made = self.create(world)
        assert [one["id"] for one in stripe_account.listed(world, CUSTOMERS)] == [made.id]

    def test_an_error_that_was_not_saved_is_told(self, world: World) -> None:
        world.stripe.faults.add("POST", CUSTOMERS, kind="missing_permission")
        with pytest.raises(GatewayError):
            self.create(world)
        assert self.create(world).id


class TestLinks:
    @pytest.mark.parametrize("path", [CUSTOMERS, SESSIONS])
    def test_a_saved_error_does_not_hold_the_link_for_a_day(self, world: World, path: str) -> None:
        fail(world, path, times=2)
        made = link(world, email="new@example.com", name="New Ltd")
        assert made.session_id
        assert len(stripe_account.listed(world, SESSIONS)) == 1
        assert len(stripe_account.listed(world, CUSTOMERS)) == 1

    def test_nor_does_a_key_that_stripe_knows_with_other_parameters(self, world: World) -> None:
        made = link(world, guest=True)
        with world.uow.write() as stores:
            stores.link_sessions.close(made.link.id, at=world.now)
        world.services.gateway.create_session(
            {"mode": "setup", "currency": "eur", "success_url": "https://example.com"},
            idempotency_key=f"onfile:{made.link.id}:2",
        )
        again = link(world, guest=True)
        assert again.link.id == made.link.id
        assert again.session_id != made.session_id
