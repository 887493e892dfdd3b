"""Payments that a bank decides on days later."""

from __future__ import annotations

from typing import Any

import pytest

from .account import Account, refused


@pytest.fixture
def customer(account: Account) -> str:
    return str(account.customer().id)


class TestProcessing:
    @pytest.fixture
    def bank_account(self, account: Account, customer: str) -> str:
        return account.saved("DE89370400440532013000", customer=customer, currency="eur")

    def _debit(self, account: Account, customer: str, bank_account: str) -> Any:
        return account.charge(
            customer, bank_account, currency="eur", allowed_payment_method_types=["sepa_debit"]
        )

    def test_bank_debit_settles_later(
        self, account: Account, customer: str, bank_account: str
    ) -> None:
        method = account.client.v1.payment_methods.retrieve(bank_account)
        assert (method.type, method.sepa_debit.last4) == ("sepa_debit", "3000")
        intent = self._debit(account, customer, bank_account)
        assert intent.status == "processing"
        assert account.practice.money_moved() == []
        with refused(400, "payment_intent_unexpected_state"):
            account.client.v1.payment_intents.cancel(intent.id)
        account.practice.settle_processing(intent.id)
        settled = account.client.v1.payment_intents.retrieve(intent.id)
        assert (settled.status, settled.amount_received) == ("succeeded", 1099)
        assert len(account.practice.money_moved()) == 1
        with pytest.raises(ValueError, match="not processing"):
            account.practice.settle_processing(intent.id)

    def test_bank_debit_fails_later(
        self, account: Account, customer: str, bank_account: str
    ) -> None:
        intent = self._debit(account, customer, bank_account)
        account.practice.settle_processing(intent.id, succeed=False)
        failed = account.client.v1.payment_intents.retrieve(
            intent.id, {"expand": ["latest_charge"]}
        )
        assert (failed.status, failed.latest_charge.status) == ("requires_payment_method", "failed")
        assert account.event_types()[-2:] == ["charge.failed", "payment_intent.payment_failed"]
        assert account.practice.money_moved() == []

    def test_card_that_notifies_first(self, account: Account, customer: str) -> None:
        intent = account.charge(customer, account.saved("4000900000000292", customer=customer))
        assert intent.status == "processing"
        assert intent.processing.card.customer_notification.completes_at > account.clock.epoch
