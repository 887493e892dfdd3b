"""PaymentIntents of practice Stripe: charged, declined, refused, cancelled, listed."""

from __future__ import annotations

from typing import Any

import pytest

from .account import Account, refused


@pytest.fixture
def customer(account: Account) -> str:
    return str(account.customer().id)


@pytest.fixture
def method(account: Account, customer: str) -> str:
    return account.saved(customer=customer)


class TestSuccess:
    def test_money_moves_once(self, account: Account, customer: str, method: str) -> None:
        intent = account.charge(
            customer, method, key="attempt-1", metadata={"charge_id": "7"}, expand=["latest_charge"]
        )
        assert (intent.status, intent.amount_received) == ("succeeded", 1099)
        charge = intent.latest_charge
        assert (charge.status, charge.paid, charge.captured) == ("succeeded", True, True)
        assert charge.outcome.type == "authorized"
        assert charge.balance_transaction is None
        assert charge.payment_method_details.card.last4 == "4242"
        [moved] = account.practice.money_moved()
        assert (moved.kind, moved.amount, moved.currency) == ("charge", 1099, "usd")
        assert (moved.payment_intent, moved.charge) == (intent.id, charge.id)
        assert (moved.customer, moved.idempotency_key) == (customer, "attempt-1")
        assert moved.metadata == {"charge_id": "7"}
        assert moved.moved_at == account.clock()
        assert account.event_types()[-3:] == [
            "payment_intent.created",
            "charge.succeeded",
            "payment_intent.succeeded",
        ]
        account.clock.advance(seconds=10)
        assert account.client.v1.balance.retrieve().pending[0].amount == 1099 - 62

    def test_money_moved_cannot_be_rewritten(
        self, account: Account, customer: str, method: str
    ) -> None:
        account.charge(customer, method)
        connection = account.practice.database.connection()
        for statement in ("UPDATE money_moved SET amount = 1", "DELETE FROM money_moved"):
            with pytest.raises(Exception, match="append-only"):
                connection.execute(statement)

    def test_fresh_token_serves_one_payment(self, account: Account) -> None:
        intent = account.charge(None, "pm_card_visa")
        assert intent.status == "succeeded"
        with refused(400, message="may not be used again"):
            account.charge(None, intent.payment_method)

    def test_automatic_methods_without_redirects(
        self, account: Account, customer: str, method: str
    ) -> None:
        intent = account.charge(
            customer,
            method,
            allowed_payment_method_types=None,
            automatic_payment_methods={"enabled": True, "allow_redirects": "never"},
        )
        assert intent.status == "succeeded"


class TestRefusedRequests:
    @pytest.mark.parametrize(
        ("change", "code", "message"),
        [
            ({"amount": 0}, "parameter_invalid_integer", "greater than or equal to 1"),
            ({"amount": -1}, "parameter_invalid_integer", ""),
            ({"amount": 49}, "amount_too_small", "at least 0.50 usd"),
            ({"amount": 10**12}, "amount_too_large", ""),
            ({"amount": 10.5}, "parameter_invalid_integer", "Invalid integer"),
            ({"currency": "jpy", "amount": 49}, "amount_too_small", "at least 50 jpy"),
            ({"currency": "mxn", "amount": 999}, "amount_too_small", ""),
            ({"currency": "kwd", "amount": 5124}, "invalid_charge_amount", ""),
            ({"currency": "ugx", "amount": 200050}, "invalid_charge_amount", ""),
            ({"currency": "zzz"}, None, "Invalid currency"),
            ({"confirm": None}, None, "off_session"),
            ({"setup_future_usage": "off_session"}, None, "setup_future_usage"),
            ({"payment_method": None}, "payment_intent_unexpected_state", ""),
            ({"payment_method": "pm_none"}, "resource_missing", "No such PaymentMethod"),
            ({"customer": "cus_none"}, "resource_missing", "No such customer"),
            ({"statement_descriptor": "CLUB"}, None, "statement_descriptor_suffix"),
            ({"statement_descriptor_suffix": "a<b"}, None, "suffix"),
            ({"description": "x" * 1001}, None, "1000"),
            ({"payment_method_types": ["card"]}, "payment_method_types_no_longer_supported", ""),
            ({"automatic_payment_methods": {"enabled": True}}, None, "only specify one"),
            ({"allowed_payment_method_types": None}, None, "return_url"),
            (
                {
                    "allowed_payment_method_types": None,
                    "automatic_payment_methods": {"enabled": True},
                },
                None,
                "return_url",
            ),
            ({"allowed_payment_method_types": ["link"]}, None, "not allowed"),
            ({"off_session": "perhaps"}, None, "off_session"),
            ({"metadata": {"a[b]": "c"}}, None, ""),
        ],
    )
    def test_nothing_happens(
        self,
        account: Account,
        customer: str,
        method: str,
        change: dict[str, Any],
        code: str | None,
        message: str,
    ) -> None:
        with refused(400, code, message):
            account.charge(**({"customer": customer, "method": method} | _named(change)))
        assert account.client.v1.payment_intents.list().data == []
        assert account.practice.money_moved() == []

    def test_largest_amounts(self, account: Account, customer: str, method: str) -> None:
        assert account.charge(customer, method, amount=10**12 - 1).status == "succeeded"
        amex = account.attached("pm_card_amex", customer).id
        with refused(400, "amount_too_large"):
            account.charge(customer, amex, amount=10**9)

    def test_return_url_lets_automatic_methods_through(
        self, account: Account, customer: str, method: str
    ) -> None:
        intent = account.charge(
            customer,
            method,
            allowed_payment_method_types=None,
            return_url="https://app.example.com/back",
        )
        assert intent.status == "succeeded"

    def test_method_of_another_customer(self, account: Account, method: str) -> None:
        other = account.customer()
        with refused(400, message="does not have a payment method"):
            account.charge(other.id, method)

    def test_customer_left_out(self, account: Account, method: str) -> None:
        with refused(400, message="include the Customer"):
            account.charge(None, method)


class TestDeclined:
    def test_every_field_of_the_402(self, account: Account, customer: str) -> None:
        method = account.saved("4000008260003178", customer=customer)
        with refused(402, "card_declined", "insufficient funds") as refusal:
            account.charge(customer, method, metadata={"charge_id": "7"})
        body = refusal.value.json_body["error"]
        assert body["type"] == "card_error"
        assert body["decline_code"] == "insufficient_funds"
        assert body["advice_code"] == "try_again_later"
        assert body["network_decline_code"] == "51"
        assert body["doc_url"].endswith("card-declined")
        assert refusal.value.request_id in body["request_log_url"]
        assert body["payment_method"]["id"] == method
        intent = account.client.v1.payment_intents.retrieve(
            body["payment_intent"]["id"], {"expand": ["latest_charge"]}
        )
        assert body["payment_intent"]["status"] == intent.status == "requires_payment_method"
        assert intent.last_payment_error.decline_code == "insufficient_funds"
        assert intent.last_payment_error.payment_method.id == method
        assert intent.payment_method is None
        charge = intent.latest_charge
        assert (charge.id, charge.status, charge.paid) == (body["charge"], "failed", False)
        assert charge.failure_code == "card_declined"
        assert charge.outcome.reason == "insufficient_funds"
        assert charge.outcome.network_status == "declined_by_network"
        assert charge.metadata.to_dict() == {"charge_id": "7"}
        assert account.event_types()[-3:] == [
            "payment_intent.created",
            "charge.failed",
            "payment_intent.payment_failed",
        ]
        assert account.practice.money_moved() == []

    def test_card_that_has_expired_since(
        self, account: Account, customer: str, method: str
    ) -> None:
        account.clock.advance(days=365 * 4 + 30)
        assert account.charge(customer, method).status == "succeeded"
        account.clock.advance(days=31)
        with refused(402, "expired_card") as refusal:
            account.charge(customer, method)
        assert refusal.value.error.decline_code == "expired_card"

    def test_failed_intent_is_confirmed_again_with_another_card(
        self, account: Account, customer: str, method: str
    ) -> None:
        bad = account.saved("4000000000000341", customer=customer)
        with refused(402) as refusal:
            account.charge(customer, bad)
        intent = refusal.value.error.payment_intent
        done = account.client.v1.payment_intents.confirm(
            intent.id, {"payment_method": method, "off_session": True}
        )
        assert (done.status, done.last_payment_error) == ("succeeded", None)
        with refused(400, "payment_intent_unexpected_state") as late:
            account.client.v1.payment_intents.confirm(intent.id, {"payment_method": method})
        assert late.value.error.payment_intent.id == intent.id


class TestOnSession:
    def test_card_that_asks(self, account: Account, customer: str) -> None:
        method = account.saved("4000002500003155", customer=customer)
        intent = account.charge(customer, method, off_session=None)
        assert (intent.status, intent.latest_charge) == ("requires_action", None)
        with refused(402, "authentication_required"):
            account.charge(customer, method, off_session=None, error_on_requires_action=True)


class TestCancelCaptureUpdate:
    def test_cancel_after_a_decline(self, account: Account, customer: str) -> None:
        method = account.saved("4000000000000341", customer=customer)
        with refused(402) as refusal:
            account.charge(customer, method)
        intent_id = refusal.value.error.payment_intent.id
        gone = account.client.v1.payment_intents.cancel(
            intent_id, {"cancellation_reason": "abandoned"}
        )
        assert (gone.status, gone.cancellation_reason) == ("canceled", "abandoned")
        assert gone.canceled_at == account.clock.epoch
        assert account.event_types()[-1] == "payment_intent.canceled"
        with refused(400, "payment_intent_unexpected_state"):
            account.client.v1.payment_intents.cancel(intent_id)

    def test_success_cannot_be_cancelled(
        self, account: Account, customer: str, method: str
    ) -> None:
        intent = account.charge(customer, method)
        with refused(400, "payment_intent_unexpected_state", "status of succeeded") as refusal:
            account.client.v1.payment_intents.cancel(intent.id)
        assert refusal.value.error.payment_intent.status == "succeeded"

    def test_capture_later_in_part(self, account: Account, customer: str, method: str) -> None:
        intent = account.charge(customer, method, capture_method="manual")
        assert (intent.status, intent.amount_capturable) == ("requires_capture", 1099)
        assert account.practice.money_moved() == []
        with refused(400, "amount_too_large"):
            account.client.v1.payment_intents.capture(intent.id, {"amount_to_capture": 1100})
        done = account.client.v1.payment_intents.capture(intent.id, {"amount_to_capture": 1000})
        assert (done.status, done.amount_received) == ("succeeded", 1000)
        assert [moved.amount for moved in account.practice.money_moved()] == [1000]

    def test_held_amount_is_released(self, account: Account, customer: str, method: str) -> None:
        intent = account.charge(customer, method, capture_method="manual")
        account.client.v1.payment_intents.cancel(intent.id)
        assert account.client.v1.charges.list({"payment_intent": intent.id}).data[0].refunded
        assert account.practice.money_moved() == []

    def test_metadata_is_changed(self, account: Account, customer: str, method: str) -> None:
        intent = account.charge(customer, method, metadata={"a": "1"})
        changed = account.client.v1.payment_intents.update(intent.id, {"metadata": {"b": "2"}})
        assert changed.metadata.to_dict() == {"a": "1", "b": "2"}


class TestFind:
    def test_list_filters(self, account: Account, customer: str, method: str) -> None:
        intent = account.charge(customer, method)
        account.charge(None, "pm_card_visa")
        listed = account.client.v1.payment_intents.list
        assert [i.id for i in listed({"customer": customer}).data] == [intent.id]
        assert len(listed({"created": {"gte": account.clock.epoch}}).data) == 2
        charges = account.client.v1.charges.list
        assert len(charges({"customer": customer}).data) == 1
        assert charges({"payment_intent": intent.id}).data[0].id == intent.latest_charge
        with refused(400, "parameter_unknown"):
            listed({"status": "succeeded"})

    def test_search_by_metadata_lags(self, account: Account, customer: str, method: str) -> None:
        intent = account.charge(customer, method, metadata={"charge_id": "7"})
        query = {"query": 'metadata["charge_id"]:"7"'}
        assert account.client.v1.payment_intents.search(query).data == []
        account.clock.advance(minutes=2)
        result = account.client.v1.payment_intents.search(query)
        assert [i.id for i in result.data] == [intent.id]

    def test_search_by_time_presence_and_with_the_total(
        self, account: Account, customer: str, method: str
    ) -> None:
        first = account.charge(customer, method, metadata={"shop": "A", "number": "1"})
        account.clock.advance(hours=1)
        second = account.charge(customer, method, metadata={"shop": "B"})
        account.charge(customer, method)
        account.clock.advance(hours=1)

        def found(query: str) -> set[str]:
            return {i.id for i in account.client.v1.payment_intents.search({"query": query}).data}

        assert found("-metadata['shop']:null") == {first.id, second.id}
        assert found("-metadata['shop']:null AND -metadata['shop']:'A'") == {second.id}
        assert found("-metadata['shop']:null AND metadata['number']:null") == {second.id}
        assert found(f"metadata['shop']:'A' AND created<{second.created}") == {first.id}
        assert found(f"-metadata['shop']:null AND created>={second.created}") == {second.id}
        page = account.client.v1.payment_intents.search(
            {"query": "created>0", "limit": 2, "expand": ["total_count"]}
        )
        assert (page["total_count"], page.has_more) == (3, True)
        with refused(400, message="unsupported search field"):
            found("reference>1")

    def test_search_that_this_account_does_not_have(self, account: Account) -> None:
        account.practice.faults.add("GET", "/v1/payment_intents/search", kind="search_unavailable")
        with refused(400, message="unavailable for merchant"):
            account.client.v1.payment_intents.search({"query": "created>0"})


def _named(change: dict[str, Any]) -> dict[str, Any]:
    return {
        ("method" if name == "payment_method" else name): value for name, value in change.items()
    }
