"""Ownership: a key of another account of the same mode reads, mirrors and charges nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lib import bootstrap
from lib.bootstrap import Services
from lib.domain.account import Account
from lib.domain.mirror import Event
from lib.domain.sender import Sender
from lib.errors import AnotherAccount, GatewayError
from lib.settings import Mode
from lib.store.meta import ACCOUNT
from lib.stripe_gateway.gateway import StripeGateway
from tests.world import ALICE, World, new_world

KEY = "rk_test_of_the_account"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Practice Stripe over HTTP, as a test-mode account that the key has to prove."""
    with new_world(tmp_path) as built:
        with sqlite3.connect(built.settings.database) as database:
            database.execute("UPDATE meta SET value = 'test' WHERE name = 'mode'")
        built.settings = replace(built.settings, mode=Mode.TEST, stripe_secret_key=KEY)
        built.rebuild()
        yield built


def bind(world: World, account: str) -> None:
    with world.uow.write() as stores:
        stores.meta.set(ACCOUNT, account)


def restarted(world: World) -> Services:
    return bootstrap.build_services(
        world.settings, clock=world.clock, api_base=world.server.base_url, bcrypt_rounds=4
    )


def bound(world: World) -> str | None:
    with world.uow.read() as stores:
        return stores.meta.value(ACCOUNT)


class TestFirstContact:
    def test_the_account_is_bound_and_asked_for_once(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked: list[str] = []
        ask = StripeGateway.account

        def counting(gateway: StripeGateway) -> Account:
            account = ask(gateway)
            asked.append(account.id)
            return account

        monkeypatch.setattr(StripeGateway, "account", counting)
        assert bound(world) is None
        world.customer()
        world.customer()
        assert asked == ["acct_1OnfilePractice0"]
        assert bound(world) == "acct_1OnfilePractice0"

    def test_a_start_needs_no_answer_and_an_act_waits_for_one(self, world: World) -> None:
        world.stripe.faults.add("GET", "/v1/account", kind="error_500_unsaved", times=99)
        services = restarted(world)
        assert services.reports.charges.is_empty()
        with pytest.raises(GatewayError):
            services.customers.create(email="a@example.com", name="A", request_key="one", by=ALICE)
        world.stripe.faults.clear()
        services.customers.create(email="a@example.com", name="A", request_key="one", by=ALICE)


class TestBusinessName:
    """Customers read the account's name at Stripe unless another was set."""

    def test_is_kept_at_first_contact(self, world: World) -> None:
        assert world.services.senders.sender() == Sender("", "")
        world.customer()
        assert world.services.senders.sender() == Sender("Onfile Practice Ltd", "")

    def test_gives_way_to_what_was_set(self, world: World) -> None:
        world.customer()
        world.settings = replace(world.settings, company="Acme Ltd", contact="help@acme.example")
        world.rebuild()
        assert world.services.senders.sender() == Sender("Acme Ltd", "help@acme.example")

    def test_follows_the_account(self, world: World) -> None:
        world.customer()
        world.stripe.configure({"business_name": "Acme Tools Inc"})
        restarted(world).sync.run_now(by=ALICE)
        assert world.services.senders.sender().company == "Acme Tools Inc"
        world.stripe.configure({"business_name": None})
        restarted(world).sync.run_now(by=ALICE)
        assert world.services.senders.sender().company == ""

    def test_a_key_that_may_not_read_the_account_knows_none(self, world: World) -> None:
        world.stripe.faults.add("GET", "/v1/account", kind="missing_permission", times=99)
        world.customer()
        assert world.services.senders.sender() == Sender("", "")

    def test_another_accounts_name_is_not_taken(self, world: World) -> None:
        bind(world, "acct_somebody_else")
        with pytest.raises(AnotherAccount):
            world.services.sync.run_now(by=ALICE)
        assert world.services.senders.sender().company == ""

    def test_practice_learns_it_at_its_start_and_starts_without(self, world: World) -> None:
        world.stripe.faults.add("GET", "/v1/account", kind="error_500_unsaved", times=99)
        world.services.ownership.learn_company()
        assert world.services.senders.sender().company == ""
        world.stripe.faults.clear()
        world.services.ownership.learn_company()
        assert world.services.senders.sender().company == "Onfile Practice Ltd"


class TestAnotherAccount:
    def test_nothing_is_mirrored_charged_or_processed(self, world: World) -> None:
        customer = world.customer()
        world.save_card(customer)
        bind(world, "acct_somebody_else")
        services = restarted(world)
        with pytest.raises(AnotherAccount, match="acct_somebody_else"):
            services.sync.run_now(by=ALICE)
        with pytest.raises(AnotherAccount):
            services.charges.review(world.order(customer), by=ALICE)
        assert world.moved() == []
        with sqlite3.connect(world.settings.database) as database:
            deleted = database.execute("SELECT count(*) FROM customers WHERE is_deleted").fetchone()
        assert deleted == (0,)

    def test_deliveries_stay_in_the_inbox_until_the_key_is_right(self, world: World) -> None:
        customer = world.customer()
        world.services.sync.run_now(by=ALICE)
        bind(world, "acct_somebody_else")
        services = restarted(world)
        event = Event(
            id="evt_1",
            type="customer.updated",
            object_id=customer,
            object_type="customer",
            api_version=None,
            livemode=False,
            created=world.now,
            idempotency_key=None,
        )
        assert services.webhooks.take_listed([event]) == 1
        assert services.webhooks.process_due() == 0
        bind(world, "acct_1OnfilePractice0")
        assert restarted(world).webhooks.process_due() == 1

    def test_a_key_that_may_not_read_the_account_is_verified_by_a_known_customer(
        self, world: World
    ) -> None:
        world.customer()
        world.stripe.faults.add("GET", "/v1/account", kind="missing_permission", times=99)
        assert restarted(world).customers.create(
            email="b@example.com", name="B", request_key="two", by=ALICE
        )
        with world.uow.write() as stores:
            stores.meta.clear(ACCOUNT)
        with sqlite3.connect(world.settings.database) as database:
            database.execute("UPDATE customers SET id = 'cus_ofsomebodyelse' WHERE name = 'B'")
        with pytest.raises(AnotherAccount, match="cus_ofsomebodyelse"):
            restarted(world).sync.run_now(by=ALICE)
