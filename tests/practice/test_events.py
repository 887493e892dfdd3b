"""Events that practice Stripe keeps and lists."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .account import GOOD, Account, refused


class TestEvents:
    def test_tells_which_request_made_it(self, account: Account) -> None:
        made = account.client.v1.customers.create({}, {"idempotency_key": "mine"})
        [event] = account.client.v1.events.list().data
        assert event.request.idempotency_key == "mine"
        assert event.request.id == made.last_response.request_id
        assert (event.type, event.api_version) == ("customer.created", "2026-10-28.endive")
        assert event.data.object["id"] == made.id
        assert event.pending_webhooks == 1

    def test_what_the_page_does_has_no_request(self, account: Account) -> None:
        account.saved()
        [event] = account.client.v1.events.list({"type": "setup_intent.succeeded"}).data
        assert (event.request.id, event.request.idempotency_key) == (None, None)

    def test_holds_the_object_as_it_was_then(self, account: Account) -> None:
        made = account.customer()
        account.client.v1.customers.update(made.id, {"name": "Bob"})
        newest, oldest = account.client.v1.events.list().data
        assert (newest.data.object["name"], oldest.data.object["name"]) == ("Bob", "Alice")

    def test_is_never_expanded(self, account: Account) -> None:
        customer = account.customer()
        session = account.link(customer=customer.id)
        account.submit(session.id)
        account.session(session.id, "customer", "setup_intent.payment_method")
        [event] = account.client.v1.events.list({"type": "checkout.session.completed"}).data
        assert event.data.object["customer"] == customer.id

    def test_filters(self, account: Account) -> None:
        account.customer()
        account.clock.advance(minutes=1)
        account.saved()
        listed = account.client.v1.events.list

        def types(**filters: Any) -> list[str]:
            return [event.type for event in listed(filters).data]

        assert types(type="customer.created") == ["customer.created"]
        assert types(type="setup_intent.*") == ["setup_intent.succeeded", "setup_intent.created"]
        assert types(types=["customer.created", "checkout.session.completed"]) == [
            "checkout.session.completed",
            "customer.created",
        ]
        assert "customer.created" not in types(created={"gte": account.clock.epoch})
        assert types(delivery_success=True) == []
        assert len(types(delivery_success=False)) == 4

    @pytest.mark.parametrize(
        "filters",
        [
            {"type": "a.b", "types": ["a.b"]},
            {"types": ["customer.created"] * 21},
            {"type": "a' OR 1"},
        ],
    )
    def test_refused_filters(self, account: Account, filters: dict[str, Any]) -> None:
        with refused(400):
            account.client.v1.events.list(filters)

    def test_are_shown_for_thirty_days(self, account: Account) -> None:
        account.customer()
        [event] = account.client.v1.events.list().data
        account.clock.advance(days=29)
        assert account.client.v1.events.retrieve(event.id).id == event.id
        account.clock.advance(days=2)
        assert account.client.v1.events.list().data == []
        with refused(404, "resource_missing", "No such event"):
            account.client.v1.events.retrieve(event.id)

    def test_each_waits_for_its_delivery(self, account: Account) -> None:
        account.customer()
        connection = account.practice.database.connection()
        rows = connection.execute("SELECT * FROM deliveries").fetchall()
        events = connection.execute("SELECT id, payload FROM events").fetchall()
        assert [row["event_id"] for row in rows] == [event["id"] for event in events]
        assert [(row["state"], row["attempts"]) for row in rows] == [("pending", 0)]
        assert rows[0]["next_try_at"] == account.clock.epoch
        assert json.loads(events[0]["payload"])["type"] == "customer.created"
        connection.execute("UPDATE deliveries SET state = 'delivered'")
        assert account.client.v1.events.list().data[0].pending_webhooks == 0

    def test_every_type_that_a_mirror_needs(self, account: Account) -> None:
        v1, practice = account.client.v1, account.practice
        customer = account.customer().id
        v1.customers.update(customer, {"name": "Bob"})
        good = account.saved(customer=customer)
        account.saved("4000002760003184", customer=customer)
        for number in ("4000000000000002", GOOD):
            account.submit(account.link(customer=customer).id, number)
        v1.payment_methods.update(good, {"metadata": {"a": "b"}})
        practice.renew_card(good, exp_month=7, exp_year=2031)
        v1.checkout.sessions.expire(account.link().id)
        account.charge(customer, good)
        held = account.charge(customer, good, capture_method="manual")
        v1.payment_intents.cancel(held.id)
        with refused(402):
            account.charge(customer, account.saved("4000000000000341", customer=customer))
        asks = account.saved("4000002500003155", customer=customer)
        account.charge(customer, asks, off_session=None)
        slow = account.saved("4000900000000292", customer=customer)
        practice.settle_processing(account.charge(customer, slow).id)
        for number in (GOOD, "4000000000007726", "4000000000005126"):
            paid = account.charge(customer, account.saved(number, customer=customer))
            v1.refunds.create({"payment_intent": paid.id, "amount": 100})
        account.charge(customer, account.saved("4000000000000259", customer=customer))
        practice.close_dispute(v1.disputes.list().data[0].id, won=False)
        v1.payment_methods.detach(good)
        account.clock.advance(minutes=2)
        v1.customers.delete(customer)
        listed = v1.events.list({"limit": 100}).auto_paging_iter()
        assert {event.type for event in listed} == {
            "customer.created",
            "customer.updated",
            "customer.deleted",
            "payment_method.attached",
            "payment_method.updated",
            "payment_method.automatically_updated",
            "payment_method.detached",
            "setup_intent.created",
            "setup_intent.requires_action",
            "setup_intent.succeeded",
            "setup_intent.setup_failed",
            "setup_intent.canceled",
            "checkout.session.completed",
            "checkout.session.expired",
            "payment_intent.created",
            "payment_intent.succeeded",
            "payment_intent.processing",
            "payment_intent.requires_action",
            "payment_intent.payment_failed",
            "payment_intent.amount_capturable_updated",
            "payment_intent.canceled",
            "charge.succeeded",
            "charge.failed",
            "charge.pending",
            "charge.refunded",
            "refund.created",
            "refund.updated",
            "refund.failed",
            "charge.dispute.created",
            "charge.dispute.closed",
        }

    def test_deleting_a_customer_detaches_its_methods_first(self, account: Account) -> None:
        customer = account.customer().id
        method = account.saved(customer=customer)
        account.client.v1.customers.delete(customer)
        assert account.event_types()[-2:] == ["payment_method.detached", "customer.deleted"]
        assert account.client.v1.payment_methods.retrieve(method).customer is None

    def test_refused_request_leaves_none(self, account: Account) -> None:
        with refused(400):
            account.customer(email="nonsense")
        assert account.event_types() == []
