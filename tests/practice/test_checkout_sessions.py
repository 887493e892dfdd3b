"""Checkout Sessions of practice Stripe: made, expired, listed."""

from __future__ import annotations

from typing import Any

import pytest

from .account import SUCCESS_URL, Account, refused


class TestCreate:
    def test_open_session(self, account: Account) -> None:
        customer = account.customer()
        session = account.link(
            customer=customer.id,
            metadata={"link": "1"},
            setup_intent_data={"metadata": {"intent": "2"}, "description": "Monthly"},
            client_reference_id="ours",
        )
        assert session.id.startswith("cs_test_")
        assert (session.status, session.mode) == ("open", "setup")
        assert session.payment_status == "no_payment_required"
        assert session.url == f"https://pay.example.com/practice/checkout/{session.id}"
        assert session.expires_at == account.clock.epoch + 24 * 3600
        assert session.success_url == SUCCESS_URL
        assert session.customer_details.email == "alice@example.com"
        assert session.metadata.to_dict() == {"link": "1"}
        intent = account.client.v1.setup_intents.retrieve(session.setup_intent)
        assert intent.metadata.to_dict() == {"intent": "2"}
        assert (intent.status, intent.usage) == ("requires_payment_method", "off_session")
        assert (intent.customer, intent.description) == (customer.id, "Monthly")

    def test_types_follow_the_currency(self, account: Account) -> None:
        assert "us_bank_account" in account.link(currency="USD").payment_method_types
        assert "sepa_debit" in account.link(currency="eur").payment_method_types
        assert account.link(currency="chf").payment_method_types == ["card", "klarna", "link"]
        assert account.link(currency="isk").payment_method_types == ["card", "link"]

    def test_allowed_types_filter_silently_and_need_no_currency(self, account: Account) -> None:
        session = account.link(currency=None, allowed_payment_method_types=["card", "blik"])
        assert session.payment_method_types == ["card"]
        assert session.currency is None

    def test_unknown_customer(self, account: Account) -> None:
        with refused(400, "resource_missing", "No such customer: 'cus_nobody'"):
            account.link(customer="cus_nobody")

    @pytest.mark.parametrize(
        ("change", "param"),
        [
            ({"currency": None}, "currency"),
            ({"currency": "xxx"}, "currency"),
            ({"mode": None}, "mode"),
            ({"mode": "payment"}, "mode"),
            ({"mode": "subscription"}, "mode"),
            ({"success_url": None}, "success_url"),
            ({"success_url": "app.example.com"}, "success_url"),
            ({"success_url": "javascript:alert(1)"}, "success_url"),
            ({"cancel_url": "/back"}, "cancel_url"),
            ({"ui_mode": "hosted"}, "ui_mode"),
            ({"ui_mode": "elements"}, "ui_mode"),
            ({"client_reference_id": "x" * 201}, "client_reference_id"),
            ({"line_items": [{"price": "price_1", "quantity": 1}]}, "line_items"),
            ({"phone_number_collection": {"enabled": True}}, "phone_number_collection"),
            ({"submit_type": "pay"}, "submit_type"),
            ({"setup_intent_data": {"usage": "on_session"}}, "setup_intent_data[usage]"),
            ({"customer_update": {"name": "auto"}}, "customer_update"),
            ({"allowed_payment_method_types": ["blik"]}, "allowed_payment_method_types"),
            ({"locale": "klingon"}, "locale"),
            ({"after_expiration": {"recovery": {"enabled": True}}}, "after_expiration"),
            ({"metadata": {"k": "v" * 501}}, "metadata[k]"),
            (
                {"setup_intent_data": {"metadata": {"k": "v" * 501}}},
                "setup_intent_data[metadata][k]",
            ),
        ],
    )
    def test_refused(self, account: Account, change: dict[str, Any], param: str) -> None:
        with refused(400) as refusal:
            account.link(**change)
        assert refusal.value.param == param
        assert account.client.v1.checkout.sessions.list().data == []
        assert account.client.v1.setup_intents.list().data == []

    def test_payment_method_types_are_gone(self, account: Account) -> None:
        with refused(400, "payment_method_types_no_longer_supported", "no longer supported"):
            account.link(payment_method_types=["card"])

    @pytest.mark.parametrize(
        "other", [{"customer_email": "x@example.com"}, {"customer_creation": "always"}]
    )
    def test_customer_excludes(self, account: Account, other: dict[str, str]) -> None:
        with refused(400, message="You may only specify one of these parameters: customer"):
            account.link(customer=account.customer().id, **other)

    @pytest.mark.parametrize(
        ("seconds", "allowed"), [(1799, False), (1800, True), (86400, True), (86401, False)]
    )
    def test_expiry_bounds(self, account: Account, seconds: int, allowed: bool) -> None:
        expires_at = account.clock.epoch + seconds
        if allowed:
            assert account.link(expires_at=expires_at).expires_at == expires_at
            return
        with refused(400, message="expires_at") as refusal:
            account.link(expires_at=expires_at)
        assert refusal.value.param == "expires_at"


class TestEnd:
    def test_expires_by_the_clock_once(self, account: Account) -> None:
        session = account.link()
        account.clock.advance(hours=23, minutes=59)
        assert account.session(session.id).status == "open"
        account.clock.advance(minutes=5)
        for _ in range(2):
            ended = account.session(session.id, "setup_intent")
            assert (ended.status, ended.url) == ("expired", None)
            assert ended.setup_intent.status == "canceled"
        expiries = account.client.v1.events.list({"type": "checkout.session.expired"}).data
        assert [event.data.object["id"] for event in expiries] == [session.id]
        assert expiries[0].data.object["status"] == "expired"
        assert expiries[0].created == session.expires_at
        assert expiries[0].request.id is None

    def test_status_filter_knows_the_clock(self, account: Account) -> None:
        session = account.link()
        account.clock.advance(days=2)
        listed = account.client.v1.checkout.sessions.list
        assert listed({"status": "open"}).data == []
        assert [s.id for s in listed({"status": "expired"}).data] == [session.id]

    def test_expire_by_api(self, account: Account) -> None:
        session = account.link()
        ended = account.client.v1.checkout.sessions.expire(session.id)
        assert (ended.status, ended.url) == ("expired", None)
        assert account.event_types()[-1] == "checkout.session.expired"
        with refused(400, message="status of `expired`"):
            account.client.v1.checkout.sessions.expire(session.id)

    def test_complete_session_cannot_be_expired(self, account: Account) -> None:
        session = account.link()
        account.submit(session.id)
        with refused(400, message="status of `complete`"):
            account.client.v1.checkout.sessions.expire(session.id)

    def test_its_setup_intent_is_led_by_the_session(self, account: Account) -> None:
        session = account.link()
        with refused(400, "setup_intent_unexpected_state"):
            account.client.v1.setup_intents.cancel(session.setup_intent)
        with refused(400, "setup_intent_unexpected_state"):
            account.client.v1.setup_intents.confirm(
                session.setup_intent, {"payment_method": "pm_card_visa"}
            )


class TestList:
    def test_filters(self, account: Account) -> None:
        alice, bob = account.customer(), account.customer(email="bob@example.com")
        first, second = account.link(customer=alice.id), account.link(customer=bob.id)
        account.link()
        account.submit(second.id)
        listed = account.client.v1.checkout.sessions.list

        def ids(**filters: Any) -> list[str]:
            return [session.id for session in listed(filters).data]

        assert ids(customer=alice.id) == [first.id]
        assert ids(status="complete") == [second.id]
        assert ids(customer_details={"email": "bob@example.com"}) == [second.id]
        assert len(ids(created={"gte": account.clock.epoch})) == 3
        assert ids(created={"gt": account.clock.epoch}) == []

    def test_there_is_no_mode_filter(self, account: Account) -> None:
        with refused(400, "parameter_unknown", "Received unknown parameter: mode"):
            account.client.v1.checkout.sessions.list({"mode": "setup"})
