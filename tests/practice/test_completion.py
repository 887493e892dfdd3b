"""Checkout Sessions that are completed on the hosted page, and cards that are refused there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lib.practice import CardRefused, Completed, NeedsAuthentication

from .account import GOOD, Account, card_form, refused


class TestComplete:
    def test_card_is_saved_to_the_customer(self, account: Account) -> None:
        customer = account.customer()
        session = account.link(customer=customer.id)
        step = account.submit(session.id, "4242 4242 4242 4242")
        assert step == Completed(f"https://app.example.com/done?session={session.id}")
        done = account.session(session.id, "setup_intent.payment_method")
        assert (done.status, done.url) == ("complete", None)
        assert done.setup_intent.status == "succeeded"
        method = done.setup_intent.payment_method
        assert (method.customer, method.card.last4, method.card.brand) == (
            customer.id,
            "4242",
            "visa",
        )
        assert (method.card.exp_month, method.card.exp_year) == (12, 2030)
        assert method.billing_details.email == "alice@example.com"
        assert account.event_types() == [
            "customer.created",
            "setup_intent.created",
            "payment_method.attached",
            "setup_intent.succeeded",
            "checkout.session.completed",
        ]

    def test_same_number_gives_a_new_method_with_the_same_fingerprint(
        self, account: Account
    ) -> None:
        customer = account.customer()
        first, second = (account.saved(customer=customer.id) for _ in range(2))
        other = account.saved("5555555555554444", customer=customer.id)
        methods = [account.client.v1.payment_methods.retrieve(m) for m in (first, second, other)]
        prints = [method.card.fingerprint for method in methods]
        assert first != second
        assert prints[0] == prints[1] != prints[2]

    def test_number_is_not_kept(self, account: Account) -> None:
        account.saved(customer=account.customer().id)
        directory = account.practice.database.path.parent
        for path in Path(directory).iterdir():
            assert GOOD.encode() not in path.read_bytes()
        assert GOOD not in repr(card_form())

    def test_customer_without_email_gets_the_typed_one(self, account: Account) -> None:
        customer = account.client.v1.customers.create({"name": "Bob"})
        session = account.link(customer=customer.id)
        assert isinstance(account.submit(session.id, email=None), CardRefused)
        account.submit(session.id, email="bob@example.com")
        assert account.client.v1.customers.retrieve(customer.id).email == "bob@example.com"
        assert account.session(session.id).customer_details.email == "bob@example.com"
        assert "customer.updated" in account.event_types()

    def test_known_email_is_not_overwritten(self, account: Account) -> None:
        customer = account.customer()
        session = account.link(customer=customer.id)
        account.submit(session.id, email="mallory@example.com")
        assert account.client.v1.customers.retrieve(customer.id).email == "alice@example.com"

    def test_customer_creation(self, account: Account) -> None:
        session = account.link(customer_creation="always")
        account.submit(session.id)
        done = account.session(session.id, "customer", "setup_intent.payment_method")
        assert done.customer.email == "alice@example.com"
        assert done.setup_intent.payment_method.customer == done.customer.id

    def test_ended_sessions_take_no_card(self, account: Account) -> None:
        complete, expired = account.link(), account.link()
        account.submit(complete.id)
        account.client.v1.checkout.sessions.expire(expired.id)
        late = account.link()
        account.clock.advance(hours=25)
        for session in (complete, expired, late):
            assert isinstance(account.submit(session.id), CardRefused)
        assert isinstance(account.submit("cs_test_none"), CardRefused)
        assert [intent.status for intent in account.client.v1.setup_intents.list().data] == [
            "canceled",
            "canceled",
            "succeeded",
        ]


class TestWithoutCustomer:
    def test_method_is_unattached_until_attached(self, account: Account) -> None:
        session = account.link()
        account.submit(session.id)
        done = account.session(session.id, "setup_intent.payment_method")
        assert done.customer is None
        method = done.setup_intent.payment_method
        assert method.customer is None
        assert "payment_method.attached" not in account.event_types()
        customer = account.customer()
        assert account.attached(method.id, customer.id).customer == customer.id
        assert account.charge(customer.id, method.id).status == "succeeded"

    @pytest.mark.parametrize("names_customer", [True, False])
    def test_charging_before_attaching_burns_it(
        self, account: Account, names_customer: bool
    ) -> None:
        method = account.saved()
        customer = account.customer()
        with refused(400, message="must attach it to a Customer first"):
            account.charge(customer.id if names_customer else None, method)
        with refused(400, message="may not be used again"):
            account.attached(method, customer.id)
        with refused(400, message="may not be used again"):
            account.charge(customer.id, method)
        assert account.practice.money_moved() == []


class TestAuthentication:
    def test_approved(self, account: Account) -> None:
        customer = account.customer()
        session = account.link(customer=customer.id)
        step = account.practice.submit_card(session.id, card_form("4000002500003155"))
        assert step == NeedsAuthentication()
        view = account.practice.checkout(session.id)
        assert view is not None
        assert view.is_authentication_pending
        waiting = account.client.v1.setup_intents.retrieve(session.setup_intent)
        assert (waiting.status, waiting.next_action.type) == ("requires_action", "use_stripe_sdk")
        assert isinstance(
            account.practice.answer_authentication(session.id, approve=True), Completed
        )
        assert "setup_intent.requires_action" in account.event_types()

    def test_failed_leaves_the_session_open(self, account: Account) -> None:
        session = account.link()
        account.practice.submit_card(session.id, card_form("4000002760003184"))
        step = account.practice.answer_authentication(session.id, approve=False)
        assert isinstance(step, CardRefused)
        intent = account.client.v1.setup_intents.retrieve(session.setup_intent)
        assert intent.last_setup_error.code == "setup_intent_authentication_failure"
        assert intent.status == "requires_payment_method"
        assert account.event_types()[-1] == "setup_intent.setup_failed"
        assert account.session(session.id).status == "open"
        assert isinstance(account.submit(session.id), Completed)

    def test_nothing_to_answer(self, account: Account) -> None:
        session = account.link()
        assert isinstance(
            account.practice.answer_authentication(session.id, approve=True), CardRefused
        )
        account.submit(session.id)
        assert isinstance(
            account.practice.answer_authentication(session.id, approve=True), CardRefused
        )

    def test_refused_by_the_bank_after_authentication(self, account: Account) -> None:
        session = account.link()
        assert isinstance(account.submit(session.id, "4000008400001629"), CardRefused)
        assert account.session(session.id).status == "open"


class TestRefusedCards:
    @pytest.mark.parametrize(
        ("number", "message", "decline_code"),
        [
            ("4000000000000002", "Your card was declined.", "generic_decline"),
            ("4000000000009995", "insufficient funds", "insufficient_funds"),
            ("4000000000009987", "Your card was declined.", "lost_card"),
            ("4000000000009979", "Your card was declined.", "stolen_card"),
            ("4000000000006975", "too frequently", "card_velocity_exceeded"),
            ("4000000000000069", "expired", "expired_card"),
            ("4000000000000127", "security code is incorrect", "incorrect_cvc"),
            ("4000000000000119", "error occurred while processing", "processing_error"),
        ],
    )
    def test_by_the_bank(
        self, account: Account, number: str, message: str, decline_code: str
    ) -> None:
        session = account.link()
        step = account.submit(session.id, number)
        assert isinstance(step, CardRefused)
        assert message in step.message
        intent = account.client.v1.setup_intents.retrieve(session.setup_intent)
        assert intent.last_setup_error.decline_code == decline_code
        assert intent.payment_method is None
        assert account.event_types()[-1] == "setup_intent.setup_failed"
        attempts = account.client.v1.setup_attempts.list({"setup_intent": intent.id}).data
        assert [attempt.status for attempt in attempts] == ["failed"]
        assert isinstance(account.submit(session.id), Completed)

    @pytest.mark.parametrize(
        ("number", "changes", "message"),
        [
            ("4242424242424241", {}, "number is invalid"),
            ("", {}, "number is invalid"),
            ("４２４２", {}, "number is invalid"),
            ("4111111111111111", {}, "non test"),
            (GOOD, {"exp_month": 13}, "month is invalid"),
            (GOOD, {"exp_year": 2025}, "year is in the past"),
            (GOOD, {"exp_year": 2026, "exp_month": 10}, "in the past"),
            (GOOD, {"cvc": "12"}, "security code"),
            (GOOD, {"cvc": "abc"}, "security code"),
            ("378282246310005", {"cvc": "123"}, "security code"),
            (GOOD, {"email": "alice"}, "email"),
            ("DE89370400440532013000", {}, "not offered"),
        ],
    )
    def test_by_the_page_itself(
        self, account: Account, number: str, changes: dict[str, Any], message: str
    ) -> None:
        session = account.link()
        step = account.submit(session.id, number, **changes)
        assert isinstance(step, CardRefused)
        assert message in step.message
        assert account.event_types() == ["setup_intent.created"]

    def test_two_digit_year_means_this_century(self, account: Account) -> None:
        session = account.link()
        assert isinstance(account.submit(session.id, exp_year=31), Completed)


class TestView:
    def test_shows_what_the_page_needs(self, account: Account) -> None:
        session = account.link(
            customer=account.customer().id,
            cancel_url="https://app.example.com/back",
            custom_text={"submit": {"message": "You allow us to charge this card."}},
        )
        view = account.practice.checkout(session.id)
        assert view is not None
        assert (view.status, view.customer_email, view.is_email_locked) == (
            "open",
            "alice@example.com",
            True,
        )
        assert view.texts == ("You allow us to charge this card.",)
        assert view.cancel_url == "https://app.example.com/back"
        assert view.success_url.endswith(session.id)
        assert int(view.expires_at.timestamp()) == session.expires_at

    def test_unknown_and_ended(self, account: Account) -> None:
        assert account.practice.checkout("cs_test_none") is None
        session = account.link()
        account.clock.advance(days=2)
        view = account.practice.checkout(session.id)
        assert view is not None
        assert view.status == "expired"
