"""The balance: gross, fee and net of everything that moved, when it is available, and payouts."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
import stripe

from .account import GOOD, Account

DISPUTED, REFUND_FAILS = "4000000000000259", "4000000000005126"
BRITISH = "4000008260000000"


def charged(account: Account, number: str = GOOD, **given: Any) -> stripe.PaymentIntent:
    customer = account.customer().id
    link = {"currency": given["currency"]} if "currency" in given else {}
    method = account.saved(number, customer=customer, **link)
    return account.charge(customer, method, **given)


def transactions(account: Account, **filters: Any) -> list[stripe.BalanceTransaction]:
    """Oldest first."""
    params: Any = {"limit": 100, **filters}
    return account.client.v1.balance_transactions.list(params).data[::-1]


def settled(account: Account) -> None:
    account.clock.advance(seconds=10)


class TestTransactions:
    def test_a_charge_has_none_at_first(self, account: Account) -> None:
        """`capture_method: automatic_async`, the default since API version 2024-04-10."""
        intent = charged(account, expand=["latest_charge"])
        assert intent.latest_charge.balance_transaction is None
        assert transactions(account) == []
        settled(account)
        [booked] = transactions(account)
        charge = account.client.v1.charges.retrieve(
            intent.latest_charge.id, {"expand": ["balance_transaction"]}
        )
        assert (charge.balance_transaction.id, booked.source) == (booked.id, charge.id)
        assert (booked.amount, booked.fee, booked.net) == (1099, 62, 1037)
        assert [detail.amount for detail in booked.fee_details] == [62]

    @pytest.mark.parametrize(
        ("number", "given", "expected"),
        [
            (GOOD, {"amount": 10_000}, ("charge", 10_000, 320)),
            (BRITISH, {"amount": 10_000}, ("charge", 10_000, 470)),
            (
                "000123456789",
                {"amount": 10_000, "type": "us_bank_account"},
                ("payment", 10_000, 80),
            ),
            (
                "000123456789",
                {"amount": 900_000, "type": "us_bank_account"},
                ("payment", 900_000, 500),
            ),
        ],
    )
    def test_fees(
        self, account: Account, number: str, given: dict[str, Any], expected: tuple[str, int, int]
    ) -> None:
        type_ = given.pop("type", "card")
        intent = charged(account, number, allowed_payment_method_types=[type_], **given)
        if intent.status == "processing":
            account.practice.settle_processing(intent.id)
        settled(account)
        [booked] = transactions(account)
        assert (booked.type, booked.amount, booked.fee) == expected

    def test_another_currency_becomes_the_accounts_own(self, account: Account) -> None:
        charged(account, amount=10_000, currency="eur")
        settled(account)
        [booked] = transactions(account)
        assert booked.exchange_rate == pytest.approx(1 / 0.86, abs=1e-6)
        assert (booked.currency, booked.amount) == ("usd", 11_628)
        assert booked.fee == 337 + 30 + 116

    def test_with_a_bank_account_of_its_own_it_stays(self, account: Account) -> None:
        account.practice.configure({"settlement_currencies": ["usd", "eur"]})
        charged(account, amount=10_000, currency="eur")
        settled(account)
        [booked] = transactions(account, currency="eur")
        assert (booked.amount, booked.fee, booked.exchange_rate) == (10_000, 315, None)

    def test_refund_gives_back_the_gross_and_keeps_the_fee(self, account: Account) -> None:
        intent = charged(account)
        refund = account.client.v1.refunds.create({"payment_intent": intent.id, "amount": 500})
        settled(account)
        _, back = transactions(account)
        assert (back.type, back.amount, back.fee, back.net) == ("refund", -500, 0, -500)
        assert account.client.v1.refunds.retrieve(refund.id).balance_transaction == back.id

    def test_a_failed_refund_comes_back(self, account: Account) -> None:
        intent = charged(account, REFUND_FAILS)
        refund = account.client.v1.refunds.create({"payment_intent": intent.id})
        account.clock.advance(minutes=2)
        account.client.v1.refunds.retrieve(refund.id)
        settled(account)
        assert [(one.type, one.amount) for one in transactions(account)] == [
            ("charge", 1099),
            ("refund", -1099),
            ("refund_failure", 1099),
        ]

    @pytest.mark.parametrize("is_won", [True, False])
    def test_a_dispute_takes_the_sum_and_a_fee(self, account: Account, is_won: bool) -> None:
        charged(account, DISPUTED)
        [dispute] = account.client.v1.disputes.list().data
        account.clock.advance(days=1)
        account.practice.close_dispute(dispute.id, won=is_won)
        settled(account)
        moved = [(one.reporting_category, one.amount, one.fee) for one in transactions(account)]
        assert moved[:2] == [("charge", 1099, 62), ("dispute", -1099, 1500)]
        assert moved[2:3] == ([("dispute_reversal", 1099, 0)] if is_won else [])
        named = account.client.v1.disputes.retrieve(dispute.id).balance_transactions
        assert [one.amount for one in named] == [-1099, 1099][: 1 + is_won]


class TestPayouts:
    """The clock stands at Monday, 2 November 2026, 9:00 UTC."""

    def test_what_is_available_leaves_at_midnight(self, account: Account) -> None:
        charged(account)
        account.clock.advance(days=2)
        [booked] = transactions(account)
        wednesday = datetime(2026, 11, 4, tzinfo=UTC)
        assert (booked.available_on, booked.status) == (int(wednesday.timestamp()), "available")
        assert account.client.v1.payouts.list().data == []
        account.clock.advance(days=1)
        [payout] = account.client.v1.payouts.list().data
        assert (payout.amount, payout.automatic, payout.status) == (1037, True, "in_transit")
        inside = transactions(account, payout=payout.id)
        assert sum(one.net for one in inside) == 0
        assert {one.type for one in inside} == {"charge", "payout"}
        account.clock.advance(days=1)
        assert account.client.v1.payouts.retrieve(payout.id).status == "paid"
        balance = account.client.v1.balance.retrieve()
        assert (balance.available[0].amount, balance.pending[0].amount) == (0, 0)

    def test_what_is_owed_waits_for_what_comes(self, account: Account) -> None:
        charged(account, DISPUTED)
        account.clock.advance(days=7)
        assert account.client.v1.payouts.list().data == []
        assert account.client.v1.balance.retrieve().available[0].amount == -1562
        charged(account, amount=10_000)
        account.clock.advance(days=7)
        [payout] = account.client.v1.payouts.list().data
        assert payout.amount == 9_680 - 1_562

    def test_one_a_currency_and_nothing_twice(self, account: Account) -> None:
        account.practice.configure({"settlement_currencies": ["usd", "eur", "gbp"]})
        for day in range(10):
            for currency in ("usd", "eur", "gbp"):
                intent = charged(account, currency=currency, amount=5_000 + day)
                if day % 3 == 0:
                    account.client.v1.refunds.create({"payment_intent": intent.id, "amount": 700})
            account.clock.advance(days=1)
        account.clock.advance(days=5)
        payouts = account.client.v1.payouts.list({"limit": 100}).data
        assert len({(one.currency, one.created) for one in payouts}) == len(payouts)
        for currency in ("usd", "eur", "gbp"):
            booked = transactions(account, currency=currency)
            earned = sum(one.net for one in booked if one.type != "payout")
            assert earned == sum(one.amount for one in payouts if one.currency == currency) > 0
            moved = [one for one in account.practice.money_moved() if one.currency == currency]
            gross = sum(one.amount if one.kind == "charge" else -one.amount for one in moved)
            assert gross == sum(one.amount for one in booked if one.type != "payout")

    def test_manual_payouts_are_none(self, account: Account) -> None:
        account.practice.configure({"payouts": "manual"})
        charged(account)
        account.clock.advance(days=9)
        assert account.client.v1.payouts.list().data == []
        assert account.client.v1.balance.retrieve().available[0].amount == 1037

    def test_permissions(self, account: Account, connect: Any) -> None:
        account.practice.faults.deny("rk_test_1", "rak_payout_read", "rak_balance_transaction_read")
        client = connect("rk_test_1")
        for read in (client.v1.payouts.list, client.v1.balance_transactions.list):
            with pytest.raises(stripe.PermissionError):
                read()
