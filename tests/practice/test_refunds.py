"""Refunds of practice Stripe: whole, in parts, pending and failed."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from .account import GOOD, Account, refused


@pytest.fixture
def paid(account: Account) -> stripe.PaymentIntent:
    return _paid(account, GOOD)


def _paid(account: Account, number: str) -> stripe.PaymentIntent:
    customer = account.customer().id
    return account.charge(customer, account.saved(number, customer=customer))


def test_whole(account: Account, paid: stripe.PaymentIntent) -> None:
    refund = account.client.v1.refunds.create(
        {"payment_intent": paid.id, "reason": "requested_by_customer", "metadata": {"a": "b"}}
    )
    assert (refund.status, refund.amount, refund.charge) == ("succeeded", 1099, paid.latest_charge)
    charge = account.client.v1.charges.retrieve(paid.latest_charge, {"expand": ["refunds"]})
    assert (charge.refunded, charge.amount_refunded) == (True, 1099)
    assert [r.id for r in charge.refunds.data] == [refund.id]
    assert account.event_types()[-2:] == ["refund.created", "charge.refunded"]
    assert [(m.kind, m.amount) for m in account.practice.money_moved()] == [
        ("charge", 1099),
        ("refund", 1099),
    ]
    with refused(400, "charge_already_refunded"):
        account.client.v1.refunds.create({"payment_intent": paid.id})


def test_in_parts_never_too_much(account: Account, paid: stripe.PaymentIntent) -> None:
    create = account.client.v1.refunds.create
    create({"charge": paid.latest_charge, "amount": 1000})
    assert not account.client.v1.charges.retrieve(paid.latest_charge).refunded
    with refused(400, message="greater than unrefunded amount"):
        create({"charge": paid.latest_charge, "amount": 100})
    create({"charge": paid.latest_charge})
    assert [
        r.amount for r in account.client.v1.refunds.list({"charge": paid.latest_charge}).data
    ] == [99, 1000]


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"charge": "ch_none"},
        {"payment_intent": "pi_none"},
        {"charge": "ch_1", "payment_intent": "pi_1"},
        {"charge": "ch_1", "amount": 0},
        {"charge": "ch_1", "reason": "changed my mind"},
    ],
)
def test_refused(account: Account, given: dict[str, Any]) -> None:
    with refused(400):
        account.client.v1.refunds.create(given)


def test_what_was_not_paid_is_not_refunded(account: Account) -> None:
    with refused(402) as refusal:
        _paid(account, "4000000000000341")
    with refused(400):
        account.client.v1.refunds.create({"payment_intent": refusal.value.error.payment_intent.id})
    with refused(400):
        account.client.v1.refunds.create({"charge": refusal.value.error.charge})


def test_pending_refund_ends_later(account: Account) -> None:
    paid = _paid(account, "4000000000007726")
    refund = account.client.v1.refunds.create({"payment_intent": paid.id})
    assert refund.status == "pending"
    assert len(account.practice.money_moved()) == 1
    account.clock.advance(minutes=2)
    assert account.client.v1.refunds.retrieve(refund.id).status == "succeeded"
    assert account.event_types()[-1] == "refund.updated"
    assert len(account.practice.money_moved()) == 2


def test_refund_fails_later(account: Account) -> None:
    paid = _paid(account, "4000000000005126")
    refund = account.client.v1.refunds.create({"payment_intent": paid.id})
    assert refund.status == "succeeded"
    account.clock.advance(minutes=2)
    failed = account.client.v1.refunds.retrieve(refund.id, {"expand": ["charge"]})
    assert (failed.status, failed.failure_reason) == ("failed", "expired_or_canceled_card")
    assert (failed.charge.refunded, failed.charge.amount_refunded) == (False, 0)
    assert account.event_types()[-1] == "refund.failed"
    assert [moved.kind for moved in account.practice.money_moved()] == ["charge"]


def test_metadata_is_changed(account: Account, paid: stripe.PaymentIntent) -> None:
    refund = account.client.v1.refunds.create({"payment_intent": paid.id})
    changed = account.client.v1.refunds.update(refund.id, {"metadata": {"note": "1"}})
    assert changed.metadata.to_dict() == {"note": "1"}
