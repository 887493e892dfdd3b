"""The webhook inbox: stored once, worked through later in the order that counts, and what is not for us left alone."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from typing import Any

import pytest

from lib.domain.mirror import Event
from lib.practice import thin_events
from lib.services.mirror.event_types import family_of
from tests import stripe_account
from tests.webhook_inbox import answers, bad, event, inbox, receive, states
from tests.webhook_route import deliver
from tests.world import ALICE, World


class TestThinEvents:
    """A destination that was set up for them gets ids in place of objects."""

    @pytest.fixture
    def thin(self, world: World) -> dict[str, Any]:
        customer = stripe_account.post(world, "/v1/customers", name="Thin Ltd")["id"]
        [told] = stripe_account.events(world, "customer.created")
        return thin_events.notification(told) | {"for": customer}

    def test_the_object_it_names_is_asked_for(self, world: World, thin: dict[str, Any]) -> None:
        assert deliver(world, thin) == 204
        [row] = inbox(world)
        assert (row["type"], row["object_id"], row["created"]) == (
            "customer.created",
            thin["for"],
            world.now,
        )
        world.services.webhooks.process_due()
        assert states(world) == ["processed"]
        customer = world.services.reports.customers.find(thin["for"])
        assert customer is not None
        assert customer["name"] == "Thin Ltd"

    def test_they_are_counted_and_polling_misses_nothing(
        self, world: World, thin: dict[str, Any]
    ) -> None:
        assert world.services.webhooks.thin() == 0
        deliver(world, thin)
        world.services.sync.run_now(by=ALICE)
        world.clock.advance(hours=1)
        assert world.services.webhooks.thin() == 1
        assert world.services.reports.webhooks.quiet().missed == 0

    def test_a_payment_of_the_other_mode_and_of_other_accounts_is_kept_only(
        self, world: World, thin: dict[str, Any]
    ) -> None:
        deliver(world, thin | {"livemode": True})
        deliver(world, thin | {"id": "evt_2", "context": "acct_other"})
        deliver(world, thin | {"id": "evt_3", "type": "v2.core.account.updated"})
        assert [row["note"] for row in inbox(world)] == [
            "wrong_livemode",
            "other_account",
            "type_not_needed",
        ]

    @pytest.mark.parametrize(
        "changes",
        [{"created": 1}, {"created": "yesterday"}, {"type": None}, {"related_object": "cus_1"}],
        ids=str,
    )
    def test_malformed(self, world: World, thin: dict[str, Any], changes: dict[str, Any]) -> None:
        assert deliver(world, thin | changes) == 400
        assert inbox(world) == []


class TestInbox:
    def test_nothing_is_done_before_it_is_stored(self, world: World) -> None:
        customer = world.customer()
        before = world.services.gateway.requests
        assert receive(world, event("customer.updated", customer))
        assert world.services.gateway.requests == before
        assert states(world) == ["received"]

    def test_then_it_is_processed_once(self, world: World) -> None:
        customer = world.customer("Before")
        stripe_account.post(world, f"/v1/customers/{customer}", name="After")
        world.clock.advance(seconds=1)
        receive(world, event("customer.updated", customer))
        assert world.services.webhooks.process_due() == 1
        assert world.services.webhooks.process_due() == 0
        assert world.services.customers.get(customer).name == "After"
        [row] = inbox(world)
        assert (row["state"], row["tries"], row["finished_at"]) == ("processed", 1, world.now)

    def test_a_repeat_is_known(self, world: World) -> None:
        assert receive(world, event())
        assert not receive(world, event())
        world.services.webhooks.process_due()
        assert not receive(world, event())
        assert len(inbox(world)) == 1

    def test_an_event_of_the_other_mode_is_kept_and_ignored(self, world: World) -> None:
        receive(world, event(livemode=True))
        assert states(world) == ["ignored"]
        assert world.services.webhooks.process_due() == 0

    @pytest.mark.parametrize(
        "type_", ["invoice.paid", "charges.paid", "customer.source.created", "a_new.type"]
    )
    def test_a_type_that_means_nothing_to_us_is_ignored(self, world: World, type_: str) -> None:
        receive(world, event(type_))
        assert states(world) == ["ignored"]

    def test_the_body_is_not_kept(self, world: World) -> None:
        """Names, addresses and client secrets travel in it; the object is asked for again."""
        secret = event()
        secret["data"]["object"]["client_secret"] = "seti_1_secret_x"
        secret["data"]["object"]["email"] = "private@example.com"
        receive(world, secret)
        assert "private@example.com" not in str(inbox(world))
        assert "_secret_" not in str(inbox(world))


def session_event(session_id: str, mode: str | None, **more: Any) -> dict[str, Any]:
    subject = {"id": session_id, "object": "checkout.session"} | ({"mode": mode} if mode else {})
    return event("checkout.session.completed", session_id, data={"object": subject}, **more)


class TestWhatIsNotForUs:
    """Kept, answered as received, and never asked about."""

    @pytest.mark.parametrize(
        ("given", "note"),
        [
            (event("invoice.paid", "in_1"), "type_not_needed"),
            (event("customer.subscription.created", "sub_1"), "type_not_needed"),
            (event(livemode=True), "wrong_livemode"),
            (event(account="acct_1"), "other_account"),
            (event(account="acct_1", livemode=True), "other_account"),
            (session_event("cs_test_1", "payment"), "other_purpose"),
            (session_event("cs_test_1", "subscription"), "other_purpose"),
        ],
        ids=lambda value: value if isinstance(value, str) else value["type"],
    )
    def test_says_why(self, world: World, given: dict[str, Any], note: str) -> None:
        before = world.services.gateway.requests
        assert receive(world, given)
        assert world.services.webhooks.process_due() == 0
        assert answers(world) == [("ignored", note)]
        assert world.services.gateway.requests == before

    def test_another_purpose_that_only_stripe_tells(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        link = world.services.links.create(form_key="f", guest=True, by=ALICE)
        gateway = world.services.gateway
        read = gateway.retrieve_session

        def another_purpose(session_id: str) -> Any:
            found = read(session_id)
            return replace(found, session=replace(found.session, mode="payment"))

        monkeypatch.setattr(gateway, "retrieve_session", another_purpose)
        receive(world, session_event(link.session_id, None))
        assert world.services.webhooks.process_due() == 1
        assert answers(world) == [("ignored", "other_purpose")]

    def test_polling_does_not_even_keep_it(self, world: World) -> None:
        listed = [
            Event("evt_1", "invoice.paid", False, None, 1, "in_1", "invoice", None),
            Event("evt_2", "customer.updated", True, None, 1, "cus_1", "customer", None),
            Event("evt_3", "customer.updated", False, None, 1, "cus_1", "customer", None),
        ]
        assert world.services.webhooks.take_listed(listed) == 1
        assert [row["event_id"] for row in inbox(world)] == ["evt_3"]


class TestKinds:
    """Stripe's `object` says what to ask for; the event's type only where that is missing."""

    @pytest.mark.parametrize(
        ("event_type", "object_type", "kind"),
        [
            ("charge.refunded", "charge", "charge"),
            ("charge.refunded", None, "charge"),
            ("charge.refund.updated", "refund", "refund"),
            ("charge.refund.updated", None, "refund"),
            ("refund.created", "refund", "refund"),
            ("charge.dispute.closed", "dispute", "dispute"),
            ("charge.dispute.closed", "a_new_name", "dispute"),
            ("customer.deleted", "customer", "customer"),
            ("customer.subscription.deleted", "subscription", None),
            ("invoice.paid", "customer", None),
            ("", None, None),
        ],
    )
    def test_table(self, event_type: str, object_type: str | None, kind: str | None) -> None:
        assert family_of(event_type, object_type) == kind

    def test_refunds_and_disputes_are_mirrored(self, world: World) -> None:
        customer = world.customer()
        world.save_card(customer)
        view = world.charge(customer)
        charge = stripe_account.get(world, f"/v1/payment_intents/{view.last.payment_intent}")[
            "latest_charge"
        ]
        refund = stripe_account.post(world, "/v1/refunds", charge=charge, amount="100")["id"]
        world.clock.advance(seconds=1)
        for type_, object_type, object_id in (
            ("charge.refunded", "charge", charge),
            ("refund.created", "refund", refund),
        ):
            subject = {"id": object_id, "object": object_type}
            receive(world, event(type_, object_id, data={"object": subject}))
        world.services.webhooks.process_due()
        assert set(states(world)) == {"processed"}
        database = sqlite3.connect(world.settings.database)
        found = database.execute("SELECT id, amount_refunded FROM stripe_charges").fetchall()
        assert found == [(charge, 100)]
        assert database.execute("SELECT id, amount FROM stripe_refunds").fetchall() == [
            (refund, 100)
        ]
        database.close()


class TestRepeats:
    def test_are_counted(self, world: World) -> None:
        for _ in range(3):
            receive(world, event())
        [row] = inbox(world)
        assert (row["repeats"], row["webhook_at"]) == (2, world.now)

    def test_of_one_that_was_done_are_not_done_again(self, world: World) -> None:
        customer = world.customer()
        receive(world, event(object_id=customer))
        world.services.webhooks.process_due()
        before = world.services.gateway.requests
        assert not receive(world, event(object_id=customer))
        assert world.services.webhooks.process_due() == 0
        assert world.services.gateway.requests == before

    def test_polling_had_it_first(self, world: World) -> None:
        customer = world.customer()
        listed = Event("evt_1", "customer.updated", False, None, 1, customer, "customer", None)
        world.services.webhooks.take_listed([listed])
        assert inbox(world)[0]["webhook_at"] is None
        world.clock.advance(minutes=5)
        assert not receive(world, event(object_id=customer, id="evt_1"), at=world.now - 3)
        [row] = inbox(world)
        assert (row["webhook_at"], row["repeats"], row["signature_age"]) == (world.now, 0, 3)

    def test_polling_again_is_no_repeat(self, world: World) -> None:
        listed = Event("evt_1", "customer.updated", False, None, 1, "cus_1", "customer", None)
        receive(world, event(id="evt_1"))
        assert world.services.webhooks.take_listed([listed]) == 0
        assert inbox(world)[0]["repeats"] == 0


class TestOrderAndClocks:
    def test_an_older_event_after_a_newer_one_never_overwrites(self, world: World) -> None:
        customer = world.customer("First")
        stripe_account.post(world, f"/v1/customers/{customer}", name="Second")
        world.clock.advance(seconds=1)
        for number, created in enumerate((200, 100)):
            old = {"id": customer, "object": "customer", "name": "First"}
            given = event(object_id=customer, created=created, data={"object": old})
            receive(world, given | {"id": f"evt_{number}"})
            world.services.webhooks.process_due()
            assert world.services.customers.get(customer).name == "Second"
        assert states(world) == ["processed", "processed"]

    def test_an_event_from_the_future_is_processed_as_any_other(self, world: World) -> None:
        customer = world.customer()
        receive(world, event(object_id=customer, created=world.now + 10**6))
        world.services.webhooks.process_due()
        assert states(world) == ["processed"]

    def test_our_clock_once_ran_ahead(self, world: World) -> None:
        """Neither what arrived then nor what failed then waits for that day to come."""
        customer = world.customer()
        world.clock.advance(days=30)
        receive(world, event("customer.updated", bad(world)))
        world.services.webhooks.process_due()
        receive(world, event("customer.updated", customer))
        world.clock.advance(days=-30)
        assert world.services.webhooks.process_due() == 2
        assert states(world) == ["failed", "processed"]

    def test_new_ones_in_the_order_of_arrival_whatever_the_clock_said(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked: list[str] = []
        monkeypatch.setattr(world.services.webhooks.refetcher, "customer", asked.append)
        for number, minutes in enumerate((60, -120, 30)):
            receive(world, event(object_id=f"cus_{number}"))
            world.clock.advance(minutes=minutes)
        world.services.webhooks.process_due()
        assert asked == ["cus_0", "cus_1", "cus_2"]
