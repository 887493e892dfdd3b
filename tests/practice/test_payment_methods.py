"""Payment methods of practice Stripe: attached, detached, updated, set up."""

from __future__ import annotations

import pytest

from .account import Account, refused


class TestAttach:
    def test_token_makes_a_new_method_each_time(self, account: Account) -> None:
        customer = account.customer()
        first, second = (account.attached("pm_card_visa", customer.id) for _ in range(2))
        assert first.id != second.id
        assert first.card.fingerprint == second.card.fingerprint
        listed = account.client.v1.customers.payment_methods.list(customer.id, {"type": "card"})
        assert [m.id for m in listed.data] == [second.id, first.id]

    def test_customer_is_required_and_must_exist(self, account: Account) -> None:
        with refused(400, "parameter_missing"):
            account.client.v1.payment_methods.attach("pm_card_visa", {})
        with refused(400, "resource_missing", "No such customer"):
            account.attached("pm_card_visa", "cus_nobody")
        with refused(404, "resource_missing", "No such PaymentMethod: 'pm_none'"):
            account.attached("pm_none", account.customer().id)

    def test_attached_method_is_not_attached_again(self, account: Account) -> None:
        customer, other = account.customer(), account.customer()
        method = account.attached("pm_card_visa", customer.id)
        with refused(400, message="already been attached"):
            account.attached(method.id, other.id)

    @pytest.mark.parametrize(
        "token", ["pm_card_visa_chargeDeclined", "pm_card_chargeDeclinedProcessingError"]
    )
    def test_cards_that_cannot_be_attached(self, account: Account, token: str) -> None:
        customer = account.customer()
        with refused(402):
            account.attached(token, customer.id)
        assert account.client.v1.customers.payment_methods.list(customer.id).data == []

    def test_one_method_of_a_customer(self, account: Account) -> None:
        customer, other = account.customer(), account.customer()
        method = account.attached("pm_card_visa", customer.id)
        retrieve = account.client.v1.customers.payment_methods.retrieve
        assert retrieve(customer.id, method.id).id == method.id
        with refused(400, "resource_missing"):
            retrieve(other.id, method.id)


class TestDetach:
    def test_is_irreversible(self, account: Account) -> None:
        customer = account.customer()
        method = account.attached("pm_card_visa", customer.id)
        gone = account.client.v1.payment_methods.detach(method.id)
        assert gone.customer is None
        event = account.client.v1.events.list({"type": "payment_method.detached"}).data[0]
        assert event.data.previous_attributes["customer"] == customer.id
        with refused(400, message="may not be used again"):
            account.attached(method.id, customer.id)
        with refused(400, message="may not be used again"):
            account.charge(customer.id, method.id)
        with refused(400, message="not attached"):
            account.client.v1.payment_methods.detach(method.id)


class TestUpdate:
    def test_expiry_and_billing_details(self, account: Account) -> None:
        customer = account.customer()
        method = account.attached("pm_card_visa", customer.id)
        changed = account.client.v1.payment_methods.update(
            method.id,
            {"card": {"exp_month": 1, "exp_year": 2029}, "billing_details": {"name": "Alice B"}},
        )
        assert (changed.card.exp_month, changed.card.exp_year) == (1, 2029)
        assert changed.billing_details.name == "Alice B"
        assert account.event_types()[-1] == "payment_method.updated"

    def test_only_while_attached(self, account: Account) -> None:
        method = account.saved()
        with refused(400, message="save this PaymentMethod to a customer"):
            account.client.v1.payment_methods.update(method, {"metadata": {"a": "b"}})


def test_card_numbers_are_not_taken_by_api(account: Account) -> None:
    with refused(400, message="no card numbers"):
        account.client.v1.payment_methods.create(
            {"type": "card", "card": {"number": "4242424242424242", "exp_month": 1, "exp_year": 30}}
        )


class TestSetupIntents:
    def test_own_intent_is_confirmed(self, account: Account) -> None:
        customer = account.customer()
        intents = account.client.v1.setup_intents
        intent = intents.create({"customer": customer.id, "payment_method": "pm_card_visa"})
        assert intent.status == "requires_confirmation"
        done = intents.confirm(intent.id, {"expand": ["payment_method"]})
        assert (done.status, done.payment_method.customer) == ("succeeded", customer.id)
        with refused(400, "setup_intent_unexpected_state"):
            intents.cancel(intent.id)

    def test_refused_card(self, account: Account) -> None:
        with refused(402, "card_declined") as refusal:
            account.client.v1.setup_intents.create(
                {"payment_method": "pm_card_visa_chargeDeclined", "confirm": True}
            )
        assert refusal.value.error.setup_intent.status == "requires_payment_method"

    def test_list_filters(self, account: Account) -> None:
        customer = account.customer()
        method = account.saved(customer=customer.id)
        account.saved()
        listed = account.client.v1.setup_intents.list
        assert len(listed().data) == 2
        assert len(listed({"customer": customer.id}).data) == 1
        assert len(listed({"payment_method": method}).data) == 1
        with refused(400, "parameter_unknown"):
            listed({"status": "succeeded"})

    def test_cancel(self, account: Account) -> None:
        intent = account.client.v1.setup_intents.create({})
        gone = account.client.v1.setup_intents.cancel(
            intent.id, {"cancellation_reason": "abandoned"}
        )
        assert (gone.status, gone.cancellation_reason) == ("canceled", "abandoned")
        with refused(404, "resource_missing"):
            account.client.v1.mandates.retrieve("mandate_1")
